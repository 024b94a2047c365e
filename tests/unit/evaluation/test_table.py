"""The table keeps labels and answers together, and refuses what does not fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vision_ft.bundle.decision import Decision
from vision_ft.errors import DataError
from vision_ft.evaluation.table import PredictionTable, concat, read_table

MakeTable = Callable[..., PredictionTable]
P3 = [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.3, 0.5]]


def test_what_follows_from_probabilities(make_table: MakeTable) -> None:
    table = make_table([0, 2, 2], P3, good=(0, 1))
    assert table.labels.tolist() == [0, 1, 2]
    assert table.confidence.tolist() == [0.7, 0.6, 0.5]
    assert table.bad_scores is not None
    np.testing.assert_allclose(table.bad_scores, [0.1, 0.3, 0.5])
    assert table.is_bad is not None
    assert table.is_bad.tolist() == [False, True, True]


def test_without_a_good_class_nothing_is_bad_or_good(make_table: MakeTable) -> None:
    table = make_table([0, 2, 2], P3, good=())
    assert table.bad_scores is None
    assert table.is_bad is None


def test_select_by_mask_and_by_rows(make_table: MakeTable) -> None:
    table = make_table([0, 1, 2], P3, slices={"camera": ["a", "b", "a"]})
    by_mask = table.select(np.array([True, False, True]))
    by_rows = table.select(np.array([2, 0]))
    assert by_mask.paths.tolist() == ["images/0.png", "images/2.png"]
    assert by_rows.targets.tolist() == [2, 0]
    assert by_rows.slices["camera"].tolist() == ["a", "a"]
    assert by_rows.decisions == (table.decisions[2], table.decisions[0])
    with pytest.raises(ValueError, match="mask"):
        table.select(np.array([True]))


def test_parquet_gives_back_every_column(make_table: MakeTable, tmp_path: Path) -> None:
    table = make_table(
        [0, 1, 2], P3, names=["Good, really", "Crack", "Größe"], slices={"line": ["a", "", "b"]},
        seen=[True, False, False], distances=[0.1, float("nan"), 0.3], origin="out-of-fold",
        decisions=[Decision.PASS, Decision.REVIEW, Decision.REJECT],
    )  # fmt: skip
    table.write(tmp_path / "new" / "predictions.parquet")
    again = read_table(tmp_path / "new" / "predictions.parquet")
    assert again.classes == table.classes
    assert again.decisions == table.decisions
    assert again.origin == "out-of-fold"
    for name in ("paths", "targets", "probabilities", "distances", "parts", "groups", "seen"):
        np.testing.assert_array_equal(getattr(again, name), getattr(table, name))
    assert again.slices["line"].tolist() == ["a", "", "b"]


def test_an_empty_table_survives_the_round_trip(make_table: MakeTable, tmp_path: Path) -> None:
    empty = make_table([0, 1, 2], P3).select(np.zeros(3, dtype=np.bool_))
    empty.write(tmp_path / "none.parquet")
    assert len(read_table(tmp_path / "none.parquet")) == 0


def test_reading_something_else_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.parquet"):
        read_table(tmp_path / "gone.parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(DataError, match="no predictions"):
        read_table(tmp_path / "other.parquet")


def test_concat_fills_a_slice_that_one_table_lacks(make_table: MakeTable) -> None:
    one = make_table([0, 1, 2], P3, slices={"line": ["a", "b", "c"]})
    both = concat([one, make_table([0, 1, 2], P3)])
    assert len(both) == 6
    assert both.slices["line"].tolist() == ["a", "b", "c", "", "", ""]
    with pytest.raises(ValueError, match="classes or origins"):
        concat([one, replace(one, origin="out-of-fold")])
    with pytest.raises(ValueError, match="no tables"):
        concat([])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"targets": np.array([0, 1, 3])}, "targets lie in"),
        ({"probabilities": np.array([[0.9, 0.9, 0.9]] * 3)}, "sum to one"),
        ({"probabilities": np.eye(2)}, "do not fit"),
        ({"decisions": (Decision.PASS,)}, "decisions has 1"),
        ({"origin": "guess"}, "origin"),
    ],
)
def test_columns_that_do_not_fit_are_refused(make_table: MakeTable, change: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(make_table([0, 1, 2], P3), **change)  # type: ignore[arg-type]
