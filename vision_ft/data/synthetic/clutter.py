"""What sound parts show as well: tool marks, inspection marks, dust and lint.

Without it, "anything unusual is a defect" would already separate the classes.
"""

from __future__ import annotations

import numpy as np

from vision_ft.data.synthetic.fields import Field, fractal, local_grid, noise, polyline, smoothstep, window
from vision_ft.data.synthetic.maps import PartMaps


def work_marks(design: np.random.Generator, rng: np.random.Generator, maps: PartMaps) -> None:
    """Marks that the process leaves: handling lines along the grain, an ink mark, a patina."""
    if maps.surface != "fabric":
        for _ in range(int(rng.poisson(1.4))):
            _handling_line(rng, maps)
        if design.random() < 0.6:
            _code(design, rng, maps)
    if rng.random() < 0.20:
        _inspection_mark(rng, maps)
    if rng.random() < 0.45:
        _cloud(rng, maps)


def dust(rng: np.random.Generator, maps: PartMaps) -> None:
    """Specks and lint that lie on the part."""
    for _ in range(int(rng.poisson(5 if maps.surface != "fabric" else 3))):
        _speck(rng, maps)
    for _ in range(int(rng.poisson(0.6 if maps.surface != "fabric" else 1.0))):
        _lint(rng, maps)


def anywhere(rng: np.random.Generator, maps: PartMaps, share: float = 0.95) -> tuple[float, float]:
    """A random point (x, y) in the middle `share` of the view."""
    cx, cy = maps.centre
    return cx + rng.uniform(-share, share) * maps.view[0], cy + rng.uniform(-share, share) * maps.view[1]


