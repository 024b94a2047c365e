"""The envelope that every answer has, whatever the task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.decision import Decision


class TaskResult(Protocol):
    """What a task adds to the envelope; its file in `bundle/tasks/` defines it."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON of the result, in the original image's pixels."""

    def overlay(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The result drawn on the full-resolution RGB image, uint8 [H, W, 3]."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answer on one image."""

    label: str
    """Class id."""
    name: str
    """Name of the class, for people."""
    probability: float
    """Calibrated probability of the label, in [0, 1]."""
    decision: Decision
    reasons: tuple[str, ...]
    """Why the decision is not the plain one; empty mostly."""
    bad_score: float | None
    """One minus the probability of the good classes; None where no class is good."""
    distance: float | None
    """Embedding distance to the training images in [0, 2]; None where the bundle has no reference."""
    result: TaskResult
    width: int
    """Width of the decoded image in pixels."""
    height: int
    """Height of the decoded image in pixels."""
    model_version: str
    embedding: NDArray[np.float32] | None = None
    """Unit vector, float32 [D], for monitoring."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, without the embedding."""
        return {
            "label": self.label,
            "name": self.name,
            "probability": self.probability,
            "decision": str(self.decision),
            "reasons": list(self.reasons),
            "bad_score": self.bad_score,
            "distance": self.distance,
            **self.result.to_json(),
            "width": self.width,
            "height": self.height,
            "model_version": self.model_version,
        }
