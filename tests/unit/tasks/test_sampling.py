"""Which images an epoch shows."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision_ft.tasks.sampling import EpochSampler, derive_seed, sample_weights

from .conftest import MakeSample


def test_class_then_part_then_image_are_drawn_evenly(make_sample: MakeSample) -> None:
    samples = [
        *(make_sample("good", "a", n) for n in range(6)),
        *(make_sample("good", "b", n) for n in range(2)),
        make_sample("scratch", "c"),
    ]
    weights = sample_weights(samples)
    assert weights.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(weights, [1 / 24] * 6 + [1 / 8] * 2 + [1 / 2])


def test_a_class_that_is_never_alone_has_its_share(make_sample: MakeSample) -> None:
    both = [make_sample("scratch", f"b{n}", targets=("scratch", "stain")) for n in range(2)]
    samples = [
        *(make_sample("good", f"g{n}") for n in range(9)),
        *(make_sample("scratch", f"s{n}") for n in range(6)),
        *both,
    ]
    weights = sample_weights(samples)
    np.testing.assert_allclose(weights, [1 / 27] * 9 + [1 / 18] * 6 + [1 / 6] * 2)
    # Among classes of equally many parts the first counts, however often one of them is shown.
    np.testing.assert_allclose(sample_weights([*both, *samples[:1]]), [1 / 4, 1 / 4, 1 / 2])


def test_an_epoch_draws_every_sample_its_expected_number_of_times(make_sample: MakeSample) -> None:
    samples = [
        *(make_sample("good", f"g{p}", n) for p in range(6) for n in range(3)),
        *(make_sample("scratch", "s", n) for n in range(6)),
    ]
    sampler = EpochSampler(len(samples), seed=3, weights=sample_weights(samples))
    for epoch in range(4):
        sampler.set_epoch(epoch)
        rows = [row for row, _ in sampler]
        assert len(rows) == len(sampler) == 24
        classes = Counter(samples[row].targets[0] for row in rows)
        assert classes == {"good": 12, "scratch": 12}
        parts = Counter(samples[row].part for row in rows if samples[row].targets[0] == "good")
        assert set(parts.values()) == {2}
        assert all(count == 2 for row, count in Counter(rows).items() if samples[row].part == "s")


@given(
    weights=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=30),
    seed=st.integers(0, 2**31 - 1),
    epoch=st.integers(0, 50),
)
def test_draws_are_the_expectation_rounded_up_or_down(weights: list[float], seed: int, epoch: int) -> None:
    array = np.array(weights)
    sampler = EpochSampler(len(array), seed=seed, weights=array)
    sampler.set_epoch(epoch)
    counts = np.bincount([row for row, _ in sampler], minlength=len(array))
    expected = array / array.sum() * len(array)
    assert counts.sum() == len(array)
    assert np.all(np.abs(counts - expected) < 1.0 + 1e-6)


def test_an_epoch_depends_on_seed_and_number_alone() -> None:
    first, second, other = (EpochSampler(20, seed=s) for s in (1, 1, 2))
    list(first)
    for sampler in (first, second, other):
        sampler.set_epoch(4)
    assert list(first) == list(second)
    assert list(first) != list(other)
    fourth = list(first)
    first.set_epoch(5)
    fifth = list(first)
    assert fifth != fourth
    assert sorted(row for row, _ in fifth) == list(range(20))
    assert len({seed for _, seed in fifth}) == 20


def test_derived_seeds_differ_by_every_value_and_by_their_borders() -> None:
    seeds = [derive_seed(*parts) for parts in ((1, "a"), (1, "b"), (2, "a"), ("1a",), ("1", "a", ""))]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert derive_seed(0, "head") == derive_seed("0", "head") == 875100909
