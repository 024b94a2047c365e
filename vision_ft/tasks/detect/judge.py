"""How detection is judged: average precision, what is found at the operating point, and the parts' verdicts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vision_ft.bundle.decision import DecisionRule
from vision_ft.bundle.manifest import Calibration, Manifest
from vision_ft.data.index import Index
from vision_ft.evaluation.decide import decided
from vision_ft.evaluation.escape import escapes
from vision_ft.evaluation.judging import FittedOn, Observer
from vision_ft.evaluation.operating_point import OperatingPoint, choose
from vision_ft.evaluation.platt import apply_platt, fit_platt
from vision_ft.evaluation.table import PredictionTable
from vision_ft.recipe.objective import Objective
from vision_ft.tasks.detect.average_precision import best_f1, matched
from vision_ft.tasks.detect.observer import MATCH, DetectObserver
from vision_ft.tasks.located import check_classes_learned, located


class DetectJudge:
    """See `evaluation.judging.TaskJudge`."""

    image_level = False
    out_of_fold = False
    headline = (
        "escape_rate",
        "overkill_rate",
        "review_share",
        "map_50",
        "map",
        "object_recall",
        "object_precision",
        "out_of_scope",
    )
    per_class = ("ap_50", "recall", "precision")

    def labels(self, index: Index) -> Index:
        """The labels with a background class; raises `DataError` where there are neither boxes nor masks."""
        return located(
            index, lacking="boxes", expected="labelled boxes, outlines or masks (Pascal VOC, COCO, YOLO, mask PNGs)"
        )

    def check_training(self, train: Index, usable: Index) -> None:
        """An object to learn from, of each class that is labelled."""
        check_classes_learned(train, usable, things="objects")

    def observer(self, manifest: Manifest) -> DetectObserver:
        """Keeps boxes."""
        return DetectObserver(manifest)

    def calibrate(
        self, raw: PredictionTable, observer: Observer | None, fitted_on: FittedOn
    ) -> tuple[Calibration, PredictionTable]:
        """Platt scaling of a detection's score to the chance that it meets an object."""
        assert isinstance(observer, DetectObserver)
        scores, right, groups = [np.zeros(0)], [np.zeros(0, np.bool_)], [np.zeros(0, np.str_)]
        for image, group in zip(observer.images, observer.groups, strict=True):
            for label in range(len(observer.classes)):
                flags = matched(image, label, MATCH)
                counted = ~flags.ignored
                scores.append(flags.scores[counted])
                right.append(flags.right[counted])
                groups.append(np.full(int(counted.sum()), group, dtype=np.str_))
        temperature, offset = fit_platt(np.concatenate(scores), np.concatenate(right), np.concatenate(groups))
        calibration = Calibration(
            temperature=temperature,
            offset=offset,
            fitted_on=fitted_on,
            images=len(raw),
            parts=len(np.unique(raw.parts)),
        )
        observer.rescale(calibration)
        return calibration, _rescaled(raw, calibration)

    def cross_fitted(self, table: PredictionTable, raw: PredictionTable) -> PredictionTable:
        """As it is: none of the figures here rests on the scores' calibration, but for the decisions."""
        return table

    def choose(self, table: PredictionTable, objective: Objective, observer: Observer | None = None) -> OperatingPoint:
        """Thresholds on the best detection of a class that is not good.

        Without an objective detections count from the score on that gives the best F1 on these parts.
        """
        point = choose(table, objective)
        if point.rule.pass_below is not None or not isinstance(observer, DetectObserver):
            return point
        score, f1 = best_f1(observer.images, len(observer.classes))
        sentence = f"{point.rule.basis.partition(':')[0]}: detections count from a score of {score:.2f} on, "
        sentence += f"where F1 is best on the validation images ({f1:.2f})."
        rule = DecisionRule(pass_below=score, reject_from=score, basis=sentence)
        figures = escapes(decided(table, rule)).named()
        return replace(point, rule=rule, findings=(sentence,), figures=figures, observed=figures)


def _rescaled(raw: PredictionTable, calibration: Calibration) -> PredictionTable:
    """The table with its best detections' scores calibrated; see `bundle.tasks.detect.image_probabilities`."""
    found = np.zeros_like(raw.probabilities)
    background = next(number for number, one in enumerate(raw.classes) if one.background)
    left_before, left_after = np.ones(len(raw)), np.ones(len(raw))
    for wanted in (False, True):
        columns = [k for k, one in enumerate(raw.classes) if one.good is wanted and k != background]
        for column in columns:
            score = raw.probabilities[:, column] / np.maximum(left_before, 1e-12)
            found[:, column] = left_after * apply_platt(score, calibration.temperature, calibration.offset)
        if columns:
            left_before = left_before - raw.probabilities[:, columns].sum(axis=1)
            left_after = left_after - found[:, columns].sum(axis=1)
    found[:, background] = 1.0 - found.sum(axis=1)
    return replace(raw, probabilities=np.clip(found, 0.0, 1.0))


JUDGE = DetectJudge()
