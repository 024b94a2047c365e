"""Folds by group: never cut, evenly spread, the same every time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vision_ft.data.folds import group_folds, suggest
from vision_ft.data.index import Index
from vision_ft.errors import SplitError

MakeIndex = Callable[..., Index]
GROUPS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 4)), min_size=5, max_size=40)
within_fixture = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@within_fixture
@given(groups=GROUPS, k=st.integers(2, 5), seed=st.integers(0, 5))
def test_groups_are_whole_and_each_class_is_even(
    make_index: MakeIndex, groups: list[tuple[str, int]], k: int, seed: int
) -> None:
    index = make_index([(f"g{at}", target) for at, (target, size) in enumerate(groups) for _ in range(size)])
    folds = group_folds(index, k, seed)
    assert folds.min() >= 0
    assert folds.max() < k
    of = dict(zip(index.column("group"), folds.tolist(), strict=True))
    assert [of[group] for group in index.column("group")] == folds.tolist()
    for target in "abc":
        counts = np.bincount([of[f"g{at}"] for at, (one, _) in enumerate(groups) if one == target], minlength=k)
        assert counts.max() - counts.min() <= 1


def test_the_order_of_the_images_does_not_matter_and_the_seed_does(make_index: MakeIndex) -> None:
    index = make_index([(f"g{n}", "ab"[n % 2]) for n in range(20)])
    folds = group_folds(index, 4, 0)
    order = np.random.default_rng(0).permutation(20)
    assert (group_folds(index.select(order), 4, 0) == folds[order]).all()
    assert (group_folds(index, 4, 1) != folds).any()


def test_a_class_with_fewer_groups_than_folds_works(make_index: MakeIndex) -> None:
    index = make_index([(f"g{n}", "good") for n in range(10)] + [("r1", "rare"), ("r2", "rare")])
    folds = group_folds(index, 5, 0)
    assert len(set(folds[-2:])) == 2


def test_groups_of_several_classes_count_for_the_rarest(make_index: MakeIndex) -> None:
    images = [(f"m{n}", target) for n in range(4) for target in ("good", "crack")]
    images += [(f"g{n}", "good") for n in range(20)]
    folds = group_folds(make_index(images), 4, 0)
    assert sorted(set(folds[1:8:2].tolist())) == [0, 1, 2, 3]


@pytest.mark.parametrize("k", [1, 4])
def test_refuses_folds_that_cannot_be_made(make_index: MakeIndex, k: int) -> None:
    with pytest.raises(SplitError, match="3 groups"):
        group_folds(make_index([("a", "x"), ("b", "x"), ("c", "y")]), k, 0)


def test_suggests_folds_where_a_class_is_scarce(make_index: MakeIndex) -> None:
    plenty = make_index([(f"g{n}", "ab"[n % 2]) for n in range(40)])
    assert suggest(plenty).folds == 0
    scarce = suggest(plenty.select(np.arange(39)))
    assert (scarce.folds, dict(scarce.few)) == (3, {"b": 19})
    assert "b 19" in scarce.reason
    assert suggest(make_index([("g", "a")])).folds == 0
    assert "one group" in suggest(make_index([("g", "a")])).reason
