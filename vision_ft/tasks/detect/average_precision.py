"""Matching of detections to objects as COCO does it, and average precision of weighted images.

The reported value is the evaluator's of faster-coco-eval. This is for what that cannot do:
the same figure of thousands of resampled sets of groups, for its interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.boxes import overlaps, shares_within

_RECALLS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True)
class Found:
    """Objects and detections of one image, in pixels."""

    truth: NDArray[np.float64]
    """Boxes of the objects [M, 4]."""
    truth_labels: NDArray[np.int64]
    """Their classes [M]."""
    ignored: NDArray[np.bool_]
    """Whether each is ignored [M]."""
    boxes: NDArray[np.float64]
    """Boxes of the detections [D, 4], best first."""
    labels: NDArray[np.int64]
    """Their classes [D]."""
    scores: NDArray[np.float64]
    """Their scores [D]."""
    presence: NDArray[np.float64] | None = None
    """Probability that each is an object of whatever class, where that is more than its score [D]."""

    @property
    def counting(self) -> NDArray[np.float64]:
        """What a threshold is compared with [D]."""
        return self.scores if self.presence is None else np.maximum(self.scores, self.presence)


@dataclass(frozen=True, slots=True)
class Flags:
    """The detections of one class in one image, best first."""

    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    """Whether each meets an object of its own."""
    ignored: NDArray[np.bool_]
    """Whether each meets an ignored object and counts neither way."""
    total: int
    """Objects that are to be found."""
    hit: NDArray[np.bool_]
    """Whether each of them is met [total]."""


def matched(image: Found, label: int, iou: float, *, from_score: float = 0.0) -> Flags:
    """Match the detections of a class, best first, each to the free object that it overlaps most.

    An ignored object may be met by any number of detections, by the share of the detection in it (a crowd).
    """
    mine = (image.labels == label) & (image.counting >= from_score)
    theirs = image.truth_labels == label
    boxes, scores = image.boxes[mine], image.scores[mine]
    truth, crowd = image.truth[theirs & ~image.ignored], image.truth[theirs & image.ignored]
    order = np.argsort(-scores, kind="stable")
    boxes, scores = boxes[order], scores[order]
    right = np.zeros(len(boxes), np.bool_)
    ignored = np.zeros(len(boxes), np.bool_)
    free = np.ones(len(truth), np.bool_)
    near = overlaps(boxes, truth)
    inside = shares_within(boxes, crowd)
    for row in range(len(boxes)):
        best = np.where(free, near[row], -1.0)
        if len(best) and best.max() >= iou:
            free[int(best.argmax())] = False
            right[row] = True
        elif inside.shape[1] and inside[row].max() >= iou:
            ignored[row] = True
    return Flags(scores, right, ignored, len(truth), ~free)


def average_precision(
    scores: NDArray[np.float64],
    right: NDArray[np.bool_],
    ignored: NDArray[np.bool_],
    weights: NDArray[np.float64],
    totals: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Average precision over 101 recalls of R weighted sets [R]; nan where no object is to be found.

    `scores`, `right` and `ignored` [D] are all detections of a class, `weights` [R, D] how often
    each counts, `totals` [R] the objects to be found.
    """
    order = np.argsort(-scores, kind="stable")
    order = order[~ignored[order]]
    counted = weights[:, order]
    hits = np.cumsum(counted * right[order], axis=1)
    every = np.cumsum(counted, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(every > 0, hits / every, 0.0)
        recall = hits / totals[:, None]
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    result = np.where(totals > 0, 0.0, np.nan)
    if precision.shape[1]:
        for row in np.flatnonzero(totals > 0):
            at = np.searchsorted(recall[row], _RECALLS, side="left")
            reached = np.minimum(at, precision.shape[1] - 1)
            result[row] = np.where(at < precision.shape[1], precision[row][reached], 0.0).mean()
    return result


def best_f1(images: Sequence[Found], classes: int, iou: float = 0.5) -> tuple[float, float]:
    """The score from which detections of all classes together have the best F1, and that F1; (0.5, 0) without any.

    The score lies midway between two detections' scores, so that none sits on it.
    """
    flags = [matched(image, label, iou) for image in images for label in range(classes)]
    scores = np.concatenate([one.scores[~one.ignored] for one in flags] or [np.zeros(0)])
    right = np.concatenate([one.right[~one.ignored] for one in flags] or [np.zeros(0, np.bool_)])
    total = sum(one.total for one in flags)
    if not right.any():
        return 0.5, 0.0
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + total)
    best = int(f1.argmax())
    below = scores[order[best + 1]] if best + 1 < len(order) else 0.0
    return float((scores[order[best]] + below) / 2), float(f1[best])
