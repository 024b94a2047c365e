"""Which images a person should look at, and what is to be seen there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.decision import Decision
from vision_ft.evaluation.judging import Exhibit
from vision_ft.evaluation.table import PredictionTable
from vision_ft.tasks.anomaly.labels import KIND

_MISSED, _ALARMS, _FOUND = 12, 8, 6
"""How many of each kind are shown."""


def exhibits(table: PredictionTable, scores: NDArray[np.float64], threshold: float | None) -> tuple[Exhibit, ...]:
    """Missed defects (the lowest scores first), false alarms (the highest first), and what was found most clearly.

    `scores` are raw ones [N]; those that are no number are left out.
    """
    if table.is_bad is None or threshold is None:
        return ()
    passed = np.array([one is Decision.PASS for one in table.decisions], dtype=np.bool_)
    rejected = np.array([one is Decision.REJECT for one in table.decisions], dtype=np.bool_)
    known = np.isfinite(scores)
    shown: list[Exhibit] = []
    for kind, which, rising, most in (
        ("missed", table.is_bad & passed, True, _MISSED),
        ("false alarm", ~table.is_bad & rejected, False, _ALARMS),
        ("found", table.is_bad & rejected, False, _FOUND),
    ):
        rows = np.flatnonzero(which & known)
        order = rows[np.argsort(scores[rows] if rising else -scores[rows], kind="stable")]
        shown += [_exhibit(table, int(row), kind, float(scores[row]), threshold) for row in order[:most]]
    return tuple(shown)


def _exhibit(table: PredictionTable, row: int, kind: str, score: float, threshold: float) -> Exhibit:
    named = str(table.slices[KIND][row]) if KIND in table.slices else ""
    label = named or table.classes[int(table.targets[row])].title
    caption = f"labelled {label}, score {score:.2f} ({score / threshold:.2f} of the threshold)"
    return Exhibit(str(table.paths[row]), kind, caption, bad=kind != "found")
