"""Where training crops are cut: windows of the frame that the network would be shown."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.place import Geometry, place_mask, place_view
from vision_ft.tasks.segment.pictures import Picture

_INSIDE = 0.1
"""A place that a crop is to show lies no nearer to its border than this share of it."""
_BEYOND = 0.15
"""Share of a crop that may lie beyond the image, where the frame has a border of padding. Where it has none,
what would lie there ends at the image's border, or corners would hardly ever be shown."""

Crop = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""An RGB image, uint8 [h, w, 3], and its mask, uint8 [h, w]."""


def draw_window(
    frame: Geometry, size: tuple[int, int], zoom: float, place: NDArray[np.int64] | None, rng: np.random.Generator
) -> Geometry:
    """A window of `size` (height, width) pixels at a magnification, as a geometry of the picture.

    With a `place` (x, y in the picture's pixels) the window shows it, somewhere; else it lies
    anywhere in the frame. All that it shows of the frame beyond the picture is padding.
    """
    at = None if place is None else frame.points_to_input(place[None] + 0.5)[0]
    left, wide, x, across = _along(frame, 0, size[1], zoom, None if at is None else float(at[0]), rng)
    top, high, y, down = _along(frame, 1, size[0], zoom, None if at is None else float(at[1]), rng)
    return Geometry(
        frame.width,
        frame.height,
        (left, top, wide, high),
        (x, y, across, down),
        input_width=size[1],
        input_height=size[0],
    )


def cut(picture: Picture, window: Geometry, *, pad: int) -> Crop:
    """The window's pixels and labels; padding is background, as there is never a defect."""
    return place_view(picture.image, window, pad=pad), place_mask(picture.mask, window)


def _along(
    frame: Geometry, axis: int, size: int, zoom: float, place: float | None, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """One axis of a window: first pixel and length in the picture, first pixel and length in the crop."""
    start, length = frame.paste[axis], frame.paste[axis + 2]
    padding = (frame.input_width if axis == 0 else frame.input_height) - length
    shown = size / zoom
    low, high = sorted((float(start), start + length - shown))
    reach = _BEYOND * shown if shown < length else 0.0
    beyond = min(float(padding), reach)
    first_possible, last_possible = low - beyond, high + beyond
    low, high = low - reach, high + reach
    if place is not None:
        nearest, farthest = place - (1 - _INSIDE) * shown, place - _INSIDE * shown
        # Where both cannot be had the place is shown.
        low, high = max(low, min(nearest, high)), min(high, max(farthest, low))
    at = low + rng.random() * max(0.0, high - low)
    at = min(max(at, first_possible), last_possible)
    scale = frame.scale[axis]
    offset, whole = frame.crop[axis], frame.crop[axis + 2]
    first = math.floor((max(at, start) - start) / scale)
    last = math.ceil((min(at + shown, start + length) - start) / scale)
    first, last = min(max(first, 0), whole - 1), min(max(last, 1), whole)
    last = max(last, first + 1)
    left = min(max(round((first * scale + start - at) * zoom), 0), size - 1)
    right = min(max(round((last * scale + start - at) * zoom), left + 1), size)
    return offset + first, last - first, left, right - left
