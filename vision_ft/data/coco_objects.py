"""An annotation of a COCO file as an object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vision_ft.bundle import run_length
from vision_ft.data.boxes import box_inside, box_of, outline_inside
from vision_ft.data.objects import Box, ObjectLabel


class AnnotationError(ValueError):
    """An annotation cannot be used; the text says what is wrong with what."""


def object_in(annotation: Mapping[str, Any], target: str, width: int, height: int) -> ObjectLabel:
    """The object of class `target` that an annotation describes, in an image of `width` x `height` pixels.

    The box is the annotation's own, or else that of its outlines or run lengths. Raises AnnotationError.
    """
    shape = annotation.get("segmentation")
    outlines, rle, about = _shape(shape, width, height) if shape else ((), "", None)
    given = annotation.get("bbox")
    if given:
        try:
            left, top, wide, high = _numbers(given, 4)
            about = box_inside((left, top, left + wide, top + high), width, height)
        except ValueError as error:
            raise AnnotationError(f"bbox {error}") from None
    if about is None:
        raise AnnotationError("it has neither a bbox nor a segmentation")
    ignore = bool(annotation.get("iscrowd")) or bool(annotation.get("ignore"))
    return ObjectLabel(target, about, outlines, rle, ignore)


def _shape(shape: object, width: int, height: int) -> tuple[tuple[tuple[float, ...], ...], str, Box]:
    try:
        if isinstance(shape, dict):
            rle, about = _runs(shape, width, height)
            return (), rle, about
        if not isinstance(shape, list):
            raise ValueError("is neither a list of outlines nor run lengths")
        # One flat outline where a list of them should be is a slip that several tools make.
        lists = shape if isinstance(shape[0], list) else [shape]
        outlines = tuple(outline_inside(_numbers(one), width, height) for one in lists)
    except ValueError as error:
        raise AnnotationError(f"segmentation {error}") from None
    return outlines, "", box_of(outlines)


def _runs(shape: Mapping[str, Any], width: int, height: int) -> tuple[str, Box]:
    if shape.get("size") != [height, width]:
        raise ValueError(f"is of size {shape.get('size')}, and the image of [{height}, {width}]")
    counts = shape.get("counts")
    if not isinstance(counts, str | list):
        raise ValueError("has no counts")
    mask = run_length.decode(counts, height, width)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        raise ValueError("has no area")
    about = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    return run_length.encode(mask), about


def _numbers(values: object, count: int | None = None) -> Sequence[float]:
    """Values as floats; raises ValueError for what is no list of (`count`) numbers."""
    if not isinstance(values, list) or (count is not None and len(values) != count):
        raise ValueError(f"is no list of {'' if count is None else f'{count} '}numbers")
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in values):
        raise ValueError("holds something that is no number")
    try:
        return [float(one) for one in values]
    except OverflowError:
        raise ValueError("is not of finite numbers") from None