def wander(rng: np.random.Generator, x: float, y: float, angle: float, length: float, bend: float) -> Field:
    """A smooth curve through (x, y) as [N, 2] points about 3 px apart; `bend` is its turn in radians."""
    count = max(int(length / 3), 4)
    drift = np.cumsum(rng.normal(0, 1, count)) / np.sqrt(count)
    heading = angle + bend * (np.linspace(-0.5, 0.5, count) + 0.35 * drift)
    step = length / count
    path = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], axis=1) * step, axis=0)
    return np.asarray(path - path[count // 2] + (x, y))


def _handling_line(rng: np.random.Generator, maps: PartMaps) -> None:
    """A faint, shallow line nearly along the grain, as sliding on a rack leaves it."""
    x, y = anywhere(rng, maps)
    u = maps.unit
    grain = float(maps.grain[int(y), int(x)]) if maps.surface == "brushed" else rng.uniform(0, np.pi)
    length = rng.uniform(25, 110) * u
    points = wander(rng, x, y, grain + rng.normal(0, 0.035), length, rng.normal(0, 0.05))
    area, distance, along = polyline(maps.shape, points, 4 * u + 2)
    width = rng.uniform(0.7, 1.5) * u
    line = smoothstep(distance, width + 0.8, width - 0.6) * smoothstep(np.abs(along - 0.5), 0.5, 0.2)
    line *= maps.solid[area] * rng.uniform(0.25, 0.8)
    maps.height[area] -= 0.28 * u * line
    maps.albedo[area] *= (1 + rng.normal(0.02, 0.07) * line)[..., None]


def _code(design: np.random.Generator, rng: np.random.Generator, maps: PartMaps) -> None:
    """A dot-peened or lasered matrix code with a line of characters beside it."""
    x, y = anywhere(design, maps, 0.6)
    x, y = x + rng.normal(0, 1.5), y + rng.normal(0, 1.5)
    u = maps.unit
    cells, pitch = int(design.integers(8, 13)), design.uniform(1.7, 2.4) * u
    bits = rng.random((cells, cells)) < 0.5
    bits[:, 0], bits[-1, :] = True, True
    half = cells * pitch / 2
    area = window(maps.shape, x - half, y - half, x + half + 11 * pitch, y + half)
    gx, gy = local_grid(area)
    column, row = (gx - x + half) / pitch, (gy - y + half) / pitch
    inside = (column >= 0) & (column < cells) & (row >= 0) & (row < cells)
    index = np.clip(row.astype(int), 0, cells - 1), np.clip(column.astype(int), 0, cells - 1)
    ink = inside * bits[index].astype(np.float64)
    glyphs = rng.random((2, 5, 4, 3)) < 0.55
    for line in range(2):
        for k in range(5):
            c, r = (column - cells - 1 - 4.0 * k * 0.55) / 0.55, (row - 2 - 4.2 * line) / 0.75
            hit = (c >= 0) & (c < 3) & (r >= 0) & (r < 4)
            spot = np.clip(r.astype(int), 0, 3), np.clip(c.astype(int), 0, 2)
            ink = np.maximum(ink, hit * glyphs[line, k][spot])
    ink *= maps.solid[area] * rng.uniform(0.25, 0.6)
    maps.albedo[area] *= (1 - ink)[..., None]
    maps.mix("metal", area, ink, 0.2)
    maps.taken[area] = np.maximum(maps.taken[area], 0.7)


def _inspection_mark(rng: np.random.Generator, maps: PartMaps) -> None:
    """A tick, dot or dash of a marker pen or of chalk: someone looked at this part."""
    x, y = anywhere(rng, maps, 0.8)
    u = maps.unit
    inks = np.array([(0.03, 0.06, 0.30), (0.03, 0.22, 0.08), (0.45, 0.42, 0.10), (0.6, 0.6, 0.58), (0.35, 0.04, 0.04)])
    ink = inks[rng.integers(len(inks))]
    angle, size = rng.uniform(0, np.pi), rng.uniform(5, 14) * u
    if rng.random() < 0.35:
        points = np.array([[x, y], [x + 0.6, y + 0.3]])
    elif rng.random() < 0.5:
        points = np.array([[x - size, y - 0.2 * size], [x - 0.4 * size, y + 0.5 * size], [x + size, y - size]])
    else:
        points = wander(rng, x, y, angle, 2 * size, 0.5)
    width = rng.uniform(1.6, 3.0) * u
    area, distance, _ = polyline(maps.shape, points, width + 3)
    cover = smoothstep(distance, width + 0.7, width - 0.7) * maps.solid[area]
    cover *= np.clip(0.75 + 0.25 * noise(rng, distance.shape, 2.0 * u), 0.2, 0.95)
    maps.paint(area, cover, ink)
    maps.mix("metal", area, 0.7 * cover, 0.05)
    maps.taken[area] = np.maximum(maps.taken[area], 0.7)


def _cloud(rng: np.random.Generator, maps: PartMaps) -> None:
    """A broad, faint change of shade with no edge: heat, wiping, dye."""
    field = smoothstep(fractal(rng, maps.shape, (75 * maps.unit, 30 * maps.unit)), 0.2, 1.8)
    tint = 1 + rng.normal(0, 0.07) + rng.normal(0, 0.025, 3)
    maps.albedo *= 1 + (tint - 1) * (field * maps.solid)[..., None]
    maps.rough += 0.06 * rng.normal() * field
    maps.rough = np.clip(maps.rough, 0.15, 0.9)


def _speck(rng: np.random.Generator, maps: PartMaps) -> None:
    x, y = anywhere(rng, maps)
    u = maps.unit
    radius = rng.uniform(0.5, 1.5) * u
    area = window(maps.shape, x - radius - 2, y - radius - 2, x + radius + 2, y + radius + 2)
    gx, gy = local_grid(area)
    cover = smoothstep(np.hypot(gx - x, (gy - y) * rng.uniform(0.7, 1.4)), radius + 0.7, radius - 0.5)
    shade = rng.uniform(0.35, 0.7) if rng.random() < 0.55 else rng.uniform(0.02, 0.12)
    maps.paint(area, cover * rng.uniform(0.35, 0.9), (shade, shade, shade * 0.96))
    maps.height[area] += 0.7 * u * cover


def _lint(rng: np.random.Generator, maps: PartMaps) -> None:
    x, y = anywhere(rng, maps)
    u = maps.unit
    points = wander(rng, x, y, rng.uniform(0, 2 * np.pi), rng.uniform(10, 38) * u, rng.normal(0, 2.2))
    area, distance, along = polyline(maps.shape, points, 3 * u + 2)
    width = rng.uniform(0.35, 0.6) * u
    cover = smoothstep(distance, width + 0.8, width - 0.3) * smoothstep(np.abs(along - 0.5), 0.5, 0.44)
    tones = np.array([(0.65, 0.65, 0.63), (0.05, 0.05, 0.06), (0.30, 0.08, 0.08), (0.10, 0.14, 0.32)])
    maps.paint(area, cover * rng.uniform(0.4, 0.85), tuple(tones[rng.choice(4, p=[0.6, 0.2, 0.1, 0.1])]))
    maps.height[area] += 0.6 * u * cover
