"""Folds keep groups whole and spread the strata."""

from __future__ import annotations

import numpy as np

from vision_ft.evaluation.folds import strata_folds


def test_groups_stay_whole_and_strata_are_spread() -> None:
    groups = np.array([f"g{i // 3}" for i in range(60)])
    marked = np.array([i // 3 < 5 for i in range(60)])
    folds = strata_folds(groups, 5, marked)
    for group in np.unique(groups):
        assert len(np.unique(folds[groups == group])) == 1
    for fold in range(5):
        assert len(np.unique(groups[(folds == fold) & marked])) == 1
        assert len(np.unique(groups[folds == fold])) == 4


def test_the_order_of_rows_does_not_matter_and_folds_never_outnumber_groups() -> None:
    groups = np.array(["a", "b", "c", "a"])
    folds = strata_folds(groups, 10)
    assert set(folds.tolist()) == {0, 1, 2}
    order = np.array([3, 2, 1, 0])
    np.testing.assert_array_equal(strata_folds(groups[order], 10), folds[order])
