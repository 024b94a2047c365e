"""Whether a labelled box or outline can be one of its image."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vision_ft.data.objects import Box

OVERHANG = 1.0
"""By how many pixels a label may reach over the image's edge; it is clipped. Tools count pixels from 0 or from 1."""


def box_inside(box: Sequence[float], width: int, height: int) -> Box:
    """Clip a box (left, top, right, bottom) to an image of `width` x `height` pixels.

    Raises ValueError that says what is wrong: numbers that are not finite, no area, outside.
    """
    left, top, right, bottom = box
    if not all(map(math.isfinite, box)):
        raise ValueError("is not of finite numbers")
    if right <= left or bottom <= top:
        raise ValueError(f"{_shown(box)} has no area")
    _check_edges(left, top, right, bottom, width, height)
    clipped = (max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
    if clipped[2] <= clipped[0] or clipped[3] <= clipped[1]:
        raise ValueError(f"{_shown(box)} lies outside the image of {width} x {height} pixels")
    return clipped


def outline_inside(points: Sequence[float], width: int, height: int) -> tuple[float, ...]:
    """Clip an outline (x, y, x, y...) to an image of `width` x `height` pixels.

    Raises ValueError that says what is wrong: an odd count, fewer than three points, numbers
    that are not finite, no area, outside.
    """
    if len(points) % 2:
        raise ValueError(f"is of {len(points)} numbers, where x and y make pairs")
    if len(points) < 6:
        raise ValueError(f"has {len(points) // 2} points, and an outline at least 3")
    if not all(map(math.isfinite, points)):
        raise ValueError("is not of finite numbers")
    xs, ys = points[0::2], points[1::2]
    _check_edges(min(xs), min(ys), max(xs), max(ys), width, height)
    clipped_x = [min(max(x, 0.0), float(width)) for x in xs]
    clipped_y = [min(max(y, 0.0), float(height)) for y in ys]
    far = max(range(len(xs)), key=lambda at: math.hypot(clipped_x[at] - clipped_x[0], clipped_y[at] - clipped_y[0]))
    run, rise = clipped_x[far] - clipped_x[0], clipped_y[far] - clipped_y[0]
    # A bow tie has a signed area of zero and covers something; points on one line do not.
    if all(run * (y - clipped_y[0]) == rise * (x - clipped_x[0]) for x, y in zip(clipped_x, clipped_y, strict=True)):
        raise ValueError("has no area")
    return tuple(value for pair in zip(clipped_x, clipped_y, strict=True) for value in pair)


def box_of(outlines: Sequence[Sequence[float]]) -> Box:
    """The smallest box about all outlines (each x, y, x, y...)."""
    xs = [x for one in outlines for x in one[0::2]]
    ys = [y for one in outlines for y in one[1::2]]
    return (min(xs), min(ys), max(xs), max(ys))


def _check_edges(left: float, top: float, right: float, bottom: float, width: int, height: int) -> None:
    if min(left, top) < -OVERHANG or right > width + OVERHANG or bottom > height + OVERHANG:
        where = _shown((left, top, right, bottom))
        raise ValueError(f"{where} reaches outside the image of {width} x {height} pixels")


def _shown(box: Sequence[float]) -> str:
    return "({:g}, {:g}) to ({:g}, {:g})".format(*box)
