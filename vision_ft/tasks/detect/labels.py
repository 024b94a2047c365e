"""Labelled boxes of training images at the model's input, and what is left of them when an image is cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.place import Geometry
from vision_ft.data.index import Sample
from vision_ft.data.object_masks import boxes_of

IGNORED, NONE = -2, -1
"""Labels of ignored objects, and of rows that only fill up a batch."""
_VISIBLE = 0.25
"""An object of which less than this share of its area is left in a view is ignored there."""
_LEAST_SIDE = 2.0
"""Pixels: what is left of an ignored object must be at least so wide and high."""


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects in one view."""

    boxes: NDArray[np.float64]
    """Left, top, right, bottom in the view's pixels [M, 4]."""
    labels: NDArray[np.int64]
    """Number among the object classes [M], or `IGNORED`."""

    def __len__(self) -> int:
        return len(self.labels)

    def clipped(self, width: float, height: float) -> Objects:
        """What lies inside of a view of this size; cut to it, what is left of objects ignored, slivers of them
        and what is outside dropped. What is thin and lies inside stays: it is what the line is to find."""
        limits = np.array([width, height, width, height])
        boxes = np.clip(self.boxes, 0.0, limits)
        sides = boxes[:, 2:] - boxes[:, :2]
        whole = np.maximum((self.boxes[:, 2:] - self.boxes[:, :2]).prod(axis=1), 1e-9)
        left = sides.clip(min=0.0).prod(axis=1) / whole
        thin = sides.min(axis=1, initial=np.inf) < _LEAST_SIDE if len(sides) else np.zeros(0, np.bool_)
        seen = (left > 0.0) & ~(thin & (left < _VISIBLE))
        labels = np.where(left < _VISIBLE, IGNORED, self.labels)
        return Objects(boxes[seen], labels[seen])

    def moved(self, scale: tuple[float, float], offset: tuple[float, float]) -> Objects:
        """The boxes scaled (across, down) and then moved (right, down)."""
        return Objects(self.boxes * (*scale, *scale) + (*offset, *offset), self.labels)


def joined(several: Sequence[Objects]) -> Objects:
    """All of them together."""
    if not several:
        return Objects(np.zeros((0, 4)), np.zeros(0, np.int64))
    return Objects(np.concatenate([one.boxes for one in several]), np.concatenate([one.labels for one in several]))


def objects_of(sample: Sample, classes: Sequence[ClassInfo]) -> Objects:
    """The objects of an image in its own pixels; raises `DataError` where nothing is known of them."""
    boxes, labels, ignored = boxes_of(sample, classes)
    return Objects(boxes, np.where(ignored, IGNORED, labels).astype(np.int64))


def in_view(objects: Objects, geometry: Geometry) -> Objects:
    """Objects in an image's pixels as they lie in the input, cut to what is looked at."""
    boxes = geometry.boxes_to_input(objects.boxes)
    x, y, width, height = geometry.paste
    inside = Objects(boxes - (x, y, x, y), objects.labels).clipped(width, height)
    return inside.moved((1.0, 1.0), (x, y))


def padded(objects: Objects, most: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Boxes float32 [most, 4] and labels int64 [most], filled up with `NONE`; the largest stay where there are more."""
    boxes, labels = np.zeros((most, 4), np.float32), np.full(most, NONE, np.int64)
    keep = np.arange(len(objects))
    if len(objects) > most:
        sides = objects.boxes[:, 2:] - objects.boxes[:, :2]
        keep = np.argsort(-sides.prod(axis=1), kind="stable")[:most]
    boxes[: len(keep)], labels[: len(keep)] = objects.boxes[keep], objects.labels[keep]
    return boxes, labels


def for_each_class(
    boxes: NDArray[np.float64], labels: NDArray[np.int64], classes: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Boxes [M, 4], classes [M] and whether each is ignored [M]; what is ignored is so for every class."""
    crowd = boxes[labels == IGNORED]
    real = labels >= 0
    return (
        np.concatenate([boxes[real], np.tile(crowd, (classes, 1))]),
        np.concatenate([labels[real], np.repeat(np.arange(classes), len(crowd))]).astype(np.int64),
        np.concatenate([np.zeros(int(real.sum()), np.bool_), np.ones(classes * len(crowd), np.bool_)]),
    )
