"""What is labelled in an image as a class mask or as boxes, whatever form the labels have."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.classes import ClassInfo, object_classes
from vision_ft.bundle.run_length import decode
from vision_ft.data.index import IGNORE, Sample
from vision_ft.data.mask_files import object_of, read_mask, value_of
from vision_ft.data.objects import ObjectLabel
from vision_ft.data.rasterise import fill_box, fill_outline
from vision_ft.errors import DataError

IGNORED = 255
"""Value of a class mask where a pixel is left out of loss and metrics."""

MOST_CLASSES = IGNORED - 1
LEAST_AREA = 4
"""Pixels below which a connected patch of a mask is no object of its own."""

Boxes = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]


def class_mask(sample: Sample, classes: Sequence[ClassInfo]) -> NDArray[np.uint8]:
    """The class of each pixel of the upright, full-size image, uint8 [H, W].

    0 is background, k + 1 the k-th of `object_classes(classes)`, 255 is ignored. It comes from
    the mask, or else from the objects: later ones lie over earlier ones, and ignored ones below.
    Raises DataError for a mask that cannot be read or is of another size, and where nothing
    says where the object of the image is.
    """
    numbers = _numbers(classes)
    if sample.mask is not None:
        return _from_file(sample, numbers)
    drawn = np.zeros((sample.height, sample.width), np.uint8)
    if sample.objects is None:
        _check_background(sample, classes)
        return drawn
    for one in sorted(sample.objects, key=lambda one: not one.ignore):
        value = IGNORED if one.ignore else _number(one.target, numbers, sample) + 1
        drawn[object_mask(one, sample.height, sample.width)] = value
    return drawn


def known_mask(sample: Sample, classes: Sequence[ClassInfo]) -> NDArray[np.uint8]:
    """The class of each pixel as training and figures take it (see `class_mask`).

    An image that is labelled as defective and shows nothing says not where: it is ignored as a whole.
    """
    mask = class_mask(sample, classes)
    if not mask.any() and sample.targets[0] in _numbers(classes):
        mask[:] = IGNORED
    return mask


def boxes_of(sample: Sample, classes: Sequence[ClassInfo]) -> Boxes:
    """The objects' boxes float64 [M, 4], classes int64 [M] and whether they are ignored, bool [M].

    A box is left, top, right, bottom in pixels of the upright image, a class a number in
    `object_classes(classes)`. Where no objects are listed, each 8-connected patch of the class
    mask (`known_mask`) of at least 4 pixels is one (an ignored patch is one of each class). Raises what
    `class_mask` raises.
    """
    numbers = _numbers(classes)
    if sample.objects is not None:
        listed = [(one.box, _number(one.target, numbers, sample), one.ignore) for one in sample.objects]
        return _arrays(listed)
    mask = known_mask(sample, classes)
    patches = [(box, number, False) for number in numbers.values() for box in _patches(mask == number + 1)]
    ignored = [(box, number, True) for box in _patches(mask == IGNORED) for number in numbers.values()]
    return _arrays([*patches, *ignored])


def object_mask(one: ObjectLabel, height: int, width: int) -> NDArray[np.bool_]:
    """The pixels of one object, bool [height, width], as exactly as its label says."""
    if one.rle:
        return decode(one.rle, height, width) > 0
    if one.polygons:
        outlines = [fill_outline(points, height, width) for points in one.polygons]
        return np.asarray(np.logical_or.reduce(outlines), np.bool_)
    return fill_box(one.box, height, width)


def _from_file(sample: Sample, numbers: dict[str, int]) -> NDArray[np.uint8]:
    assert sample.mask is not None
    mask = read_mask(sample.mask)
    size = (sample.height, sample.width)
    if sample.width and mask.shape[:2] != size:
        raise DataError(
            f"The mask {sample.mask}",
            expected=f"the size of its image, {sample.width} x {sample.height}",
            got=f"{mask.shape[1]} x {mask.shape[0]}",
        )
    drawn = np.zeros(mask.shape[:2], np.uint8)
    if sample.mask_code is None:
        # Of the background there is no object, whatever its mask says.
        if sample.targets[0] in numbers:
            drawn[object_of(mask)] = numbers[sample.targets[0]] + 1
        return drawn
    for code, target in sample.mask_code.values.items():
        if target == IGNORE or target in numbers:
            drawn[value_of(mask, code)] = IGNORED if target == IGNORE else numbers[target] + 1
    return drawn


def _patches(where: NDArray[np.bool_]) -> list[tuple[float, float, float, float]]:
    if not where.any():
        return []
    _, _, stats, _ = cv2.connectedComponentsWithStats(where.astype(np.uint8), connectivity=8)
    return [
        (float(left), float(top), float(left + width), float(top + height))
        for left, top, width, height, area in stats[1:].tolist()
        if area >= LEAST_AREA
    ]


def _arrays(listed: Sequence[tuple[tuple[float, float, float, float], int, bool]]) -> Boxes:
    return (
        np.array([box for box, _, _ in listed], np.float64).reshape(-1, 4),
        np.array([number for _, number, _ in listed], np.int64),
        np.array([ignore for _, _, ignore in listed], np.bool_),
    )


def _numbers(classes: Sequence[ClassInfo]) -> dict[str, int]:
    numbers = {one.id: at for at, one in enumerate(object_classes(classes))}
    if len(numbers) > MOST_CLASSES:
        raise DataError("There are too many classes", expected=f"at most {MOST_CLASSES}", got=str(len(numbers)))
    return numbers


def _number(target: str, numbers: dict[str, int], sample: Sample) -> int:
    if target not in numbers:
        raise DataError(
            f"{sample.path} shows an object of class {target!r}", expected=f"one of {', '.join(numbers) or 'no class'}"
        )
    return numbers[target]


def _check_background(sample: Sample, classes: Sequence[ClassInfo]) -> None:
    empty = {one.id for one in classes if one.background}
    if not set(sample.targets) <= empty:
        raise DataError(
            f"{sample.path} is labelled {', '.join(sample.targets)}, and nothing says where",
            expected="boxes, outlines or a mask",
            remedy="Label where it is, or train a classifier, which needs no more than the class.",
        )
