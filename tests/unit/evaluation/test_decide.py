"""Probabilities beside an index, before any bundle exists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.decision import Decision, DecisionRule
from vision_ft.data.index import SCHEMA, SLICE, Index
from vision_ft.evaluation.decide import decided, table_from_index


def small_index() -> Index:
    columns = {
        "path": ["a/1.png", "b/2.png"],
        "targets": [["good"], ["crack"]],
        "part": ["p1", "p2"],
        "group": ["g1", "g2"],
        "split": ["train", "train"],
        "digest": ["0" * 64, "1" * 64],
        "width": [4, 4],
        "height": [4, 4],
        "mask": [None, None],
        "slice.camera": ["left", None],
    }
    schema = SCHEMA.append(pa.field(SLICE + "camera", pa.string()))
    return Index(
        root=Path("root"),
        table=pa.table(columns, schema=schema),
        classes=(ClassInfo(id="crack"), ClassInfo(id="good", good=True)),
    )


def test_an_index_and_probabilities_make_a_table() -> None:
    table = table_from_index(small_index(), np.array([[0.2, 0.8], [0.6, 0.4]], dtype=np.float32))
    assert table.origin == "out-of-fold"
    assert table.targets.tolist() == [1, 0]
    assert table.parts.tolist() == ["p1", "p2"]
    assert table.groups.tolist() == ["g1", "g2"]
    assert str(table.paths[0]).endswith("root/a/1.png")
    assert table.slices["camera"].tolist() == ["left", ""]
    assert table.decisions == (Decision.PASS, Decision.REJECT)


def test_a_rule_decides_by_score_by_probability_and_by_distance() -> None:
    table = table_from_index(
        small_index(), np.array([[0.2, 0.8], [0.6, 0.4]]), distances=np.array([0.9, 0.1]),
        rule=DecisionRule(pass_below=0.3, reject_from=0.7),
    )  # fmt: skip
    assert table.decisions == (Decision.PASS, Decision.REVIEW)
    assert decided(table, DecisionRule(abstain_below=0.7)).decisions == (Decision.PASS, Decision.REVIEW)
    assert decided(table, DecisionRule(distance_limit=0.5)).decisions == (Decision.REVIEW, Decision.REJECT)
