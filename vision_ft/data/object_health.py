"""How many objects are labelled, and how large they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vision_ft.bundle.classes import object_classes
from vision_ft.data.index import Index
from vision_ft.data.object_masks import boxes_of

SMALL, LARGE = 32, 96
"""Sides in pixels: an object of a box smaller than the square of the first is small, from the second's on large."""


@dataclass(frozen=True)
class ObjectHealth:
    """The objects of one class, those that are ignored only counted.

    `size` is the median of the square root of their boxes' areas, in pixels (NaN without any);
    `small`, `medium` and `large` are shares that sum to 1 (0 without any).
    """

    id: str
    name: str
    images: int
    objects: int
    ignored: int
    size: float
    small: float
    medium: float
    large: float


@dataclass(frozen=True)
class ObjectsHealth:
    """By class; how many images show no object, and of how many it is not known."""

    classes: tuple[ObjectHealth, ...]
    without: int
    unknown: int


def look_at_objects(index: Index) -> ObjectsHealth | None:
    """Count and measure the objects of an index; None where it has neither objects nor masks.

    Where objects are known by masks alone, each connected patch is one.
    """
    if not index.has_objects and not any(index.column("mask")):
        return None
    classes = object_classes(index.classes)
    sizes: list[list[float]] = [[] for _ in classes]
    images, ignored = np.zeros(len(classes), np.int64), np.zeros(len(classes), np.int64)
    without = unknown = 0
    for sample in index.samples():
        if sample.objects is None and sample.mask is None and not _is_background(index, sample.targets):
            unknown += 1
            continue
        boxes, numbers, ignore = boxes_of(sample, index.classes)
        without += not len(boxes)
        sides = np.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
        for side, number, out in zip(sides.tolist(), numbers.tolist(), ignore.tolist(), strict=True):
            if out:
                ignored[number] += 1
            else:
                sizes[number].append(side)
        images[np.unique(numbers[~ignore])] += 1
    found = []
    for number, one in enumerate(classes):
        side = np.array(sizes[number])
        small, large = (float(np.mean(which)) if len(side) else 0.0 for which in (side < SMALL, side >= LARGE))
        found.append(
            ObjectHealth(
                id=one.id,
                name=one.title,
                images=int(images[number]),
                objects=len(side),
                ignored=int(ignored[number]),
                size=float(np.median(side)) if len(side) else float("nan"),
                small=small,
                medium=1.0 - small - large if len(side) else 0.0,
                large=large,
            )
        )
    return ObjectsHealth(tuple(found), without, unknown)


def _is_background(index: Index, targets: tuple[str, ...]) -> bool:
    return all(one.background for one in index.classes if one.id in targets)
