"""The temperature: found where there is evidence, held near 1 where there is little."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import log_softmax

from vision_ft.evaluation.calibration import apply_temperature, calibrate, fit_temperature
from vision_ft.evaluation.metrics import nll_of


def overconfident(count: int, temperature: float, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits whose honest probabilities are those at `temperature`, and targets drawn from them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 4, (count, 4))
    honest = apply_temperature(logits, temperature)
    targets = (honest.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
    return logits, np.minimum(targets, 3).astype(np.int64)


@pytest.mark.parametrize("truth", [0.6, 1.0, 2.5])
def test_the_true_temperature_is_found(truth: float) -> None:
    logits, targets = overconfident(4000, truth)
    assert fit_temperature(logits, targets) == pytest.approx(truth, rel=0.08)


def test_log_probabilities_serve_as_logits() -> None:
    logits, targets = overconfident(500, 2.0)
    shifted = log_softmax(logits, axis=1)
    assert fit_temperature(shifted, targets) == pytest.approx(fit_temperature(logits, targets), rel=1e-4)


def test_few_groups_keep_it_near_one() -> None:
    logits, targets = overconfident(60, 3.0)
    alone = fit_temperature(logits, targets)
    three = fit_temperature(logits, targets, np.repeat(["a", "b", "c"], 20))
    assert 1.0 < three < alone
    assert fit_temperature(logits[:0], targets[:0]) == 1.0


def test_groups_can_count_alike_whatever_their_size() -> None:
    logits, targets = overconfident(400, 2.0)
    # One group of 301 images with sure and right answers pulls the mean over images, not that over groups.
    logits[:301], targets[:301] = [9.0, 0.0, 0.0, 0.0], 0
    groups = np.array(["big"] * 301 + [f"g{i}" for i in range(99)])
    by_image = fit_temperature(logits, targets, groups)
    by_group = fit_temperature(logits, targets, groups, weigh="group")
    assert by_group > by_image


def test_calibration_reports_what_it_changed() -> None:
    logits, targets = overconfident(600, 3.0)
    groups = np.array([f"g{i // 3}" for i in range(600)])
    found = calibrate(logits, targets, groups, parts=200, fitted_on="out-of-fold")
    assert found.fitted_on == "out-of-fold"
    assert (found.images, found.parts) == (600, 200)
    assert found.nll_before == pytest.approx(nll_of(apply_temperature(logits, 1.0), targets))
    assert found.nll_after is not None
    assert found.nll_before is not None
    assert found.nll_after < found.nll_before
    assert found.ece_after is not None
    assert found.ece_before is not None
    assert found.ece_after < found.ece_before


def test_one_group_cannot_judge_itself() -> None:
    logits, targets = overconfident(10, 2.0)
    found = calibrate(logits, targets, np.full(10, "a"), parts=1, fitted_on="validation")
    assert found.nll_before is not None
    assert found.nll_after is None
    assert calibrate(logits[:0], targets[:0], np.zeros(0, np.str_), parts=0, fitted_on="validation").temperature == 1.0
