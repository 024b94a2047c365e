"""Figures of a validation pass during training: quick, per class, and one that is the objective.

They steer (checkpoint, early stopping, warnings). What is reported comes from the bundle.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.classes import ClassInfo
from vision_ft.recipe.objective import Objective


def validation_metrics(
    probabilities: NDArray[np.float64],
    targets: NDArray[np.int64],
    classes: Sequence[ClassInfo],
    objective: Objective,
) -> dict[str, float]:
    """Figures of probabilities [N, C] on class numbers [N]; every one is better when higher, but `loss`."""
    top = probabilities.argmax(axis=1)
    chosen = np.clip(probabilities[np.arange(len(targets)), targets], 1e-12, 1.0)
    recalls, f1s = [], []
    for number in np.unique(targets):
        hit = float(((top == number) & (targets == number)).sum())
        labelled, answered = float((targets == number).sum()), float((top == number).sum())
        recalls.append(hit / labelled)
        f1s.append(2 * hit / (labelled + answered))
    figures = {
        "loss": float(-np.log(chosen).mean()),
        "accuracy": float((top == targets).mean()),
        "balanced_accuracy": float(np.mean(recalls)),
        "macro_f1": float(np.mean(f1s)),
    }
    return {**figures, "objective": _objective(probabilities, targets, classes, objective, figures)}


def _objective(
    probabilities: NDArray[np.float64],
    targets: NDArray[np.int64],
    classes: Sequence[ClassInfo],
    objective: Objective,
    figures: dict[str, float],
) -> float:
    good = np.array([c.good for c in classes])
    is_bad = ~good[targets]
    if not objective.stated or not good.any() or is_bad.all() or not is_bad.any():
        # The log-likelihood breaks ties among the few values that macro-F1 takes on few parts.
        return figures["macro_f1"] - 0.01 * figures["loss"]
    scores = 1.0 - probabilities[:, good].sum(axis=1)
    edges = np.unique(np.concatenate([[0.0], scores, [np.inf]]))
    escape = np.array([(scores[is_bad] < e).mean() for e in edges])
    overkill = np.array([(scores[~is_bad] >= e).mean() for e in edges])
    if objective.cost_escape is not None and objective.cost_overkill is not None:
        rate = objective.defect_rate or 0.5
        cost = objective.cost_escape * rate * escape + objective.cost_overkill * (1 - rate) * overkill
        return float(1.0 - cost.min() / (objective.cost_escape * rate + objective.cost_overkill * (1 - rate)))
    escape_limit = 1.0 if objective.max_escape_rate is None else objective.max_escape_rate
    overkill_limit = 1.0 if objective.max_overkill_rate is None else objective.max_overkill_rate
    excess = np.maximum(escape - escape_limit, 0) + np.maximum(overkill - overkill_limit, 0)
    best = np.lexsort((escape + overkill, excess))[0]
    return float(1.0 - excess[best] - 0.1 * (escape[best] + overkill[best]))
