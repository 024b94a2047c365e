"""Outlines and boxes as pixels: a pixel belongs to what its centre lies in."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_ft.data.objects import Box


def fill_box(box: Box, height: int, width: int) -> NDArray[np.bool_]:
    """The pixels of a box as bool [height, width]; at least one for a box thinner than a pixel."""
    left, top, right, bottom = box
    filled = np.zeros((height, width), np.bool_)
    filled[_span(top, bottom, height), _span(left, right, width)] = True
    return filled


def fill_outline(points: Sequence[float], height: int, width: int) -> NDArray[np.bool_]:
    """The pixels inside of an outline x, y, x, y... (even-odd rule) as bool [height, width].

    What is too thin to hold the centre of any pixel gives the pixels that its line runs through.
    """
    corners = np.asarray(points, np.float64).reshape(-1, 2)
    after = np.roll(corners, -1, axis=0)
    # Around the outline only: an image may be a thousand times larger.
    left, top = (int(np.clip(np.floor(corners[:, axis].min()), 0, size)) for axis, size in ((0, width), (1, height)))
    right, bottom = (int(np.clip(np.ceil(corners[:, axis].max()), 0, size)) for axis, size in ((0, width), (1, height)))
    rows = np.arange(top, bottom) + 0.5
    low, high = np.minimum(corners[:, 1], after[:, 1])[:, None], np.maximum(corners[:, 1], after[:, 1])[:, None]
    edge, row = np.nonzero((low <= rows) & (rows < high))
    rise = after[edge, 1] - corners[edge, 1]
    share = (rows[row] - corners[edge, 1]) / rise
    crossing = corners[edge, 0] + share * (after[edge, 0] - corners[edge, 0])
    first = np.clip(np.ceil(crossing - 0.5).astype(np.int64), left, right) - left
    turns = np.zeros((bottom - top, right - left + 1), np.bool_)
    np.logical_xor.at(turns, (row, first), True)
    filled = np.zeros((height, width), np.bool_)
    filled[top:bottom, left:right] = np.logical_xor.accumulate(turns, axis=1)[:, :-1]
    if not filled.any():
        line = np.zeros((height, width), np.uint8)
        at = np.clip(np.floor(corners), 0, (width - 1, height - 1)).astype(np.int32)
        cv2.polylines(line, [at], True, 1)
        filled = line > 0
    return filled


def _span(start: float, end: float, size: int) -> slice:
    first, last = int(np.ceil(start - 0.5)), int(np.ceil(end - 0.5))
    if last <= first:
        first = min(int(start), size - 1)
        last = first + 1
    return slice(max(first, 0), min(last, size))
