"""The parity gate: a bundle is written only if it answers like the model that it came from.

Both sides start from the same raw bytes. One is the torch module behind the recipe's own
input, class list and temperature; the other is the bundle as the service runs it, behind its
manifest. They must agree on what the task compares (see `BundleTask.difference`) and on every verdict.
Of images that are looked at in tiles the first tile is compared.
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
from vision_ft.bundle.place import place_view
from vision_ft.bundle.predictor import Predictor
from vision_ft.bundle.results import Prediction
from vision_ft.bundle.tasks import Context, bundle_task
from vision_ft.bundle.tiles import views_of
from vision_ft.errors import ParityError

OUTPUT_TOLERANCE = 1e-3
Outputs = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Expected:
    """What training knows, by itself, of how the model is to answer."""

    answer: Callable[[Tensor], Outputs]
    """The trained module's answer on a uint8 RGB batch."""
    stage: Stage
    """Task, input and, as the module knows them, the classes."""
    rule: DecisionRule
    version: str

    @property
    def spec(self) -> InputSpec:
        """The recipe's input."""
        return self.stage.input

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        """The module's classes."""
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
    largest_output_difference: float = 0.0
    """Of an embedding, or of a class's evidence summed over the heatmap, in shares of the largest value."""
    tolerance: float = 1e-4
    output_tolerance: float = OUTPUT_TOLERANCE
    least_verdicts: int = 2
    compared: int = 1
    """Probabilities, detections or defects that were compared."""
    worst_image: int = -1
    """Number of the image with the largest difference."""

    @property
    def holds(self) -> bool:
        """Whether the bundle may be written."""
        return (
            self.images > 0
            and self.largest_difference <= self.tolerance
            and self.largest_output_difference <= self.output_tolerance
            and self.changed_verdicts == 0
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON for the bundle."""
        return {**asdict(self), "holds": self.holds}


def compare(expected: Expected, predictor: Predictor, images: Sequence[bytes], *, batch_size: int = 8) -> Parity:
    """Compare both sides on encoded images."""
    task = bundle_task(expected.stage.task)
    worst, at, changed, further = 0.0, -1, 0, 0.0
    verdicts, compared = set(), 0
    for start in range(0, len(images), batch_size):
        some = images[start : start + batch_size]
        wanted, outputs = _expected(expected, some)
        prepared = [predictor.prepare(data) for data in some]
        answered = predictor.infer(np.stack([one.pixels for one in prepared]))
        answers = predictor.assemble(answered, [one.geometry for one in prepared])
        further = float(
            np.max([further, *(_apart(outputs[n], answered.get(n)) for n in task.COMPARED if n in outputs)])
        )
        for row, (want, got) in enumerate(zip(wanted, answers, strict=True)):
            difference = task.difference(want, got)
            if difference > worst or not np.isfinite(difference):
                worst, at = difference, start + row
            verdicts.add((want.label, want.decision))
            compared += task.substance(want)
            # The distance to the training images is the bundle's own knowledge; it is compared apart from it.
            changed += (want.label, want.decision) != (got.label, _without_distance(predictor, got))
    return Parity(
        len(images),
        len(verdicts),
        float(worst),
        changed,
        further,
        tolerance=task.TOLERANCE,
        least_verdicts=task.LEAST_VERDICTS,
        compared=compared,
        worst_image=at,
    )


def require(parity: Parity, where: str) -> None:
    """Raise `ParityError` unless parity holds and was tested on answers that say something."""
    if not parity.holds:
        raise ParityError(
            f"{where} does not answer like the trained model",
            expected=f"probabilities within {parity.tolerance:g} and no changed verdict",
            got=f"a difference of {parity.largest_difference:.3g}, of {parity.largest_output_difference:.3g} in other "
            f"outputs, and {parity.changed_verdicts} changed verdicts on {parity.images} images",
            remedy="Nothing was written; report this with the recipe and the library versions of `vision-ft doctor`.",
        )
    if not parity.compared:
        raise ParityError(
            f"{where} found nothing on any of {parity.images} images",
            expected="answers to compare",
            remedy="Train longer: a model that finds nothing is of no use.",
        )
    if parity.verdicts < parity.least_verdicts:
        raise ParityError(
            f"{where} gave the same verdict on all {parity.images} images",
            expected="at least two verdicts to compare",
            got="one",
            remedy="Raise export.parity_images, or train longer: a model with one answer is of no use.",
        )


def _apart(want: NDArray[Any], got: NDArray[Any] | None) -> float:
    """Largest difference of an output in shares of its largest value; not a number counts as infinite.

    Of maps the sum over their places is compared: where two places are as good as equal, the
    maximum may lie on either.
    """
    if got is None:
        return float("inf")
    if want.ndim == 4:
        want, got = want.sum(axis=(2, 3)), got.sum(axis=(2, 3))
    if want.shape != got.shape:
        return float("inf")
    difference = float(np.max(np.abs(want - got)) / max(float(np.max(np.abs(want))), 1e-6))
    return difference if np.isfinite(difference) else float("inf")


def _expected(expected: Expected, images: Sequence[bytes]) -> tuple[list[Prediction], Outputs]:
    spec = expected.spec
    decoded = [decode(data, window=spec.window) for data in images]
    views = [views_of(image.shape[1], image.shape[0], spec)[0] for image in decoded]
    placed = [place_view(image, view, pad=spec.pad) for image, view in zip(decoded, views, strict=True)]
    outputs = expected.answer(torch.from_numpy(np.stack(placed)))
    context = Context(expected.stage, expected.rule, expected.version)
    answers = []
    for row, view in enumerate(views):
        gathering = bundle_task(expected.stage.task).gather(context, view.width, view.height)
        gathering.add({name: value[row] for name, value in outputs.items()}, view)
        answers.append(gathering.finish(None, None))
    return answers, outputs


def _without_distance(predictor: Predictor, got: Prediction) -> Any:
    rule = predictor.manifest.decision
    good = {c.id for c in predictor.manifest.classes if c.good}
    decision, _ = rule.decide(
        top_probability=got.probability, top_is_good=got.label in good, bad_score=got.bad_score, distance=None
    )
    return decision
