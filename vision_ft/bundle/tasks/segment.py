"""Segmentation: a class for each pixel, and the defects that they form.

Graph outputs: `labels` uint8 [N, H, W] (0 background, k + 1 the k-th object class), `foreground`
uint8 [N, h, w] (probability of anything but background, in 255ths), `scores` float32 [N, K]
(calibrated probability that the image shows class k) and `embeddings` float32 [N, D].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from vision_ft.bundle.answers import DefectsAnswer
from vision_ft.bundle.classes import background_of, object_classes
from vision_ft.bundle.defects import Defect, SegmentResult
from vision_ft.bundle.label_views import LabelViews
from vision_ft.bundle.manifest import Stage
from vision_ft.bundle.place import Geometry
from vision_ft.bundle.regions import connected_regions
from vision_ft.bundle.results import Prediction
from vision_ft.bundle.tasks import Context

TOLERANCE = 1e-3
"""Of a probability, or of the pixels: rounding turns a pixel where two classes are as good as equal, and no more."""
COMPARED = ("embeddings", "scores")
SHOWS = "outlines of the defects"
LEAST_VERDICTS = 1


class SegmentOptions(BaseModel):
    """Options of the task, in the recipe and in the manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)

    name: Literal["segment"] = "segment"
    """The task."""
    crop: int | None = Field(default=None, ge=32)
    """Side of training crops in pixels of the input; None: the input's size. Smaller crops are quicker, and
    only convolutional backbones take them."""
    zoom: tuple[float, float] = (0.75, 1.5)
    """Smallest and largest magnification of training crops, relative to the input's."""
    focus: float = Field(default=0.85, ge=0.0, le=1.0)
    """Share of a defective image's crops that are placed on a defect; the others lie anywhere."""
    background: float = Field(default=0.25, ge=0.0, lt=1.0)
    """Share of the crops that come from images of the background class; the rest is drawn evenly over classes,
    then parts, then images."""
    transplant: float = Field(default=0.3, ge=0.0, le=1.0)
    """Probability that a defect is shown on another, good image of about the same size."""
    focal_gamma: float = Field(default=2.0, ge=0.0)
    """How much pixels that are answered well already lose in weight (focal loss, arXiv 1708.02002)."""
    focal_weight: float = Field(default=5.0, ge=0.0)
    """Weight of the focal loss of defect against background."""
    dice_weight: float = Field(default=2.0, ge=0.0)
    """Weight of the Dice loss over each batch (arXiv 1606.04797): it does not mind how small a defect is. Half of
    it is of all defects as one, half by class."""
    class_weight: float = Field(default=0.5, ge=0.0)
    """Weight of the cross-entropy of the class of labelled pixels, in which every class counts alike."""
    presence_weight: float = Field(default=0.3, ge=0.0)
    """Weight of the loss of the second head, which says what classes an image shows; 0: no such head."""
    gate: float = Field(default=0.25, ge=0.0, le=2.0)
    """How far the second head's answer counts in the class of each pixel."""
    decoder: int = Field(default=128, ge=16, multiple_of=16)
    """Channels of the decoder at its coarsest level; finer levels have fewer."""
    stride: Literal[2, 4] = 2
    """Input pixels per position of the finest level."""
    flips: bool = False
    """Answer with the mean over mirrored views, where the augmentation mirrors; it takes up to four times as long."""
    min_area: int = Field(default=10, ge=1)
    """Connected pixels of the original image below which there is no defect."""
    one_class: bool = True
    """What hangs together is one defect, of the class that most of its pixels have."""
    mm_per_pixel: float | None = Field(default=None, gt=0.0)
    """Size of a pixel of the original image on the part; None: not known, and sizes are in pixels alone."""

    @model_validator(mode="after")
    def _ordered(self) -> SegmentOptions:
        low, high = self.zoom
        if not 0.1 <= low <= high <= 10.0:
            raise ValueError("zoom is a smallest and a largest magnification between 0.1 and 10")
        return self


def read_options(options: dict[str, Any]) -> SegmentOptions:
    """The typed options from the manifest's plain ones."""
    return SegmentOptions.model_validate(options)


