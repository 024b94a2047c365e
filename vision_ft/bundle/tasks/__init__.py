"""The torch-free half of each task: one file a task, one line here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from vision_ft.bundle.decision import DecisionRule
from vision_ft.bundle.manifest import Stage
from vision_ft.bundle.place import Geometry
from vision_ft.bundle.results import Prediction, TaskResult
from vision_ft.errors import BundleError


@dataclass(frozen=True)
class Context:
    """What every prediction of a bundle is made with."""

    stage: Stage
    rule: DecisionRule
    version: str


class Gathering(Protocol):
    """Puts the answer on one image together from the graph's answers on its views.

    An image has one view, or several where it is looked at in tiles.
    """

    def add(self, outputs: Mapping[str, NDArray[Any]], geometry: Geometry) -> None:
        """Take in one view: the graph's outputs on it, without their batch axis.

        What is kept of them is copied, and small: memory must not grow with the number of views.
        """

    def finish(self, embedding: NDArray[np.float32] | None, distance: float | None) -> Prediction:
        """The answer, decided by the rule; `embedding` is the image's unit vector, `distance` how unusual it is."""


class Locating(Protocol):
    """What a task's module offers besides, whose finds a second stage can look at."""

    def regions(self, prediction: Prediction) -> list[tuple[float, tuple[float, float, float, float]]]:
        """Score and box (left, top, right, bottom in pixels of the image) of each find, best first."""

    def named(self, context: Context, prediction: Prediction, answers: Sequence[Prediction]) -> Prediction:
        """The prediction with its first finds named by the second stage's answers on them, and the others dropped."""


class BundleTask(Protocol):
    """What a module in `bundle/tasks/` offers."""

    RESULT: type[TaskResult]
    """Class of its results: what they can show is known before there is one."""
    ANSWER: type[BaseModel]
    """What `to_json` of its results is made of, typed; with an example in its schema."""

    SHOWS: str
    """What an answer drawn on its image shows."""

    TOLERANCE: float
    """Largest `difference` at which an export counts as faithful."""
    COMPARED: tuple[str, ...]
    """Outputs of the graph whose values are compared with the trained module's beside that."""

    LEAST_VERDICTS: int
    """Different verdicts that answers on many images must have for the comparison of an export to mean something."""

    def substance(self, prediction: Prediction) -> int:
        """How many things of an answer `difference` compares: an answer that says nothing shows nothing."""

    def read_options(self, options: dict[str, Any]) -> Any:
        """The task's typed options from the manifest's plain ones."""

    def gather(self, context: Context, width: int, height: int) -> Gathering:
        """Begin the answer on an image of this size, in pixels."""

    def difference(self, want: Prediction, got: Prediction) -> float:
        """How far two answers on the same image are apart: of probabilities; infinite where they cannot be compared."""

    def no_overlay(self, stage: Stage) -> str:
        """Why an answer cannot be drawn on its image, "" where it can."""


TASKS = {
    "classify": "vision_ft.bundle.tasks.classify",
    "detect": "vision_ft.bundle.tasks.detect",
    "segment": "vision_ft.bundle.tasks.segment",
    "anomaly": "vision_ft.bundle.tasks.anomaly",
}
"""Modules by the task's name."""


def bundle_task(name: str) -> BundleTask:
    """The torch-free half of a task.

    Raises `BundleError` when this version does not know the task.
    """
    if name not in TASKS:
        raise BundleError(
            f"task {name!r}", expected=f"one of {', '.join(TASKS)}", remedy="Update vision-ft on this machine."
        )
    return cast(BundleTask, import_module(TASKS[name]))


def answer_model(name: str) -> type[BaseModel]:
    """What a task adds to the envelope's JSON, typed. Raises as `bundle_task` does."""
    return bundle_task(name).ANSWER
