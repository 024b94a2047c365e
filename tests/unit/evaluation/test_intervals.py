"""Intervals cover what they promise, and never collapse where nothing is known."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from vision_ft.evaluation.intervals import bootstrap, bootstrap_labels, draw_weights, resampled
from vision_ft.evaluation.proportions import clopper_pearson
from vision_ft.evaluation.table import PredictionTable

MakeTable = Callable[..., PredictionTable]


def test_the_seed_makes_it_repeatable(random_table: MakeTable) -> None:
    table = random_table(parts=20)
    assert bootstrap(table, seed=1) == bootstrap(table, seed=1)
    assert bootstrap(table, seed=1) != bootstrap(table, seed=2)


def test_every_interval_holds_its_figure(random_table: MakeTable) -> None:
    found = bootstrap(random_table(parts=24, skill=1.5))
    every = [*found.overall.values(), *(f for figures in found.per_class.values() for f in figures)]
    for figure in every:
        assert figure.value is not None
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low <= figure.value <= figure.high


def test_coverage_with_few_groups_is_near_what_is_promised() -> None:
    # Parts of 4 images that are all right or all wrong, 10 parts a class: the accuracy's true value is 0.7.
    covered = 0
    trials = 200
    rng = np.random.default_rng(7)
    targets = np.repeat(np.arange(20) % 2, 4)
    groups = np.repeat([f"g{i:02d}" for i in range(20)], 4)
    for trial in range(trials):
        right = np.repeat(rng.random(20) < 0.7, 4)
        labels = np.where(right, targets, 1 - targets)
        figure = bootstrap_labels(targets, labels, groups, 2, replicates=600, seed=trial).overall["balanced_accuracy"]
        assert figure.low is not None
        assert figure.high is not None
        covered += figure.low <= 0.7 <= figure.high
    assert covered / trials >= 0.90


def test_intervals_by_group_are_wider_than_those_that_take_images_for_independent(random_table: MakeTable) -> None:
    table = random_table(parts=30, images=8, alike=3.0)
    alone = np.arange(len(table)).astype(np.str_)
    by_group = bootstrap_labels(table.targets, table.labels, table.groups, 4).overall["accuracy"]
    by_image = bootstrap_labels(table.targets, table.labels, alone, 4).overall["accuracy"]
    assert by_group.value == by_image.value
    assert width(by_group) > 1.5 * width(by_image)


def test_a_perfect_class_falls_back_to_its_number_of_groups(make_table: MakeTable) -> None:
    parts = ["a", "a", "b", "b", "c", "c", "d", "d", "e", "e"]
    targets = [0] * 6 + [1] * 4
    answers = [[0.9, 0.1]] * 6 + [[0.1, 0.9]] * 4
    found = bootstrap(make_table(targets, answers, parts=parts))
    recall = found.per_class["recall"][0]
    assert (recall.value, recall.high) == (1.0, 1.0)
    assert recall.low == pytest.approx(clopper_pearson(3, 3)[0])
    assert recall.method == "Clopper-Pearson over 3 groups"
    assert found.overall["accuracy"].low == pytest.approx(clopper_pearson(5, 5)[0])
    # Two classes of 3 and 2 groups: their mean is worth 4 / (1/3 + 1/2) = 4.8 groups.
    assert found.overall["balanced_accuracy"].method == "Clopper-Pearson over 4.8 groups"


def test_a_class_of_one_part_widens_the_mean(make_table: MakeTable) -> None:
    targets = [0] * 40 + [1] * 4
    answers = [[0.9, 0.1] if i % 4 else [0.2, 0.8] for i in range(40)] + [[0.1, 0.9]] * 4
    parts = [f"g{i}" for i in range(40)] + ["single"] * 4
    found = bootstrap(make_table(targets, answers, parts=parts))
    single, mean = found.per_class["recall"][1], found.overall["balanced_accuracy"]
    assert single.low == pytest.approx(0.025)
    assert mean.low is not None
    assert mean.value is not None
    # The single part may as well be one of many that fail: its class alone takes more than 0.3 off the mean.
    assert mean.low < mean.value - 0.3
    assert mean.high is not None
    assert mean.high - mean.value < 0.1
    assert "widened for 1 of 2 classes" in mean.method


def test_one_group_tells_nothing_of_a_loss(make_table: MakeTable) -> None:
    found = bootstrap(make_table([0, 0], [[0.9, 0.1], [0.4, 0.6]], parts=["a", "a"]))
    assert found.overall["nll"].low is None
    assert "single group" in found.overall["nll"].method
    assert found.overall["accuracy"].low == pytest.approx(clopper_pearson(0.5, 1)[0])


def test_no_images_no_figures(make_table: MakeTable) -> None:
    empty = make_table([0], [[1.0, 0.0]]).select(np.zeros(1, dtype=np.bool_))
    found = bootstrap(empty)
    assert found.overall["accuracy"].value is None
    assert found.overall["accuracy"].reason == "there is no image"


def test_draws_are_unbiased_and_keep_lone_groups() -> None:
    strata = np.array([0, 0, 0, 0, 1, 2, 2])
    weights = draw_weights(strata, 4000, np.random.default_rng(0))
    np.testing.assert_allclose(weights[:, :4].sum(axis=1), 4)
    np.testing.assert_allclose(weights[:, 4], 1)
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.06)
    # The variance of a mean of four, unbiased: n - 1 drawn and weighted up by n / (n - 1).
    values = np.array([1.0, 2.0, 3.0, 6.0])
    means = weights[:, :4] @ values / 4
    assert means.var() == pytest.approx(values.var(ddof=1) / 4, rel=0.08)


def width(figure: object) -> float:
    low, high = getattr(figure, "low"), getattr(figure, "high")  # noqa: B009
    return float(high - low)


def test_many_groups_do_not_fill_the_memory(random_table: MakeTable) -> None:
    table = random_table(parts=4000, images=1)
    tracemalloc.start()
    bootstrap(table)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The weights of all draws together would take 64 MB, and as much again for drawing them.
    assert peak < 100e6


def test_draws_of_few_groups_are_taken_at_wide_tails_and_no_narrower_than_counting() -> None:
    draws = np.random.default_rng(0).normal(0.6, 0.05, 2000)
    few, more, many = (resampled(0.6, draws, groups=groups) for groups in (3, 6, 400))
    assert width(few) > width(more) > width(many)
    exact = clopper_pearson(0.6 * 3, 3)
    assert few.low == pytest.approx(min(exact[0], draws.min()))
    assert few.high == pytest.approx(max(exact[1], draws.max()))
    assert few.method == "bootstrap by group, no narrower than Clopper-Pearson over 3 groups"
    assert width(many) == pytest.approx(3.92 * 0.05, rel=0.1)
    # What each stratum takes is as if there were fewer groups.
    assert resampled(0.6, draws, groups=8, lost=3) == more


@pytest.mark.parametrize("value", [0.0, 0.37, 1.0])
def test_where_draws_tell_nothing_groups_are_counted(value: float) -> None:
    one = resampled(value, np.full(50, value), groups=9)
    assert (one.low, one.high) == clopper_pearson(value * 9, 9)
    assert (one.trials, one.method) == (9, "Clopper-Pearson over 9 groups")
    assert resampled(value, np.full(50, np.nan), groups=9) == one
    assert resampled(value, np.full(50, value), groups=9, worth=4).trials == 4
