"""Two-dimensional building blocks: noise, blur, distances and resampling.

All fields are float64. The last bit of a float differs between processors; in float64
that difference is far too small to reach a pixel of eight bits, so an image is the
same on every machine.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]


class Window(NamedTuple):
    """A rectangle of a field as two slices, rows first."""

    rows: slice
    columns: slice


@lru_cache(maxsize=256)
def _taps(length: int, cell: float) -> tuple[NDArray[np.int64], Field]:
    """First knot [length] and weights [4, length] of the uniform cubic B-spline, `cell` pixels between knots."""
    position = np.arange(length) / cell
    start = np.floor(position).astype(np.int64)
    t = position - start
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6
    start.setflags(write=False)
    weights.setflags(write=False)
    return start, weights


def noise(rng: np.random.Generator, shape: tuple[int, int], cell: float | tuple[float, float]) -> Field:
    """Smooth noise, [H, W], mean about 0 and deviation about 1; `cell` is the feature size in pixels (y, x)."""
    cell_y, cell_x = cell if isinstance(cell, tuple) else (cell, cell)
    rows = _taps(shape[0], cell_y) if cell_y > 1 else None
    columns = _taps(shape[1], cell_x) if cell_x > 1 else None
    knots = (
        shape[0] if rows is None else int(rows[0][-1]) + 4,
        shape[1] if columns is None else int(columns[0][-1]) + 4,
    )
    values = np.asarray(rng.standard_normal(knots), dtype=np.float64)
    # A cubic B-spline averages its knots: 0.692 is the deviation that is left along one axis.
    # Sums of four taps, not a matrix product: BLAS would add in an order of the machine's own.
    if columns is not None:
        start, weights = columns
        values = sum_taps([values[:, start + k] * weights[k] for k in range(4)]) / 0.692
    if rows is not None:
        start, weights = rows
        values = sum_taps([values[start + k] * weights[k][:, None] for k in range(4)]) / 0.692
    return values


def sum_taps(parts: list[Field]) -> Field:
    """Add up, in place of the first."""
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total


def fractal(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[float, ...], gain: float = 0.6) -> Field:
    """Sum of `noise` over `cells` (coarse first), each octave weaker by `gain`; deviation about 1."""
    total = np.zeros(shape)
    power = 0.0
    for octave, cell in enumerate(cells):
        weight = gain**octave
        total += weight * noise(rng, shape, cell)
        power += weight**2
    return np.asarray(total / np.sqrt(power))


def blur(field: Field, sigma: float) -> Field:
    """Gaussian blur of [H, W] or [H, W, C]; a sigma below 0.05 px leaves the field as it is."""
    if sigma < 0.05:
        return field
    size = 2 * int(np.ceil(3 * sigma)) + 1
    return np.asarray(cv2.GaussianBlur(field, (size, size), sigma, borderType=cv2.BORDER_REFLECT), dtype=np.float64)


def smoothstep(value: Field, low: float | Field, high: float | Field) -> Field:
    """Smooth ramp from 0 at `low` to 1 at `high` (`low` above `high` falls instead)."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t))


def grid(shape: tuple[int, int]) -> tuple[Field, Field]:
    """Return the pixel coordinates (x, y), each [H, W]."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float64)
    return x, y


def rounded_box(x: Field, y: Field, half_width: float, half_height: float, radius: float) -> Field:
    """Signed distance in pixels to a rounded rectangle about the origin, negative inside."""
    qx = np.abs(x) - half_width + radius
    qy = np.abs(y) - half_height + radius
    outside = np.hypot(np.maximum(qx, 0), np.maximum(qy, 0))
    return np.asarray(outside + np.minimum(np.maximum(qx, qy), 0) - radius)


def window(shape: tuple[int, int], x0: float, y0: float, x1: float, y1: float) -> Window:
    """Return the part of a field of `shape` that covers the box, cut at the field's border (never empty)."""
    top, left = min(max(int(np.floor(y0)), 0), shape[0] - 1), min(max(int(np.floor(x0)), 0), shape[1] - 1)
    bottom, right = (
        max(min(int(np.ceil(y1)) + 1, shape[0]), top + 1),
        max(min(int(np.ceil(x1)) + 1, shape[1]), left + 1),
    )
    return Window(slice(top, bottom), slice(left, right))


def local_grid(area: Window) -> tuple[Field, Field]:
    """Return the pixel coordinates (x, y) of a window in its field's frame."""
    y, x = np.mgrid[area.rows, area.columns].astype(np.float64)
    return x, y


def polyline(shape: tuple[int, int], points: Field, reach: float) -> tuple[Window, Field, Field]:
    """Distance to a polyline `points` [N, 2] (x, y), near it.

    Returns the window within `reach` pixels of the line, the distance in pixels and the
    place of the nearest point along the line (0 at its start, 1 at its end).
    """
    low, high = points.min(axis=0) - reach, points.max(axis=0) + reach
    area = window(shape, float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    x, y = local_grid(area)
    steps = np.diff(points, axis=0)
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    ends = np.concatenate([[0.0], np.cumsum(lengths)])
    nearest = np.full(x.shape, np.inf)
    along = np.zeros(x.shape)
    for (px, py), (dx, dy), length, start in zip(points[:-1], steps, lengths, ends[:-1], strict=True):
        if length == 0:
            continue
        t = np.clip(((x - px) * dx + (y - py) * dy) / length**2, 0, 1)
        distance = np.hypot(x - px - t * dx, y - py - t * dy)
        closer = distance < nearest
        nearest[closer] = distance[closer]
        along[closer] = (start + t[closer] * length) / ends[-1]
    return area, nearest, along


def sample(field: Field, x: Field, y: Field) -> Field:
    """Bilinear samples of [H, W] or [H, W, C] at (x, y); beyond the border the border's value."""
    height, width = field.shape[:2]
    x = np.clip(x, 0, width - 1.001)
    y = np.clip(y, 0, height - 1.001)
    left, top = x.astype(np.int64), y.astype(np.int64)
    fx, fy = x - left, y - top
    flat = field.reshape(height * width, -1)
    start = (top * width + left).ravel()
    wx, wy = fx.reshape(-1, 1), fy.reshape(-1, 1)
    upper = flat[start] * (1 - wx) + flat[start + 1] * wx
    lower = flat[start + width] * (1 - wx) + flat[start + width + 1] * wx
    return np.asarray((upper * (1 - wy) + lower * wy).reshape(x.shape + field.shape[2:]))


def stretch_to(field: Field, shape: tuple[int, int]) -> Field:
    """Bilinear enlargement of a field to `shape`, corner to corner."""
    x, y = grid(shape)
    return sample(
        field, x * (field.shape[1] - 1) / max(shape[1] - 1, 1), y * (field.shape[0] - 1) / max(shape[0] - 1, 1)
    )
