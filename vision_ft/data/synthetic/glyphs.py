"""Digits, letters and arrows as strokes, so that signs need no font.

A glyph is a list of polylines, each [N, 2] (x, y), in a box about the origin that is
one unit high; x grows to the right and y downwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from vision_ft.data.synthetic.fields import Field

Strokes = list[Field]


def arc(cx: float, cy: float, rx: float, ry: float, start: float, end: float) -> Field:
    """Points of an elliptic arc; angles in degrees, clockwise on the picture from the right."""
    t = np.radians(np.linspace(start, end, max(int(abs(end - start) / 15) + 1, 3)))
    return np.stack([cx + rx * np.cos(t), cy + ry * np.sin(t)], axis=1)


def line(*points: tuple[float, float]) -> Field:
    """Points of a polyline."""
    return np.array(points, dtype=np.float64)


GLYPHS: dict[str, Strokes] = {
    "0": [arc(0, 0, 0.24, 0.42, 0, 360)],
    "1": [line((-0.14, -0.26), (0.06, -0.42), (0.06, 0.42))],
    "3": [arc(-0.02, -0.20, 0.24, 0.22, -150, 90), arc(-0.02, 0.20, 0.26, 0.22, -90, 150)],
    "5": [
        line((0.22, -0.42), (-0.16, -0.42), (-0.20, -0.04)),
        arc(-0.02, 0.14, 0.26, 0.27, -140, 140),
    ],
    "8": [arc(0, -0.21, 0.20, 0.20, 0, 360), arc(0, 0.20, 0.25, 0.22, 0, 360)],
    "S": [arc(0, -0.20, 0.22, 0.22, -30, -270), arc(0, 0.20, 0.24, 0.22, -90, 150)],
    "T": [line((-0.26, -0.42), (0.26, -0.42)), line((0, -0.42), (0, 0.42))],
    "O": [arc(0, 0, 0.27, 0.42, 0, 360)],
    "P": [
        line((-0.20, 0.42), (-0.20, -0.42), (0.02, -0.42)),
        arc(0.02, -0.20, 0.22, 0.22, -90, 90),
        line((0.02, 0.02), (-0.20, 0.02)),
    ],
}


def write(text: str, height: float, *, at: tuple[float, float] = (0.0, 0.0), spacing: float = 0.72) -> Strokes:
    """Strokes of `text`, `height` units tall and centred on `at`."""
    left = -(len(text) - 1) / 2 * spacing
    return [
        stroke * height + np.array([(left + k * spacing) * height + at[0], at[1]])
        for k, letter in enumerate(text)
        for stroke in GLYPHS[letter]
    ]


def stroke_distance(x: Field, y: Field, strokes: Sequence[Field]) -> Field:
    """Distance of each point to the nearest stroke, in the units of the strokes."""
    nearest = np.full(x.shape, np.inf)
    for points in strokes:
        for (ax, ay), (bx, by) in pairwise(points):
            dx, dy = bx - ax, by - ay
            t = np.clip(((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-12), 0, 1)
            np.minimum(nearest, np.hypot(x - ax - t * dx, y - ay - t * dy), out=nearest)
    return nearest


def polygon_distance(x: Field, y: Field, corners: Sequence[tuple[float, float]]) -> Field:
    """Largest distance beyond any side of a convex polygon (clockwise on the picture); negative inside."""
    worst = np.full(x.shape, -np.inf)
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        length = float(np.hypot(bx - ax, by - ay))
        np.maximum(worst, ((x - ax) * (by - ay) - (y - ay) * (bx - ax)) / length, out=worst)
    return worst
