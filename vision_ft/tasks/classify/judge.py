"""How classification is judged: everything comes from the one label that an image has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from vision_ft.bundle.manifest import Calibration, Manifest
from vision_ft.bundle.results import Prediction
from vision_ft.data.index import Index, Sample
from vision_ft.errors import DataError
from vision_ft.evaluation.calibration import apply_temperature, calibrate, cross_fitted
from vision_ft.evaluation.judging import Exhibit, FittedOn, Observer
from vision_ft.evaluation.operating_point import OperatingPoint, choose
from vision_ft.evaluation.report.sections import Section
from vision_ft.evaluation.summary import HEADLINE, PER_CLASS
from vision_ft.evaluation.table import PredictionTable
from vision_ft.recipe.objective import Objective

_FLOOR = 1e-12
_MOST_SHOWN = 12


class _FromTable:
    """The table says it all. See `evaluation.judging.Observer`."""

    def see(self, sample: Sample, prediction: Prediction) -> None:
        """Nothing is kept."""

    def figures(self, table: PredictionTable, *, seed: int) -> dict[str, Any]:
        """None beside those of the labels."""
        return {}

    def sections(self, summary: dict[str, Any]) -> tuple[Section, ...]:
        """None beside those of the labels."""
        return ()

    def exhibits(self, table: PredictionTable) -> tuple[Exhibit, ...]:
        """Of each class the right answer that is surest; misclassified images the report shows by itself."""
        shown = []
        for number, one in enumerate(table.classes):
            right = np.flatnonzero((table.targets == number) & (table.labels == number))
            if len(right):
                best = right[table.confidence[right].argmax()]
                caption = f"{one.title}, answered with {table.confidence[best]:.2f}"
                shown.append(Exhibit(str(table.paths[best]), "right", caption, bad=False))
        return tuple(shown[:_MOST_SHOWN])


class ClassifyJudge:
    """See `evaluation.judging.TaskJudge`."""

    image_level = True
    out_of_fold = True
    headline: tuple[str, ...] = HEADLINE
    per_class: tuple[str, ...] = PER_CLASS

    def labels(self, index: Index) -> Index:
        """The labels as they are."""
        return index

    def check_training(self, train: Index, usable: Index) -> None:
        """Two classes at least, and images of each that is labelled."""
        present = {target for targets in train.column("targets") for target in targets}
        if len(present) < 2:
            raise DataError(
                f"The training images of {train.root}",
                expected="at least two classes",
                got=", ".join(sorted(present)) or "no labelled image",
                remedy="Label images of another class, or look for anomalies with good images alone.",
            )
        labelled = {target for targets in usable.column("targets") for target in targets}
        missing = [c.id for c in usable.classes if c.id not in present and c.id in labelled]
        if missing:
            raise DataError(
                f"Class {missing[0]} has no training image",
                expected="images of each class in the training split",
                remedy="Add parts of this class, or lower split.test and split.val.",
            )

    def observer(self, manifest: Manifest) -> _FromTable:
        """Nothing to keep."""
        return _FromTable()

    def calibrate(
        self, raw: PredictionTable, observer: Observer | None, fitted_on: FittedOn
    ) -> tuple[Calibration, PredictionTable]:
        """One temperature for all."""
        logits = np.log(np.clip(raw.probabilities, _FLOOR, 1.0))
        parts = len(np.unique(raw.parts))
        calibration = calibrate(logits, raw.targets, raw.groups, parts=parts, fitted_on=fitted_on)
        return calibration, replace(raw, probabilities=apply_temperature(logits, calibration.temperature))

    def cross_fitted(self, table: PredictionTable, raw: PredictionTable) -> PredictionTable:
        """Each group at the temperature that the others give."""
        found = cross_fitted(np.log(np.clip(raw.probabilities, _FLOOR, 1.0)), raw.targets, raw.groups)
        return table if found is None else replace(table, probabilities=found)

    def choose(self, table: PredictionTable, objective: Objective, observer: Observer | None = None) -> OperatingPoint:
        """Thresholds on the bad score."""
        return choose(table, objective)


JUDGE = ClassifyJudge()
