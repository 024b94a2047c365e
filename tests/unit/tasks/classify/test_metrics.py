"""Figures of a validation pass, against values by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from vision_ft.recipe import Objective
from vision_ft.tasks.classify.metrics import validation_metrics

from ..conftest import CLASSES

P = np.array([[0.8, 0.1, 0.1], [0.4, 0.5, 0.1], [0.3, 0.6, 0.1], [0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])
T = np.array([0, 0, 1, 1, 2])


def _objective(bad_scores: list[float], bad: list[bool], **aim: float) -> float:
    """The objective's figure of images with these defect scores."""
    scores = np.array(bad_scores)
    probabilities = np.stack([1 - scores, scores, np.zeros(len(scores))], axis=1)
    targets: NDArray[np.int64] = np.array([int(b) for b in bad], dtype=np.int64)
    return validation_metrics(probabilities, targets, CLASSES, Objective(**aim))["objective"]


def test_figures_by_hand() -> None:
    figures = validation_metrics(P, T, CLASSES, Objective())
    assert figures["accuracy"] == pytest.approx(3 / 5)
    assert figures["balanced_accuracy"] == pytest.approx((1 / 2 + 1 / 2 + 1) / 3)
    assert figures["macro_f1"] == pytest.approx((1 / 2 + 1 / 2 + 1) / 3)
    assert figures["loss"] == pytest.approx(-sum(math.log(p) for p in (0.8, 0.4, 0.6, 0.3, 0.7)) / 5)
    assert figures["objective"] == pytest.approx(figures["macro_f1"] - 0.01 * figures["loss"])


def test_classes_without_an_image_do_not_count() -> None:
    figures = validation_metrics(P[:2], T[:2], CLASSES, Objective())
    assert figures["balanced_accuracy"] == 0.5


def test_an_impossible_answer_has_a_finite_loss() -> None:
    certain = np.array([[0.0, 1.0, 0.0]])
    assert math.isfinite(validation_metrics(certain, np.array([0]), CLASSES, Objective())["loss"])


@pytest.mark.parametrize(
    "aim",
    [
        {"max_escape_rate": 0.01},
        {"max_escape_rate": 0.2, "max_overkill_rate": 0.1},
        {"max_overkill_rate": 0.05},
        {"cost_escape": 50.0, "cost_overkill": 1.0, "defect_rate": 0.02},
    ],
)
def test_a_better_separation_is_a_better_objective(aim: dict[str, float]) -> None:
    bad = [True] * 4 + [False] * 6
    good_scores = [0.05, 0.1, 0.12, 0.2, 0.25, 0.3]
    perfect = _objective([0.9, 0.8, 0.7, 0.6, *good_scores], bad, **aim)
    one_wrong = _objective([0.9, 0.8, 0.7, 0.22, *good_scores], bad, **aim)
    useless = _objective([0.01, 0.02, 0.03, 0.04, *good_scores], bad, **aim)
    assert perfect > one_wrong > useless
    assert perfect == pytest.approx(1.0)
    # Only the order of the scores counts, not how sure they sound.
    assert _objective([0.99, 0.98, 0.97, 0.96, *good_scores], bad, **aim) == pytest.approx(perfect)


def test_the_cost_of_the_best_threshold_by_hand() -> None:
    # One of two defects lies below all three good parts; threshold 0.5 lets it escape, 0 rejects everything.
    aim = {"cost_escape": 10.0, "cost_overkill": 1.0, "defect_rate": 0.1}
    value = _objective([0.9, 0.01, 0.1, 0.2, 0.3], [True, True, False, False, False], **aim)
    let_escape, reject_all = 10 * 0.1 * 0.5, 1 * 0.9
    assert value == pytest.approx(1 - min(let_escape, reject_all) / (10 * 0.1 + 0.9))


def test_without_both_kinds_of_parts_the_objective_is_not_judged() -> None:
    figures = validation_metrics(P[:2], T[:2], CLASSES, Objective(max_escape_rate=0.1))
    assert figures["objective"] == pytest.approx(figures["macro_f1"] - 0.01 * figures["loss"])
