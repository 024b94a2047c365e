"""Decisions on whole tables by a rule, with the very code that the service decides with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.decision import Decision, DecisionRule
from vision_ft.data.index import Index
from vision_ft.evaluation.table import PredictionTable


def decided(table: PredictionTable, rule: DecisionRule) -> PredictionTable:
    """The same predictions with the decisions that `rule` takes on them."""
    bad = table.bad_scores
    decisions: list[Decision] = []
    for row in range(len(table)):
        far = float(table.distances[row])
        decision, _ = rule.decide(
            top_probability=float(table.confidence[row]),
            top_is_good=bool(table.good[table.labels[row]]),
            bad_score=None if bad is None else float(bad[row]),
            distance=None if np.isnan(far) else far,
        )
        decisions.append(decision)
    return replace(table, decisions=tuple(decisions))


def table_from_index(
    index: Index,
    probabilities: NDArray[np.floating],
    *,
    rule: DecisionRule | None = None,
    distances: NDArray[np.floating] | None = None,
    seen: NDArray[np.bool_] | None = None,
    origin: str = "out-of-fold",
) -> PredictionTable:
    """Put probabilities [N, C] (classes in the index's order) beside the index's N images.

    Without a `rule` the most probable class decides; `decided` applies another one later.
    """
    count = len(index)
    paths = [str(index.root / path) for path in index.column("path")]
    slices = {name: [value or "" for value in index.column(f"slice.{name}")] for name in index.slices}
    table = PredictionTable(
        classes=index.classes,
        paths=np.array(paths, dtype=np.str_),
        targets=index.labels(),
        probabilities=np.asarray(probabilities, dtype=np.float64),
        decisions=(Decision.PASS,) * count,
        distances=np.full(count, np.nan) if distances is None else np.asarray(distances, dtype=np.float64),
        parts=np.array(index.column("part"), dtype=np.str_),
        groups=np.array(index.column("group"), dtype=np.str_),
        seen=np.zeros(count, dtype=np.bool_) if seen is None else seen,
        slices={name: np.array(values, dtype=np.str_) for name, values in slices.items()},
        origin=origin,
    )
    return decided(table, rule or DecisionRule())
