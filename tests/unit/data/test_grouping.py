"""Grouping rules: which images become one part."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision_ft.data.grouping import (
    AnyRule,
    BlocksRule,
    ColumnRule,
    FolderRule,
    NoneRule,
    NumericGapRule,
    PartRule,
    RegexRule,
    keys,
    numeric_gap,
)
from vision_ft.errors import DataError


@pytest.mark.parametrize(
    ("rule", "paths", "expected"),
    [
        (RegexRule(rule="regex", pattern=r"^(.+)_s\d"), ["a/p1_s0.jpg", "b/p1_s1.jpg"], ["p1", "p1"]),
        (
            RegexRule(rule="regex", pattern=r"(?P<c>\w+)/(?P<t>\d+)_(\d)", search="path"),
            ["x/01_1.ppm", "y/01_2.ppm"],
            ["x/01", "y/01"],
        ),
        (
            NumericGapRule(rule="numeric_gap", pattern=r"(\d+)\.", gap=10),
            ["b/105.png", "a/100.png", "a/116.png"],
            ["000100", "000100", "000116"],
        ),
        (
            BlocksRule(rule="blocks", pattern=r"_(\d+)\.", size=30),
            ["x_1.jpg", "x_30.jpg", "x_31.jpg"],
            ["c/0000", "c/0000", "c/0001"],
        ),
        (FolderRule(rule="folder"), ["a/b/1.png", "a/2.png", "3.png"], ["a/b", "a", "."]),
        (FolderRule(rule="folder", depth=1), ["a/b/1.png", "a/2.png"], ["a", "a"]),
        (ColumnRule(rule="column", name="tile"), ["1.png", "2.png"], ["t1", "t1"]),
        (NoneRule(rule="none"), ["1.png", "2.png"], ["1.png", "2.png"]),
        (PartRule(rule="part"), ["1.png", "2.png"], ["p", "q"]),
    ],
    ids=lambda value: getattr(value, "rule", None),
)
def test_rules(rule: AnyRule, paths: list[str], expected: list[str]) -> None:
    targets = ["c"] * len(paths)
    assert keys(rule, paths, targets, parts=["p", "q"], columns={"tile": ["t1", "t1"]}) == expected


def test_blocks_do_not_reach_into_another_class() -> None:
    rule = BlocksRule(rule="blocks", pattern=r"_(\d+)\.", size=30)
    assert keys(rule, ["a_1.jpg", "b_2.jpg"], ["a", "b"]) == ["a/0000", "b/0000"]


def test_a_path_without_a_match_is_named() -> None:
    rule = NumericGapRule(rule="numeric_gap", pattern=r"num_(\w+)", gap=5)
    with pytest.raises(DataError, match=r"fails on 'exp\.jpg' and 1 more: expected a match"):
        keys(rule, ["num_1.jpg", "exp.jpg", "other.jpg"], ["a"] * 3)
    with pytest.raises(DataError, match=r"fails on 'num_x\.jpg': expected a number"):
        keys(rule, ["num_1", "num_x.jpg"], ["a"] * 2)


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match=r"'tile'.*got camera"):
        keys(ColumnRule(rule="column", name="tile"), ["a"], ["c"], columns={"camera": ["1"]})


@given(numbers=st.lists(st.integers(0, 2000), max_size=60), gap=st.integers(1, 100))
def test_runs_are_cut_exactly_at_the_gaps(numbers: list[int], gap: int) -> None:
    found = numeric_gap(numbers, gap)
    pairs = sorted(zip(numbers, found, strict=True))
    for (low, one), (high, other) in itertools.pairwise(pairs):
        assert (one == other) == (high - low <= gap)


@given(numbers=st.lists(st.integers(0, 2000), min_size=1, max_size=40), far=st.integers(5000, 9000))
def test_a_far_newcomer_renames_no_run(numbers: list[int], far: int) -> None:
    before = numeric_gap(numbers, 200)
    assert numeric_gap([far, *numbers], 200)[1:] == before
