"""The envelope that every answer has, whatever the task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.decision import Decision


class TaskResult(Protocol):
    """What a task adds to the envelope; its file in `bundle/tasks/` defines it."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON of the result, in the original image's pixels."""

    def overlay(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The result drawn on the full-resolution RGB image, uint8 [H, W, 3]."""

    def heatmap(self) -> NDArray[np.float32] | None:
        """Where the evidence lies on the original image, float32 [H, W] in [0, 1]; None where there is no such map."""


class Found(NamedTuple):
    """One of several things that a result has found on an image."""

    label: str
    """Class id."""
    name: str
    """Name of the class, for people."""
    score: float
    """How sure it is, in [0, 1]."""


@runtime_checkable
class Listing(Protocol):
    """What a result offers besides that finds any number of things on an image."""

    def found(self) -> Sequence[Found]:
        """All that count, best first."""


@runtime_checkable
class Summarising(Protocol):
    """What a result offers besides that has more to say in short than what was found of which class."""

    def summary(self) -> str:
        """A few words for people."""


@runtime_checkable
class PixelLabels(Protocol):
    """What a result offers besides that gives each pixel a class."""

    def label_map(self) -> NDArray[np.uint8]:
        """Class of each pixel of the original image, uint8 [H, W]: 0 background, k + 1 the k-th object class."""


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
    probabilities: dict[str, float] = field(default_factory=dict)
    """What the image as a whole is taken for: a probability for each class id of the bundle, summing to one.
    The summed probability of the classes that are not good is `bad_score`."""
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

    def found(self) -> tuple[Found, ...]:
        """The things that were found, best first; empty where the task lists none."""
        return tuple(self.result.found()) if isinstance(self.result, Listing) else ()

    def scores(self) -> dict[str, float]:
        """Class ids that the answer names, each with its best score; the image's label where nothing was found.

        Under these monitoring counts the prediction.
        """
        best: dict[str, float] = {}
        for one in self.found():
            best[one.label] = max(one.score, best.get(one.label, 0.0))
        return best or {self.label: self.probability}

    def summary(self) -> str:
        """What was found in a few words, such as `2 scratch, 1 dent`."""
        if isinstance(self.result, Summarising):
            return self.result.summary()
        counts = Counter(one.name for one in self.found())
        return ", ".join(f"{number} {name}" for name, number in counts.items()) or "nothing"


def probabilities_apart(want: Prediction, got: Prediction) -> float:
    """Largest difference of a class's probability; infinite where the classes are not the same."""
    if set(want.probabilities) != set(got.probabilities):
        return float("inf")
    # Python's max would pass over what is no number.
    return float(np.max([abs(want.probabilities[name] - got.probabilities[name]) for name in want.probabilities]))
