"""The torch-free half of each task: one file a task, one line here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.decision import DecisionRule
from vision_ft.bundle.manifest import Stage
from vision_ft.bundle.place import Geometry
from vision_ft.bundle.results import Prediction
from vision_ft.bundle.tasks import classify
from vision_ft.errors import BundleError


class BundleTask(Protocol):
    """What a module in `bundle/tasks/` offers."""

    def read_options(self, options: dict[str, Any]) -> Any:
        """The task's typed options from the manifest's plain ones."""

    def assemble(
        self,
        outputs: Mapping[str, NDArray[Any]],
        geometries: Sequence[Geometry],
        stage: Stage,
        rule: DecisionRule,
        distances: NDArray[np.float32] | None,
        version: str,
    ) -> list[Prediction]:
        """One prediction for each row of the graph's outputs, decided by the rule."""

    def metric_labels(self, prediction: Prediction) -> tuple[str, ...]:
        """Class ids under which monitoring counts the prediction."""


TASKS: dict[str, BundleTask] = {"classify": classify}


def bundle_task(name: str) -> BundleTask:
    """The torch-free half of a task.

    Raises `BundleError` when this version does not know the task.
    """
    if name not in TASKS:
        raise BundleError(
            f"task {name!r}", expected=f"one of {', '.join(TASKS)}", remedy="Update vision-ft on this machine."
        )
    return TASKS[name]
