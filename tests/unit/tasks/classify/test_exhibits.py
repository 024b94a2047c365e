"""Right answers that the report shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.support.plain_manifest import plain_manifest
from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.decision import Decision
from vision_ft.evaluation.table import PredictionTable
from vision_ft.tasks.classify.judge import JUDGE

CLASSES = (ClassInfo(id="good", name="Good", good=True), ClassInfo(id="dent"), ClassInfo(id="scratch"))


def test_of_each_class_the_surest_right_answer_is_shown() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.95, 0.05, 0.0], [0.1, 0.7, 0.2], [0.99, 0.0, 0.01]])
    names = np.array(["a", "b", "c", "d"])
    table = PredictionTable(
        classes=CLASSES,
        paths=np.array([Path(f"/nowhere/{name}.png").as_posix() for name in names]),
        targets=np.array([0, 0, 1, 2], np.int64),
        probabilities=probabilities,
        decisions=(Decision.PASS,) * 4,
        distances=np.full(4, np.nan),
        parts=names,
        groups=names,
        seen=np.zeros(4, np.bool_),
    )
    manifest = plain_manifest("classify", CLASSES, "probabilities")
    shown = JUDGE.observer(manifest).exhibits(table)
    # The scratch that was taken for a good part is among the mistakes.
    assert [(Path(one.path).name, one.caption, one.bad) for one in shown] == [
        ("b.png", "Good, answered with 0.95", False),
        ("c.png", "dent, answered with 0.70", False),
    ]
