"""Detection: a box, a class and a score for each object.

Graph outputs: `boxes` float32 [N, K, 4] (left, top, right, bottom in the input's pixels),
`scores` float32 [N, K] (best first, 0 where there is no box), `labels` int64 [N, K] (number
among the object classes), `counts` int64 [N] and `embeddings` float32 [N, D].
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from vision_ft.bundle.answers import DetectionsAnswer
from vision_ft.bundle.boxes import merge_views, overlaps
from vision_ft.bundle.classes import ClassInfo, background_of, object_classes
from vision_ft.bundle.drawing import colour_of, draw_box
from vision_ft.bundle.manifest import Calibration, Stage
from vision_ft.bundle.place import Geometry
from vision_ft.bundle.results import Found, Prediction
from vision_ft.bundle.tasks import Context

TOLERANCE = 1e-3
SHOWS = "boxes around the objects"
LEAST_VERDICTS = 1
COMPARED = ("embeddings",)
SHOWN_FROM = 0.5
"""Detections are shown from this score on where no threshold has been set."""
_SAME_BOX = 0.99
_NEIGHBOUR = 0.3
_BY_ROUNDING = 3
"""Detections of an image that may be suppressed on one side alone, however few there are."""


class DetectOptions(BaseModel):
    """Options of the task, in the recipe and in the manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)

    name: Literal["detect"] = "detect"
    """The task."""
    strides: tuple[int, ...] = Field(default=(8, 16, 32), min_length=1)
    """Levels of the feature pyramid, in input pixels a cell; begin with 4 for objects under about 12 pixels."""
    width: int = Field(default=96, ge=16, multiple_of=16)
    """Channels of the pyramid and the head."""
    convs: int = Field(default=2, ge=1, le=8)
    """Convolutions of each branch of the head."""
    candidates: int = Field(default=9, ge=1)
    """Cells that learn from one object: those that answer it best (task-aligned assignment, arXiv 2108.07755)."""
    box_weight: float = Field(default=2.0, gt=0)
    """Weight of the boxes' loss beside that of the classes."""
    mosaic: float = Field(default=0.5, ge=0.0, le=1.0)
    """Probability that a training image is composed of four (arXiv 2004.10934)."""
    copy_paste: float = Field(default=0.0, ge=0.0, le=1.0)
    """Probability that objects of another image, rare classes first, are pasted in (arXiv 2012.07177)."""
    imbalance: Literal["sampler", "none"] = "none"
    """sampler: classes, then parts, then images are drawn evenly; none: every image once an epoch."""
    score_floor: float = Field(default=0.02, ge=0.001, lt=1.0)
    """Detections below this score, as it is before calibration, are dropped in the graph."""
    nms_iou: float = Field(default=0.6, gt=0.0, lt=1.0)
    """Of two boxes of a class that overlap by more than this the better one stays."""
    max_detections: int = Field(default=100, ge=1, le=1000)
    """Most detections an image (of tiles: a tile)."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One object that was found."""

    label: str
    """Class id."""
    name: str
    score: float
    """Probability that there is such an object, in [0, 1]."""
    box: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels of the decoded image."""
    further: dict[str, Any] | None = None
    """What a later stage found out about it."""
    presence: float | None = None
    """Probability that there is an object of any class, where it is another than the score."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, the box rounded to hundredths of a pixel."""
        box = [round(float(value), 2) for value in self.box]
        return {"label": self.label, "name": self.name, "score": self.score, "box": box, **(self.further or {})}


