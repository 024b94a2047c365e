"""Escapes and overkill by part, counted by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vision_ft.bundle.decision import Decision
from vision_ft.evaluation.escape import escapes
from vision_ft.evaluation.parts import parts_of
from vision_ft.evaluation.table import PredictionTable

MakeTable = Callable[..., PredictionTable]
PASS, REVIEW, REJECT = Decision.PASS, Decision.REVIEW, Decision.REJECT


def test_by_part_the_worst_image_decides(make_table: MakeTable) -> None:
    # a: good, one image rejected. b: bad on one image, all pass. c: bad, caught by its other image.
    # d: good, under review. e: good, passes.
    rows = [
        ("a", 0, PASS), ("a", 0, REJECT), ("b", 1, PASS), ("b", 0, PASS), ("c", 1, PASS), ("c", 1, REJECT),
        ("d", 0, PASS), ("d", 0, REVIEW), ("e", 0, PASS),
    ]  # fmt: skip
    table = make_table(
        [row[1] for row in rows],
        [[0.5, 0.5]] * len(rows),
        parts=[row[0] for row in rows],
        decisions=[row[2] for row in rows],
    )
    found = escapes(table)
    assert (found.escape_rate.numerator, found.escape_rate.denominator) == (1, 2)
    assert (found.overkill_rate.numerator, found.overkill_rate.denominator) == (1, 3)
    assert (found.review_share.numerator, found.review_share.denominator) == (1, 5)
    assert found.escape_rate.value == 0.5


def test_a_part_scores_as_its_worst_image(make_table: MakeTable) -> None:
    table = make_table([0, 1, 0], [[0.9, 0.1], [0.3, 0.7], [0.6, 0.4]], parts=["x", "y", "x"])
    parts = parts_of(table)
    assert parts.ids.tolist() == ["x", "y"]
    assert parts.scores.tolist() == pytest.approx([0.4, 0.7])
    assert parts.is_bad.tolist() == [False, True]
    assert parts.of_image.tolist() == [0, 1, 0]


def test_what_is_not_defined_says_why(make_table: MakeTable) -> None:
    nothing_good = escapes(make_table([0, 1], [[0.5, 0.5]] * 2, good=()))
    assert nothing_good.escape_rate.value is None
    assert nothing_good.escape_rate.reason == "no class is declared good"
    assert nothing_good.review_share.value == 0.0
    all_good = escapes(make_table([0, 0], [[0.5, 0.5]] * 2))
    assert all_good.escape_rate.reason == "there is no defective part"
    assert all_good.overkill_rate.value == 0.0
    all_bad = escapes(make_table([1, 1], [[0.4, 0.6]] * 2))
    assert all_bad.overkill_rate.reason == "there is no good part"


def test_parts_of_one_group_are_not_independent(make_table: MakeTable) -> None:
    count = 40
    table = make_table([1] * count, [[0.1, 0.9]] * count, groups=[f"lot{i // 10}" for i in range(count)])
    rate = escapes(table).escape_rate
    assert (rate.value, rate.denominator, rate.trials) == (0.0, 40, 4.0)
    assert rate.high is not None
    assert rate.high > 0.5
    assert "40 defective parts in 4 groups" in rate.method
