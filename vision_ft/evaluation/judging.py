"""What a task adds to evaluation: how labels are read, thresholds chosen, and figures of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from vision_ft.bundle.manifest import Calibration, Manifest
from vision_ft.bundle.results import Prediction
from vision_ft.data.index import Index, Sample
from vision_ft.evaluation.operating_point import OperatingPoint
from vision_ft.evaluation.report.sections import Section
from vision_ft.evaluation.table import PredictionTable
from vision_ft.recipe.objective import Objective

FittedOn = Literal["validation", "out-of-fold"]


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One image that people should look at, with labels and answer drawn."""

    path: str
    kind: str
    """What it shows: missed, false alarm, worst, best..."""
    caption: str
    """One short sentence: what was labelled and what was answered."""
    bad: bool
    """Whether it shows a mistake."""


class Observer(Protocol):
    """Sees the answer on every image beside its labels. It keeps what its figures need, and no pictures."""

    def see(self, sample: Sample, prediction: Prediction) -> None:
        """Take in one answer."""

    def figures(self, table: PredictionTable, *, seed: int) -> dict[str, Any]:
        """The task's figures, flat keys with intervals as `Figure.to_json` makes them; `per_class` by class id.

        `table` holds the same images, in the order in which they were seen, with their final decisions.
        """

    def sections(self, summary: dict[str, Any]) -> tuple[Section, ...]:
        """The task's sections of the report; `summary` holds its figures."""

    def exhibits(self, table: PredictionTable) -> tuple[Exhibit, ...]:
        """What to look at, misses and false alarms first."""


class TaskJudge(Protocol):
    """What a package in `tasks/` offers as `JUDGE`; free of torch."""

    image_level: bool
    """Whether an image has one label: then recall, confusion and reliability by image are the figures."""
    out_of_fold: bool
    """Whether parts can be judged out of fold; else a validation split is used."""
    headline: tuple[str, ...]
    """Names of the figures that are shown first."""
    per_class: tuple[str, ...]
    """Names of the figures by class."""

    def labels(self, index: Index) -> Index:
        """The labels as the task reads them; raises `DataError` for what they lack."""

    def check_training(self, train: Index, usable: Index) -> None:
        """Raise `DataError` where nothing can be learned from `train`, of the labelled images `usable`."""

    def observer(self, manifest: Manifest) -> Observer:
        """An observer of a bundle's answers."""

    def calibrate(
        self, raw: PredictionTable, observer: Observer | None, fitted_on: FittedOn
    ) -> tuple[Calibration, PredictionTable]:
        """How the scores of answers on unseen parts are made honest, and the table after it.

        `observer` has seen the same answers; None where they were made out of fold.
        """

    def cross_fitted(self, table: PredictionTable, raw: PredictionTable) -> PredictionTable:
        """The table as calibrations fitted on other groups would have made it."""

    def choose(self, table: PredictionTable, objective: Objective, observer: Observer | None = None) -> OperatingPoint:
        """The thresholds of pass, reject and review from answers on unseen parts.

        `observer` is the one that `calibrate` was given.
        """
