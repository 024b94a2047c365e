"""The parity gate: a bundle is written only if it answers like the model that it came from.

Both sides start from the same raw bytes. One is the torch module behind the recipe's own
input, class list and temperature; the other is the bundle as the service runs it, behind its
manifest. They must agree on every probability by class id and on every verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.decision import DecisionRule
from vision_ft.bundle.decode import decode
from vision_ft.bundle.manifest import InputSpec, Stage
from vision_ft.bundle.place import place
from vision_ft.bundle.predictor import Predictor
from vision_ft.bundle.results import Prediction
from vision_ft.bundle.tasks import bundle_task
from vision_ft.errors import ParityError

TOLERANCE = 1e-4
Outputs = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Expected:
    """What training knows, by itself, of how the model is to answer."""

    answer: Callable[[Tensor], Outputs]
    """The trained module's answer on a uint8 RGB batch."""
    stage: Stage
    """Task, classes and input as the recipe and the index have them, not as the manifest says."""
    rule: DecisionRule
    version: str

    @property
    def spec(self) -> InputSpec:
        """The recipe's input."""
        return self.stage.input

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        """The index's classes."""
        return self.stage.classes


@dataclass(frozen=True)
class Parity:
    """What was compared, and how well it agreed."""

    images: int
    verdicts: int
    """Different verdicts (label and decision) among the expected ones: one alone shows little."""
    largest_difference: float
    """Of a probability of the same class on the same image."""
    changed_verdicts: int
    tolerance: float = TOLERANCE
    worst_image: int = -1
    """Number of the image with the largest difference."""

    @property
    def holds(self) -> bool:
        """Whether the bundle may be written."""
        return self.images > 0 and self.largest_difference <= self.tolerance and self.changed_verdicts == 0

    def to_json(self) -> dict[str, Any]:
        """Plain JSON for the bundle."""
        return {**asdict(self), "holds": self.holds}


def compare(expected: Expected, predictor: Predictor, images: Sequence[bytes], *, batch_size: int = 8) -> Parity:
    """Compare both sides on encoded images."""
    worst, at, changed = 0.0, -1, 0
    verdicts = set()
    for start in range(0, len(images), batch_size):
        some = images[start : start + batch_size]
        for row, (want, got) in enumerate(zip(_expected(expected, some), predictor.predict(some), strict=True)):
            difference = _difference(want, got)
            if difference > worst or not np.isfinite(difference):
                worst, at = difference, start + row
            verdicts.add((want.label, want.decision))
            # The distance to the training images is the bundle's own knowledge; it is compared apart from it.
            changed += (want.label, want.decision) != (got.label, _without_distance(predictor, got))
    return Parity(len(images), len(verdicts), float(worst), changed, worst_image=at)


def require(parity: Parity, where: str) -> None:
    """Raise `ParityError` unless parity holds and was tested on at least two verdicts."""
    if not parity.holds:
        raise ParityError(
            f"{where} does not answer like the trained model",
            expected=f"probabilities within {parity.tolerance:g} and no changed verdict",
            got=f"a difference of {parity.largest_difference:.3g} and {parity.changed_verdicts} changed verdicts "
            f"on {parity.images} images",
            remedy="Nothing was written; report this with the recipe and the library versions of `vision-ft doctor`.",
        )
    if parity.verdicts < 2:
        raise ParityError(
            f"{where} gave the same verdict on all {parity.images} images",
            expected="at least two verdicts to compare",
            got="one",
            remedy="Raise export.parity_images, or train longer: a model with one answer is of no use.",
        )


def _expected(expected: Expected, images: Sequence[bytes]) -> list[Prediction]:
    placed = [place(decode(data, window=expected.spec.window), expected.spec) for data in images]
    outputs = expected.answer(torch.from_numpy(np.stack([pixels for pixels, _ in placed])))
    task = bundle_task(expected.stage.task)
    geometries = [geometry for _, geometry in placed]
    return task.assemble(outputs, geometries, expected.stage, expected.rule, None, expected.version)


def _difference(want: Prediction, got: Prediction) -> float:
    ours, theirs = (p.result.to_json().get("probabilities", {}) for p in (want, got))
    if set(ours) != set(theirs):
        return float("inf")
    return max((abs(ours[name] - theirs[name]) for name in ours), default=abs(want.probability - got.probability))


def _without_distance(predictor: Predictor, got: Prediction) -> Any:
    rule = predictor.manifest.decision
    good = {c.id for c in predictor.manifest.classes if c.good}
    decision, _ = rule.decide(
        top_probability=got.probability, top_is_good=got.label in good, bad_score=got.bad_score, distance=None
    )
    return decision
