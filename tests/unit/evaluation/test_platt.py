"""Scores made honest: found where there is evidence, left alone where there is little."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit, logit

from vision_ft.evaluation.platt import apply_platt, fit_platt

Drawn = tuple[NDArray[np.float64], NDArray[np.bool_]]


def drawn(count: int, temperature: float, offset: float, seed: int = 0) -> Drawn:
    """Scores, and whether each was right, drawn from what they are worth at that scaling."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, count)
    return expit(logits), rng.random(count) < expit(logits / temperature + offset)


def own(count: int) -> NDArray[np.str_]:
    return np.array([f"g{i}" for i in range(count)])


@pytest.mark.parametrize(("temperature", "offset"), [(1.0, 0.0), (2.5, 0.0), (0.6, -1.0), (1.5, 1.2)])
def test_the_true_scaling_is_found(temperature: float, offset: float) -> None:
    scores, right = drawn(6000, temperature, offset)
    found = fit_platt(scores, right, own(6000))
    assert found[0] == pytest.approx(temperature, rel=0.1)
    assert found[1] == pytest.approx(offset, abs=0.12)


def test_scaled_scores_are_right_as_often_as_they_say() -> None:
    scores, right = drawn(8000, 2.0, -1.0)
    honest = apply_platt(scores, *fit_platt(scores, right, own(8000)))
    for low in (0.1, 0.3, 0.5):
        some = (honest >= low) & (honest < low + 0.2)
        assert right[some].mean() == pytest.approx(honest[some].mean(), abs=0.05)


def test_few_groups_keep_it_near_doing_nothing() -> None:
    scores, right = drawn(300, 3.0, -1.5)
    alone = fit_platt(scores, right, own(300))
    three = fit_platt(scores, right, np.repeat(["a", "b", "c"], 100))
    assert 1.0 < three[0] < alone[0]
    assert alone[1] < three[1] < 0.0


@pytest.mark.parametrize("right", [[], [True, True], [False, False]])
def test_with_nothing_to_learn_from_scores_stay(right: list[bool]) -> None:
    scores = np.linspace(0.2, 0.9, len(right))
    assert fit_platt(scores, np.array(right, np.bool_), own(len(right))) == (1.0, 0.0)
    np.testing.assert_allclose(apply_platt(scores, 1.0, 0.0), scores)


def test_sure_scores_leave_it_finite() -> None:
    found = fit_platt(np.array([0.0, 1.0, 1.0, 0.0]), np.array([True, False, True, False]), own(4))
    assert np.isfinite(found).all()
    assert found[0] > 1.0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.floats(0.1, 10), st.floats(-5, 5))
def test_scaling_keeps_the_order_and_nothing_stays_nothing(
    scores: list[float], temperature: float, offset: float
) -> None:
    values = np.sort(np.array([0.0, *scores]))
    scaled = apply_platt(values, temperature, offset)
    assert (np.diff(scaled) >= 0).all()
    assert ((scaled >= 0) & (scaled <= 1)).all()
    assert (scaled[values == 0] == 0).all()
    assert (scaled[values > 0] > 0).all()


def test_by_hand() -> None:
    assert apply_platt(np.array([0.8]), 2.0, 0.5)[0] == pytest.approx(expit(logit(0.8) / 2 + 0.5))
