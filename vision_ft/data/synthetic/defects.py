"""The defects: where they lie, how strong they are, and what they do to a surface.

Each function changes the maps and returns its visible extent, [H, W] in 0..1. The
amounts scale with `severity` in 0..1, which is drawn per part.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vision_ft.data.synthetic.clutter import wander
from vision_ft.data.synthetic.fields import (
    Field,
    Window,
    blur,
    fractal,
    local_grid,
    noise,
    polyline,
    smoothstep,
    window,
)
from vision_ft.data.synthetic.maps import PartMaps

# Lengths below are in units of this share of the picture's shorter side: about 1/122.
_SCALE = 2.1
# Defects are centred in this share of the view, so that every shot shows them whole or nearly so.
_REACH = 0.66


def free_spot(rng: np.random.Generator, maps: PartMaps, clearance: float) -> tuple[float, float]:
    """A point (x, y) whose surroundings (`clearance` pixels) are free of edges, fittings and other defects."""
    cx, cy = maps.centre
    best, best_cost = (cx, cy), np.inf
    for _ in range(60):
        x = cx + rng.uniform(-_REACH, _REACH) * maps.view[0]
        y = cy + rng.uniform(-_REACH, _REACH) * maps.view[1]
        area = window(maps.shape, x - clearance, y - clearance, x + clearance, y + clearance)
        cost = float(maps.taken[area].mean() + 2 * (1 - maps.solid[area]).mean())
        if cost < best_cost:
            best, best_cost = (x, y), cost
        if cost < 0.01:
            break
    return best


def scratch(rng: np.random.Generator, maps: PartMaps, severity: float) -> Field:
    """A groove with burrs, its pressure uneven; on fabric a pulled, lighter yarn."""
    u = _SCALE * maps.unit
    length = (26 + 50 * severity) * rng.uniform(0.8, 1.2) * u
    x, y = free_spot(rng, maps, 14 * u)
    angle = _across_grain(rng, maps, x, y)
    points = wander(rng, x, y, angle, length, rng.normal(0, 0.35))
    area, distance, along = polyline(maps.shape, points, 8 * u + 2)
    half = rng.uniform(0.45, 0.8) * u * (1 + 0.5 * severity)
    taper = smoothstep(np.abs(along - 0.5), 0.5, 0.32)
    pressure = taper * np.clip(0.85 + 0.3 * np.interp(along, np.linspace(0, 1, 12), rng.normal(0, 1, 12)), 0.25, 1.2)
    groove = smoothstep(distance, half + 0.7, half - 0.5) * pressure * maps.solid[area]
    burr = smoothstep(np.abs(distance - half - 0.8 * u), 1.0 * u, 0.1 * u) * pressure * maps.solid[area]
    strength = 0.5 + 0.5 * severity
    if maps.surface == "fabric":
        fuzz = np.clip(1 + 0.5 * noise(rng, distance.shape, 1.6 * u), 0, 2)
        maps.height[area] += strength * (1.2 * groove - 0.6 * burr) * fuzz * u
        lift = maps.albedo[area] * 0.35 + 0.07
        maps.albedo[area] += lift * (strength * groove * fuzz)[..., None]
    else:
        maps.height[area] += strength * (0.5 * burr - 1.0 * groove) * u
        bright = rng.uniform(0.10, 0.30) if rng.random() < 0.7 else -rng.uniform(0.2, 0.35)
        target = 0.6 if bright > 0 else 0.02
        maps.paint(area, np.abs(bright) * strength * 1.4 * groove, (target, target, target))
        maps.mix("rough", area, 0.6 * groove, 0.5)
    return _whole(
        maps, area, smoothstep(distance, half + 1.1 * u, half + 0.3 * u) * (pressure > 0.2) * maps.solid[area]
    )


def _across_grain(rng: np.random.Generator, maps: PartMaps, x: float, y: float) -> float:
    """A direction at 25 degrees or more to the grain (any direction where there is none)."""
    if maps.surface != "brushed":
        return float(rng.uniform(0, np.pi))
    return float(maps.grain[int(y), int(x)] + rng.choice([-1, 1]) * rng.uniform(0.44, np.pi / 2))


def dent(rng: np.random.Generator, maps: PartMaps, severity: float) -> Field:
    """A smooth hollow with a slight rim; on fabric a pressed-in crease."""
    u = _SCALE * maps.unit
    long = (7.5 + 6.5 * severity) * rng.uniform(0.85, 1.2) * u
    ratio = rng.uniform(0.55, 1.0)
    if maps.surface == "fabric":
        long, ratio = long * 1.5, rng.uniform(0.28, 0.42)
    x, y = free_spot(rng, maps, long * 1.2)
    turn = rng.uniform(0, np.pi)
    reach = long * 1.7 + 2
    area = window(maps.shape, x - reach, y - reach, x + reach, y + reach)
    gx, gy = local_grid(area)
    a = ((gx - x) * np.cos(turn) + (gy - y) * np.sin(turn)) / long
    b = (-(gx - x) * np.sin(turn) + (gy - y) * np.cos(turn)) / (long * ratio)
    wobble = 0.10 * noise(rng, a.shape, long * 0.8)
    r = np.hypot(a, b) + wobble
    bowl = np.clip(1 - r**2, 0, 1) ** 1.5
    rim = np.exp(-(((r - 1.12) / 0.28) ** 2))
    slope = (0.32 + 0.32 * severity) * (1.35 if maps.surface == "fabric" else 1.0)
    depth = slope * long * ratio
    solid = maps.solid[area]
    maps.height[area] += (0.07 * rim - bowl) * depth * solid
    if maps.surface == "fabric":
        maps.albedo[area] *= (1 - 0.10 * (0.5 + severity) * bowl * solid)[..., None]
    elif rng.random() < 0.5:
        # What dented the part also rubbed it.
        rub = smoothstep(r, 0.5, 0.1) * np.clip(noise(rng, a.shape, 2 * u), 0, 1)
        maps.albedo[area] *= (1 - 0.18 * rub * solid)[..., None]
    return _whole(maps, area, smoothstep(r, 1.02, 0.92) * solid)


def crack(rng: np.random.Generator, maps: PartMaps, severity: float) -> Field:
    """A jagged, branching, dark line; on fabric a tear with frayed edges."""
    u = _SCALE * maps.unit
    length = (24 + 34 * severity) * rng.uniform(0.85, 1.15) * u
    x, y = free_spot(rng, maps, 13 * u)
    angle = rng.uniform(0, 2 * np.pi)
    if maps.surface == "fabric":
        return _tear(rng, maps, severity, (x, y), length)
    paths = [_jagged(rng, x, y, angle, length, u)]
    for _ in range(int(rng.integers(0, 3))):
        start = paths[0][rng.integers(len(paths[0]) // 4, 3 * len(paths[0]) // 4)]
        turn = angle + rng.choice([-1, 1]) * rng.uniform(0.5, 1.1)
        branch = _jagged(rng, 0.0, 0.0, turn, length * rng.uniform(0.2, 0.42), u)
        paths.append(branch - branch[0] + start)
    seen = np.zeros(maps.shape)
    for k, points in enumerate(paths):
        area, distance, along = polyline(maps.shape, points, 6 * u + 2)
        thin = smoothstep(along, 1.0, 0.5) if k else smoothstep(np.abs(along - 0.5), 0.5, 0.25)
        half = (0.5 + 0.5 * severity) * u * (0.35 + 0.65 * thin) * (0.8 if k else 1.0)
        gap = smoothstep(distance, half + 0.7, half - 0.6) * maps.solid[area] * (0.35 + 0.65 * thin)
        lip = smoothstep(np.abs(distance - half - 0.9 * u), 1.1 * u, 0.1 * u) * maps.solid[area] * thin
        maps.height[area] -= (1.7 * gap - 0.25 * lip) * u * (0.6 + 0.6 * severity)
        maps.paint(area, gap * (0.50 + 0.38 * severity), (0.015, 0.014, 0.013))
        maps.mix("metal", area, gap, 0.05)
        extent = smoothstep(distance, half + 1.0 * u, half + 0.3 * u) * maps.solid[area]
        seen[area] = np.maximum(seen[area], extent)
    return seen


def _jagged(rng: np.random.Generator, x: float, y: float, angle: float, length: float, unit: float) -> Field:
    count = max(int(length / (4.0 * unit)), 5)
    heading = angle + np.cumsum(rng.normal(0, 0.22, count)) * 0.5 + rng.normal(0, 0.5, count)
    steps = rng.uniform(0.5, 1.5, count) * length / count
    path = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], axis=1) * steps[:, None], axis=0)
    return np.asarray(path - path.mean(axis=0) + (x, y))


def _tear(
    rng: np.random.Generator, maps: PartMaps, severity: float, at: tuple[float, float], length: float
) -> Field:  # fmt: skip
    u = _SCALE * maps.unit
    length *= 0.62
    angle = rng.choice([0, np.pi / 2]) + rng.normal(0, 0.15)
    points = wander(rng, at[0], at[1], angle, length, rng.normal(0, 0.3))
    area, distance, along = polyline(maps.shape, points, 12 * u + 2)
    open_by = (1.0 + 1.5 * severity) * u * np.sqrt(np.clip(1 - (2 * along - 1) ** 2, 0, 1))
    ragged = open_by * (1 + 0.35 * noise(rng, distance.shape, (2.2 * u, 2.2 * u)))
    gap = smoothstep(distance - ragged, 0.8, -0.6)
    threads = smoothstep(noise(rng, distance.shape, 1.7 * u), 1.0, 1.6) * 0.7
    curl = smoothstep(np.abs(distance - ragged - 1.4 * u), 1.8 * u, 0.2 * u)
    maps.height[area] += (0.9 * curl - 2.6 * gap) * u
    maps.albedo[area] *= (1 + 0.14 * curl)[..., None]
    maps.paint(area, gap * (1 - threads) * (0.65 + 0.3 * severity), (0.012, 0.012, 0.012))
    return _whole(maps, area, smoothstep(distance - ragged, 1.0 * u, 0.2 * u))


def stain(rng: np.random.Generator, maps: PartMaps, severity: float) -> Field:
    """A blot of oil, rust or dried coolant, with an uneven edge and sometimes a darker rim."""
    u = _SCALE * maps.unit
    radius = (8 + 8 * severity) * rng.uniform(0.85, 1.2) * u
    x, y = free_spot(rng, maps, radius * 1.2)
    reach = radius * 2.2 + 2
    area = window(maps.shape, x - reach, y - reach, x + reach, y + reach)
    gx, gy = local_grid(area)
    turn, ratio = rng.uniform(0, np.pi), rng.uniform(0.6, 1.0)
    a = ((gx - x) * np.cos(turn) + (gy - y) * np.sin(turn)) / radius
    b = (-(gx - x) * np.sin(turn) + (gy - y) * np.cos(turn)) / (radius * ratio)
    r = np.hypot(a, b) + 0.24 * fractal(rng, a.shape, (radius * 0.8, radius * 0.35, radius * 0.15))
    for _ in range(int(rng.integers(0, 6))):
        # Splashes beside the blot.
        away, bearing, drop = rng.uniform(1.25, 1.8), rng.uniform(0, 2 * np.pi), rng.uniform(0.08, 0.24)
        r = np.minimum(r, 1 + (np.hypot(a - away * np.cos(bearing), b - away * np.sin(bearing)) - drop) / 0.4)
    edge = rng.uniform(0.05, 0.18)
    blot = smoothstep(r, 1 + edge, 1 - edge) * maps.solid[area]
    density = np.clip(0.85 + 0.22 * fractal(rng, a.shape, (radius * 0.6, radius * 0.25)), 0.4, 1.3)
    rim = smoothstep(np.abs(r - 1 + edge), 0.14, 0.02) * maps.solid[area] * rng.choice([0.0, 0.55], p=[0.4, 0.6])
    tints = np.array([(0.46, 0.40, 0.32), (0.66, 0.42, 0.26), (0.50, 0.52, 0.56), (0.38, 0.36, 0.35)])
    tint = tints[rng.choice(4, p=[0.4, 0.2, 0.2, 0.2])]
    dark_base = float(np.median(maps.albedo[area])) < 0.09
    amount = (0.50 + 0.42 * severity) * np.clip(blot * density + rim, 0, 1.35)
    if dark_base and rng.random() < 0.7:
        # Dried residue is what shows on dark ground.
        maps.paint(area, np.clip(0.5 * amount, 0, 1), tuple(0.30 * tint / tint.max() + 0.06))
    else:
        maps.albedo[area] *= 1 - amount[..., None] * (1 - tint)
    wet = rng.random() < 0.5
    maps.mix("rough", area, 0.6 * blot, 0.18 if wet else 0.6)
    maps.mix("metal", area, (0.35 + 0.25 * severity) * blot, 0.1)
    if wet:
        maps.height[area] = maps.height[area] * (1 - 0.5 * blot) + blur(maps.height, 2 * u)[area] * 0.5 * blot
    return _whole(maps, area, smoothstep(r, 1 + 0.7 * edge, 1 + 0.2 * edge) * maps.solid[area])


def _whole(maps: PartMaps, area: Window, cover: Field) -> Field:
    whole = np.zeros(maps.shape)
    whole[area] = cover
    return whole


DRAW: dict[str, Callable[[np.random.Generator, PartMaps, float], Field]] = {
    "scratch": scratch,
    "dent": dent,
    "crack": crack,
    "stain": stain,
}
