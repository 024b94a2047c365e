"""How segmentation is judged: overlap with the labelled area, defects found, and the parts' verdicts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.manifest import Calibration, Manifest
from vision_ft.data.index import Index
from vision_ft.evaluation.folds import strata_folds
from vision_ft.evaluation.judging import FittedOn, Observer
from vision_ft.evaluation.metrics import ece_of, nll_of
from vision_ft.evaluation.operating_point import OperatingPoint, choose
from vision_ft.evaluation.platt import apply_platt, fit_platt
from vision_ft.evaluation.table import PredictionTable
from vision_ft.recipe.objective import Objective
from vision_ft.tasks.located import check_classes_learned, located
from vision_ft.tasks.segment.observer import SegmentObserver

_FOLDS = 5


class SegmentJudge:
    """See `evaluation.judging.TaskJudge`."""

    image_level = False
    out_of_fold = False
    headline = (
        "escape_rate",
        "overkill_rate",
        "review_share",
        "mean_iou",
        "mean_dice",
        "recall_per_defect",
        "false_alarm_area",
        "out_of_scope",
    )
    per_class = ("iou", "dice", "recall_per_defect")

    def labels(self, index: Index) -> Index:
        """The labels with a background class; raises `DataError` where nothing says where a defect is."""
        return located(index, lacking="masks", expected="masks, or labelled outlines (mask PNGs, COCO, YOLO polygons)")

    def check_training(self, train: Index, usable: Index) -> None:
        """Images to learn from, of each class that is labelled."""
        check_classes_learned(train, usable, things="defects")

    def observer(self, manifest: Manifest) -> SegmentObserver:
        """Keeps areas by class."""
        return SegmentObserver(manifest)

    def calibrate(
        self, raw: PredictionTable, observer: Observer | None, fitted_on: FittedOn
    ) -> tuple[Calibration, PredictionTable]:
        """Platt scaling of an image's highest score to the chance that the image is defective."""
        scores, bad = _scores(raw), _is_bad(raw)
        temperature, offset = fit_platt(scores, bad, raw.groups)
        before, after = _binary(scores), _cross_fitted(scores, bad, raw.groups)
        answer = bad.astype(np.int64)
        calibration = Calibration(
            temperature=temperature,
            offset=offset,
            fitted_on=fitted_on,
            images=len(raw),
            parts=len(np.unique(raw.parts)),
            nll_before=nll_of(before, answer),
            ece_before=ece_of(before, answer),
            nll_after=None if after is None else nll_of(_binary(after), answer),
            ece_after=None if after is None else ece_of(_binary(after), answer),
        )
        return calibration, _with_scores(raw, apply_platt(scores, temperature, offset))

    def cross_fitted(self, table: PredictionTable, raw: PredictionTable) -> PredictionTable:
        """Each group at the scaling that the others give."""
        found = _cross_fitted(_scores(raw), _is_bad(raw), raw.groups)
        return table if found is None else _with_scores(table, found)

    def choose(self, table: PredictionTable, objective: Objective, observer: Observer | None = None) -> OperatingPoint:
        """Thresholds on the highest score of a class that is not good."""
        return choose(table, objective)


def _background(table: PredictionTable) -> int:
    return next(number for number, one in enumerate(table.classes) if one.background)


def _scores(table: PredictionTable) -> NDArray[np.float64]:
    """The highest score of each image [N]: what the background has not (see `bundle.tasks.segment`)."""
    return np.asarray(1.0 - table.probabilities[:, _background(table)], dtype=np.float64)


def _is_bad(table: PredictionTable) -> NDArray[np.bool_]:
    """Whether each image is labelled with a class that scores compete for [N]."""
    bad = ~table.good[table.targets]
    return np.asarray(bad if not table.good.all() else table.targets != _background(table), dtype=np.bool_)


def _with_scores(table: PredictionTable, scores: NDArray[np.float64]) -> PredictionTable:
    """The table with other highest scores [N], of the same classes."""
    background = _background(table)
    rivals = table.probabilities.copy()
    rivals[:, background] = -1.0
    found = np.zeros_like(table.probabilities)
    found[np.arange(len(table)), rivals.argmax(axis=1)] = scores
    found[:, background] = 1.0 - scores
    return replace(table, probabilities=found)


def _cross_fitted(
    scores: NDArray[np.float64], bad: NDArray[np.bool_], groups: NDArray[np.str_]
) -> NDArray[np.float64] | None:
    """Scores [N], each group's scaled as the other groups say; None with fewer than two groups."""
    folds = strata_folds(groups, _FOLDS, bad)
    if len(np.unique(folds)) < 2:
        return None
    found = np.empty_like(scores)
    for fold in np.unique(folds):
        held = folds == fold
        found[held] = apply_platt(scores[held], *fit_platt(scores[~held], bad[~held], groups[~held]))
    return found


def _binary(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([1.0 - scores, scores], axis=1)


JUDGE = SegmentJudge()