@dataclass(frozen=True, slots=True)
class DetectResult:
    """Everything that was found on an image, best first."""

    every: tuple[Detection, ...]
    """All detections above the graph's floor: what average precision is computed from."""
    shown_from: float
    """Score from which detections count."""
    colours: dict[str, int]
    """Number of each class id, which its colour goes by."""
    floor: float = 0.0
    """Score below which the graph gives nothing."""

    @property
    def detections(self) -> tuple[Detection, ...]:
        """Those that count: also one that is there for certain, and whose name is not."""
        return tuple(one for one in self.every if max(one.score, one.presence or 0.0) >= self.shown_from)

    def to_json(self) -> dict[str, Any]:
        """The detections that count."""
        return {"detections": [one.to_json() for one in self.detections], "shown_from": self.shown_from}

    def found(self) -> tuple[Found, ...]:
        """The detections that count, best first."""
        return tuple(Found(one.label, one.name, one.score) for one in self.detections)

    def heatmap(self) -> NDArray[np.float32] | None:
        """Boxes say where it is."""
        return None

    def overlay(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The boxes that count with class and score, drawn on the RGB image, uint8 [H, W, 3]."""
        drawn = image.copy()
        for one in reversed(self.detections):
            draw_box(drawn, one.box, f"{one.name} {one.score:.2f}", colour_of(self.colours.get(one.label, 0)))
        return drawn


def read_options(options: dict[str, Any]) -> DetectOptions:
    """The typed options from the manifest's plain ones."""
    return DetectOptions.model_validate(options)


def calibrated_floor(options: DetectOptions, calibration: Calibration) -> float:
    """The score, of the calibrated graph, that `score_floor` has become.

    The floor is one of the network's own scores: thresholds are set on what lies above it, and a graph that
    calibrates its scores must not drop what they were set on.
    """
    logit = math.log(options.score_floor / (1.0 - options.score_floor))
    return 1.0 / (1.0 + math.exp(-(logit / calibration.temperature + calibration.offset)))


class _Detected:
    """See `tasks.Gathering`."""

    def __init__(self, context: Context, width: int, height: int) -> None:
        self._context = context
        self._size = (width, height)
        self._classes = object_classes(context.stage.classes)
        self._boxes: list[NDArray[np.float64]] = []
        self._scores: list[NDArray[np.float64]] = []
        self._labels: list[NDArray[np.int64]] = []
        self._cut: list[NDArray[np.bool_]] = []
        self._broken = False

    def add(self, outputs: Mapping[str, NDArray[Any]], geometry: Geometry) -> None:
        """Take in the boxes of one view."""
        count = int(outputs["counts"])
        scores = np.asarray(outputs["scores"][:count], dtype=np.float64)
        boxes = np.asarray(outputs["boxes"][:count], dtype=np.float64)
        if not (np.isfinite(outputs["scores"]).all() and np.isfinite(boxes).all()):
            self._broken = True
            return
        boxes = geometry.boxes_to_original(boxes)
        whole = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        self._boxes.append(boxes[whole])
        self._scores.append(scores[whole])
        self._labels.append(np.asarray(outputs["labels"][:count], dtype=np.int64)[whole])
        self._cut.append(_at_inner_border(boxes[whole], geometry))

    def finish(self, embedding: NDArray[np.float32] | None, distance: float | None) -> Prediction:
        """The detections, and the verdict on the image by the best of a class that is not good."""
        boxes, scores, labels = (
            np.concatenate(self._boxes or [np.zeros((0, 4))]),
            np.concatenate(self._scores or [np.zeros(0)]),
            np.concatenate(self._labels or [np.zeros(0, np.int64)]),
        )
        if len(self._boxes) > 1:
            options = read_options(self._context.stage.options)
            boxes, scores, labels = merge_views(boxes, scores, labels, np.concatenate(self._cut), iou=options.nms_iou)
        found = tuple(
            Detection(self._classes[label].id, self._classes[label].title, float(score), (left, top, right, bottom))
            for (left, top, right, bottom), score, label in zip(
                boxes.tolist(), np.clip(scores, 0.0, 1.0), labels, strict=True
            )
        )
        return answer(self._context, found, self._size, embedding, distance, broken=self._broken)


def answer(
    context: Context,
    found: tuple[Detection, ...],
    size: tuple[int, int],
    embedding: NDArray[np.float32] | None,
    distance: float | None,
    *,
    broken: bool = False,
    chances: Sequence[Mapping[str, float]] | None = None,
) -> Prediction:
    """The answer on an image of a size (width, height) from its detections.

    `chances` are the probabilities of what was found to be of each class; without them a detection is of its own.
    """
    classes, rule = context.stage.classes, context.rule
    if chances is None:
        chances = [{one.label: one.score} for one in found]
    probabilities = image_probabilities(classes, chances)
    if broken or (distance is not None and not np.isfinite(distance)):
        probabilities = {
            one.id: float("nan") if broken else p for one, p in zip(classes, probabilities.values(), strict=True)
        }
    top = max(classes, key=lambda one: probabilities[one.id])
    bad_score: float | None = 1.0 - sum(probabilities[one.id] for one in classes if one.good)
    bad_score = bad_score if broken else float(np.clip(bad_score or 0.0, 0.0, 1.0))
    decision, reasons = rule.decide(
        top_probability=probabilities[top.id], top_is_good=top.good, bad_score=bad_score, distance=distance
    )
    if broken or (distance is not None and not np.isfinite(distance)):
        # The decision has said so already; what is sent must be numbers.
        probabilities = dict.fromkeys(probabilities, 0.0)
        bad_score, distance = None, None
    return Prediction(
        label=top.id,
        name=top.title,
        probability=probabilities[top.id],
        decision=decision,
        reasons=reasons,
        bad_score=bad_score,
        distance=distance,
        result=DetectResult(
            found,
            SHOWN_FROM if rule.pass_below is None else rule.pass_below,
            {one.id: number for number, one in enumerate(object_classes(classes))},
            calibrated_floor(read_options(context.stage.options), context.stage.calibration),
        ),
        width=size[0],
        height=size[1],
        model_version=context.version,
        probabilities=probabilities,
        embedding=embedding,
    )


def image_probabilities(classes: tuple[ClassInfo, ...], chances: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """What an image is taken for as a whole: the worst of what was found on it, or else the surest that is good.

    Of each find `chances` says how probable it is of each class but the background. The summed probability of the
    classes that are not good is the highest such sum of a find: one that is a defect for certain, be it a crack or a
    scratch, is one. They share it as the find does whose name is surest: a second one in doubt takes no certainty away.
    """
    probabilities = {one.id: 0.0 for one in classes}
    good = {one.id: one.good for one in classes}
    left = 1.0
    for wanted in (False, True):
        some = [{label: p for label, p in one.items() if good[label] is wanted} for one in chances]
        total = min(1.0, max((sum(one.values()) for one in some), default=0.0))
        surest = max(some, key=lambda one: max(one.values(), default=0.0), default={})
        for label, chance in surest.items():
            probabilities[label] = left * chance
        if surest:
            # What another find has more is of the same name, for want of a better one.
            probabilities[max(surest, key=surest.__getitem__)] += left * max(0.0, total - sum(surest.values()))
        left *= 1.0 - total
    probabilities[background_of(classes).id] = left
    return probabilities


def _at_inner_border(boxes: NDArray[np.float64], geometry: Geometry) -> NDArray[np.bool_]:
    """At which sides boxes reach a border of the view that is none of the image, where it may have cut them [N, 4]."""
    left, top, width, height = geometry.crop
    near = 2.0
    return np.stack(
        [
            (boxes[:, 0] <= left + near) & (left > 0),
            (boxes[:, 1] <= top + near) & (top > 0),
            (boxes[:, 2] >= left + width - near) & (left + width < geometry.width),
            (boxes[:, 3] >= top + height - near) & (top + height < geometry.height),
        ],
        axis=1,
    )


def gather(context: Context, width: int, height: int) -> _Detected:
    """Begin the answer on an image."""
    return _Detected(context, width, height)


def substance(prediction: Prediction) -> int:
    """The detections above the graph's floor."""
    return len(prediction.result.every)  # type: ignore[attr-defined]


def difference(want: Prediction, got: Prediction) -> float:
    """Largest difference of a score between boxes of a class that are the same (IoU of 0.99 at least).

    Detections without a partner count with their own score's distance from the floor: near it,
    rounding decides whether they are there. One that a better box of its class overlaps may have
    been suppressed by it, or not, by rounding alone; it is left out. Rounding does that to few: where
    it is more than three and a tenth of them, suppression itself is another, and the difference is 1.
    """
    ours, theirs = list(want.result.every), list(got.result.every)  # type: ignore[attr-defined]
    worst = abs((want.bad_score or 0.0) - (got.bad_score or 0.0))
    floor = want.result.floor  # type: ignore[attr-defined]
    lonely = []
    for one in ours:
        partners = [other for other in theirs if other.label == one.label]
        iou = overlaps(np.array([one.box]), np.array([other.box for other in partners]).reshape(-1, 4))[0]
        near = [(abs(partners[k].score - one.score), k) for k in np.flatnonzero(iou >= _SAME_BOX)]
        if near:
            apart, k = min(near)
            theirs.remove(partners[k])
            worst = max(worst, apart)
        else:
            lonely.append(one)
    for alone in (lonely, theirs):
        suppressed = 0
        for one in alone:
            if any(_may_suppress(other, one) for other in want.result.every):  # type: ignore[attr-defined]
                suppressed += 1
            else:
                worst = max(worst, one.score - floor)
        if suppressed > max(_BY_ROUNDING, len(ours) // 10):
            return 1.0
    return float(worst)


def _may_suppress(better: Detection, one: Detection) -> bool:
    if better.label != one.label or better is one or better.score <= one.score:
        return False
    return bool(overlaps(np.array([better.box]), np.array([one.box]))[0, 0] >= _NEIGHBOUR)


def no_overlay(stage: Stage) -> str:
    """Boxes can always be drawn."""
    return ""


def regions(prediction: Prediction) -> list[tuple[float, tuple[float, float, float, float]]]:
    """Score and box of each detection, best first."""
    return [(one.score, one.box) for one in prediction.result.every]  # type: ignore[attr-defined]


def named(context: Context, prediction: Prediction, answers: Sequence[Prediction]) -> Prediction:
    """The first detections with the classes that a second stage has found in them.

    A detection's score is then the chance that there is an object at all times that of its class. One that the
    second stage takes for nothing, rather than for any of the other classes together, is gone; but the image's
    verdict counts what chance it had.
    """
    result = prediction.result
    assert isinstance(result, DetectResult)
    found, chances = [], []
    titles = {one.id: one.title for one in context.stage.classes}
    nothing = background_of(context.stage.classes).id
    for one, seen in zip(result.every, answers, strict=False):
        own = {label: p for label, p in seen.probabilities.items() if label != nothing}
        chances.append({label: one.score * p for label, p in own.items()})
        something = sum(own.values())
        if not own or something < seen.probabilities.get(nothing, 0.0):
            continue
        label = max(own, key=own.__getitem__)
        further = {"detected": one.label, "detection_score": one.score, "class_probability": own[label]}
        score, presence = one.score * own[label], one.score * min(1.0, something)
        found.append(Detection(label, titles[label], score, one.box, further, presence))
    ordered = tuple(sorted(found, key=lambda one: -one.score))
    size = (prediction.width, prediction.height)
    # A find that the second stage cannot name with a number must not vanish: a person looks.
    broken = prediction.bad_score is None or any(not any(seen.probabilities.values()) for seen in answers)
    return answer(context, ordered, size, prediction.embedding, prediction.distance, broken=broken, chances=chances)


RESULT = DetectResult
ANSWER = DetectionsAnswer
