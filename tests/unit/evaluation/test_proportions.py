"""Exact intervals, bounds, and how many parts it takes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from vision_ft.evaluation.proportions import (
    clopper_pearson,
    effective_trials,
    lower_bound,
    needed_at_rate,
    needed_without_event,
    share,
    upper_bound,
)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_clopper_pearson_is_that_of_scipy(counts: tuple[int, int]) -> None:
    k, n = counts
    exact = stats.binomtest(k, n).proportion_ci(0.95, method="exact")
    assert clopper_pearson(k, n) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_one_sided_bounds() -> None:
    assert upper_bound(0, 23) == pytest.approx(1 - 0.05 ** (1 / 23))
    assert lower_bound(23, 23) == pytest.approx(0.05 ** (1 / 23))
    assert lower_bound(0, 23) == 0.0
    assert upper_bound(23, 23) == 1.0
    assert clopper_pearson(0, 0) == (0.0, 1.0)


@given(st.floats(0.001, 0.9))
def test_needed_is_the_smallest_number(limit: float) -> None:
    n = needed_without_event(limit)
    assert (1 - limit) ** n <= 0.05
    assert n == 1 or (1 - limit) ** (n - 1) > 0.05


def test_needed_for_five_percent_is_59() -> None:
    assert needed_without_event(0.05) == 59
    assert upper_bound(0, 59) <= 0.05 < upper_bound(0, 58)


def test_needed_at_a_rate_that_stays() -> None:
    needed = needed_at_rate(0.02, 0.05)
    assert needed is not None
    assert upper_bound(0.02 * needed, needed) <= 0.05 < upper_bound(0.02 * (needed - 1), needed - 1)
    assert needed_at_rate(0.05, 0.05) is None
    assert needed_at_rate(0.0, 0.05) == 59


def test_units_of_one_group_count_once_when_all_are_alike() -> None:
    groups = np.repeat([f"g{i}" for i in range(6)], 10)
    none = np.zeros(60, dtype=np.bool_)
    assert effective_trials(none, groups) == 6
    assert effective_trials(none, np.arange(60).astype(np.str_)) == 60


def test_design_effect_between_independent_and_alike() -> None:
    groups = np.repeat([f"g{i:02d}" for i in range(40)], 5)
    alike = np.repeat(np.arange(40) % 2 == 0, 5)
    independent = np.random.default_rng(0).random(200) < 0.5
    assert effective_trials(alike, groups) == pytest.approx(40, rel=0.1)
    assert 110 < effective_trials(independent, groups) <= 200


def test_share_says_what_it_counts() -> None:
    figure = share(np.array([True, False, False]), np.array(["a", "b", "c"]), unit="good parts", none="-")
    assert (figure.numerator, figure.denominator, figure.unit) == (1, 3, "good parts")
    assert figure.value == pytest.approx(1 / 3)
    assert (figure.low, figure.high) == pytest.approx(clopper_pearson(1, 3))
    empty = share(np.zeros(0, dtype=np.bool_), np.zeros(0, dtype=np.str_), unit="parts", none="there is no part")
    assert empty.value is None
    assert empty.reason == "there is no part"
