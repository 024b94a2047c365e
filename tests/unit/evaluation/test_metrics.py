"""Figures against scikit-learn, and against sums done by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics as reference

from vision_ft.evaluation.metrics import confusion, ece_of, nll_of, point_figures, reliability, sums_by_group
from vision_ft.evaluation.table import PredictionTable

MakeTable = Callable[..., PredictionTable]


@pytest.mark.parametrize("seed", range(3))
def test_figures_agree_with_scikit_learn(random_table: MakeTable, seed: int) -> None:
    table = random_table(parts=30, classes=5, skill=1.0, seed=seed)
    found, truth, labels = point_figures(table), table.targets, table.labels
    precision, recall, f1, _ = reference.precision_recall_fscore_support(truth, labels, zero_division=np.nan)
    np.testing.assert_allclose(found["precision"][0], precision)
    np.testing.assert_allclose(found["recall"][0], recall)
    np.testing.assert_allclose(found["f1"][0], f1)
    assert found["accuracy"][0] == pytest.approx(reference.accuracy_score(truth, labels))
    assert found["balanced_accuracy"][0] == pytest.approx(reference.balanced_accuracy_score(truth, labels))
    assert found["macro_f1"][0] == pytest.approx(reference.f1_score(truth, labels, average="macro"))
    assert found["nll"][0] == pytest.approx(reference.log_loss(truth, table.probabilities))
    one_hot = np.eye(5)[truth]
    assert found["brier"][0] == pytest.approx(((table.probabilities - one_hot) ** 2).sum(axis=1).mean())
    np.testing.assert_array_equal(confusion(table), reference.confusion_matrix(truth, labels, labels=range(5)))


def test_classes_without_images_or_answers_are_undefined_not_zero(make_table: MakeTable) -> None:
    # Class 2 has neither images nor answers, class 1 is answered and never labelled.
    table = make_table([0, 0, 3], [[0.9, 0.1, 0, 0], [0.1, 0.9, 0, 0], [0.8, 0.1, 0, 0.1]])
    found = point_figures(table)
    np.testing.assert_array_equal(found["recall"][0], [0.5, np.nan, np.nan, 0.0])
    np.testing.assert_array_equal(found["precision"][0], [0.5, 0.0, np.nan, np.nan])
    np.testing.assert_array_equal(found["f1"][0], [0.5, 0.0, np.nan, 0.0])
    assert found["balanced_accuracy"][0] == pytest.approx(0.25)
    assert found["macro_f1"][0] == pytest.approx(0.5 / 3)


def test_calibration_error_by_hand(make_table: MakeTable) -> None:
    # Two bins: 0.62 and 0.66 (one right) lie in (9/15, 10/15], 0.9 twice (both right) in (13/15, 14/15].
    table = make_table([0, 1, 0, 0], [[0.62, 0.38], [0.66, 0.34], [0.9, 0.1], [0.9, 0.1]])
    by_hand = (2 / 4) * abs(0.5 - 0.64) + (2 / 4) * abs(1.0 - 0.9)
    assert point_figures(table)["ece"][0] == pytest.approx(by_hand)
    assert ece_of(table.probabilities, table.targets) == pytest.approx(by_hand)
    bins = reliability(table)
    assert bins[:, 0].sum() == 4
    np.testing.assert_allclose(bins[9], [2, 0.64, 0.5])
    assert np.isnan(bins[0, 1])


def test_certain_and_wrong_stays_finite(make_table: MakeTable) -> None:
    table = make_table([1], [[1.0, 0.0]])
    assert np.isfinite(nll_of(table.probabilities, table.targets))
    assert np.isfinite(point_figures(table)["nll"][0])


def test_weighing_each_group_once_changes_nothing(random_table: MakeTable) -> None:
    sums, names = sums_by_group(random_table(parts=12))
    assert len(names) == 12
    weighted = sums.weighted(np.ones((1, 12)))
    np.testing.assert_allclose(weighted.values, sums.values.sum(axis=0, keepdims=True))