class _Segmented:
    """See `tasks.Gathering`."""

    def __init__(self, context: Context, width: int, height: int) -> None:
        self._context = context
        self._size = (width, height)
        self._views = LabelViews(width, height, context.stage.input)
        self._scores: NDArray[np.float64] | None = None

    def add(self, outputs: Mapping[str, NDArray[Any]], geometry: Geometry) -> None:
        """Keep what this view found, and the highest score of each class."""
        scores = np.asarray(outputs["scores"], np.float64)
        self._scores = scores if self._scores is None else np.maximum(self._scores, scores)
        self._views.add(outputs["labels"], outputs["foreground"], geometry)

    def finish(self, embedding: NDArray[np.float32] | None, distance: float | None) -> Prediction:
        """The defects; the verdict goes by the highest score of a class that is not good."""
        stage, rule = self._context.stage, self._context.rule
        assert self._scores is not None, "an image has a view"
        probabilities = self._probabilities(self._scores)
        values = np.array(list(probabilities.values()))
        top = stage.classes[int(values.argmax())]
        bad_score = None
        if any(c.good for c in stage.classes):
            bad_score = 1.0 - sum(probabilities[c.id] for c in stage.classes if c.good)
            bad_score = float(np.clip(bad_score, 0.0, 1.0))
        decision, reasons = rule.decide(
            top_probability=probabilities[top.id], top_is_good=top.good, bad_score=bad_score, distance=distance
        )
        if not np.isfinite(values).all() or (distance is not None and not np.isfinite(distance)):
            # The decision has said so already; what is sent must be numbers.
            probabilities, bad_score, distance = dict.fromkeys(probabilities, 0.0), None, None
        return Prediction(
            label=top.id,
            name=top.title,
            probability=probabilities[top.id],
            decision=decision,
            reasons=reasons,
            bad_score=bad_score,
            distance=distance,
            result=self._result(),
            width=self._size[0],
            height=self._size[1],
            model_version=self._context.version,
            probabilities=probabilities,
            embedding=embedding,
        )

    def _probabilities(self, scores: NDArray[np.float64]) -> dict[str, float]:
        """The class of the highest score, of those that are not good where there are such, against the background."""
        classes = self._context.stage.classes
        objects = object_classes(classes)
        rivals = [k for k, c in enumerate(objects) if not c.good] or list(range(len(objects)))
        best = max(rivals, key=lambda k: (np.isnan(scores[k]), scores[k]))
        score = float(np.clip(scores[best], 0.0, 1.0))
        found = dict.fromkeys((c.id for c in classes), 0.0)
        return found | {objects[best].id: score, background_of(classes).id: 1.0 - score}

    def _result(self) -> SegmentResult:
        stage = self._context.stage
        options, objects = read_options(stage.options), object_classes(stage.classes)
        found = connected_regions(self._views.merged(), min_area=options.min_area, one_class=options.one_class)
        defects = tuple(
            Defect(objects[one.label - 1].id, objects[one.label - 1].title, one, options.mm_per_pixel) for one in found
        )
        return SegmentResult(defects, None if stage.heatmap else self._views.heat, *self._size)


def gather(context: Context, width: int, height: int) -> _Segmented:
    """Begin the answer on an image."""
    return _Segmented(context, width, height)


def substance(prediction: Prediction) -> int:
    """The defects."""
    return len(prediction.result.defects)  # type: ignore[attr-defined]


def difference(want: Prediction, got: Prediction) -> float:
    """The larger of the difference of a class's probability and the share of pixels whose class differs."""
    if set(want.probabilities) != set(got.probabilities) or (want.width, want.height) != (got.width, got.height):
        return float("inf")
    apart = [abs(want.probabilities[name] - got.probabilities[name]) for name in want.probabilities]
    ours: NDArray[np.uint8] = want.result.label_map()  # type: ignore[attr-defined]
    theirs: NDArray[np.uint8] = got.result.label_map()  # type: ignore[attr-defined]
    # Python's max would pass over what is no number.
    return float(np.max([*apart, float((ours != theirs).mean())]))


def no_overlay(stage: Stage) -> str:
    """Outlines can always be drawn."""
    return ""


RESULT = SegmentResult
ANSWER = DefectsAnswer
