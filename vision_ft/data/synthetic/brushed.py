"""Brushed metal: face plates with a grain, a bevelled edge, screws and cut-outs."""

from __future__ import annotations

import numpy as np

from vision_ft.data.synthetic.fields import (
    Field,
    fractal,
    grid,
    local_grid,
    noise,
    rounded_box,
    sample,
    smoothstep,
    window,
)
from vision_ft.data.synthetic.maps import Fitting, PartMaps

# Stainless steel, aluminium, champagne, gunmetal, brass, blue anodised.
_ALLOYS = np.array(
    [
        (0.53, 0.54, 0.55),
        (0.62, 0.62, 0.61),
        (0.58, 0.53, 0.46),
        (0.30, 0.31, 0.33),
        (0.58, 0.47, 0.30),
        (0.24, 0.30, 0.42),
    ]
)


def brushed(design: np.random.Generator, rng: np.random.Generator, size: tuple[int, int]) -> PartMaps:
    """Return a brushed plate for pictures of `size`, its fittings planned and not yet mounted.

    `design` draws what all plates of the product share, `rng` what is this plate's own.
    """
    maps = PartMaps.blank("brushed", size)
    alloy = _ALLOYS[design.choice(len(_ALLOYS), p=[0.28, 0.28, 0.14, 0.14, 0.08, 0.08])]
    streaks = _brush(design, rng, maps)
    maps.height = 0.13 * streaks * design.uniform(0.7, 1.2) * rng.uniform(0.8, 1.25)
    tone = 1 + 0.055 * streaks + 0.05 * fractal(rng, maps.shape, (150 * maps.unit, 60 * maps.unit))
    maps.albedo = alloy * rng.uniform(0.93, 1.07) * tone[..., None]
    maps.metal[:] = 0.72
    maps.rough[:] = design.uniform(0.22, 0.32) + rng.uniform(-0.02, 0.02)
    maps.stretch = design.uniform(2.0, 3.2)
    _outline(design, rng, maps)
    _cutouts(design, maps)
    maps.fittings = _plan(design, maps)
    return maps


def _brush(design: np.random.Generator, rng: np.random.Generator, maps: PartMaps) -> Field:
    """Streaks along a straight grain (either way) or, on some plates, along circles."""
    x, y = grid(maps.shape)
    cx, cy = maps.centre
    long, short = design.uniform(45, 130) * maps.unit, max(1.0, design.uniform(0.8, 1.3) * maps.unit)
    extent = int(np.hypot(*maps.shape)) + 2
    fine = noise(rng, (extent, extent), (short, long))
    broad = noise(rng, (extent, extent), (short * 3.2, long * 2.5))
    streaks = 0.75 * fine + 0.5 * broad
    if design.random() < 0.2:
        px = cx + design.uniform(-0.3, 0.3) * maps.shape[1]
        py = cy + design.uniform(-0.3, 0.3) * maps.shape[0]
        radius, angle = np.hypot(x - px, y - py), np.arctan2(y - py, x - px)
        # The seam of the angle lies where the two ends are mirrored onto each other.
        maps.grain = angle + np.pi / 2
        return sample(streaks, np.abs(angle) / np.pi * (extent - 2), radius % (extent - 2))
    tilt = rng.normal(0, 0.02) + (np.pi / 2 if design.random() < 0.35 else 0.0)
    maps.grain[:] = tilt
    u = (x - cx) * np.cos(tilt) + (y - cy) * np.sin(tilt) + extent / 2
    v = -(x - cx) * np.sin(tilt) + (y - cy) * np.cos(tilt) + extent / 2
    return sample(streaks, u, v)


def _outline(design: np.random.Generator, rng: np.random.Generator, maps: PartMaps) -> None:
    """Cut the plate out of the canvas: a bevelled edge over a fixture."""
    x, y = grid(maps.shape)
    cx, cy = maps.centre
    half_w, half_h = maps.view[0] * design.uniform(0.88, 1.15), maps.view[1] * design.uniform(0.86, 1.12)
    edge = rounded_box(x - cx, y - cy, half_w, half_h, design.uniform(4, 22) * maps.unit)
    bevel = design.uniform(2.0, 4.5) * maps.unit
    inside = smoothstep(edge, 0.8, -0.8)
    maps.height += -1.0 * bevel * smoothstep(edge, -bevel, 0.5) * 0.5
    lay_on_fixture(design, rng, maps, inside, drop=7 * maps.unit)
    maps.taken = np.maximum(maps.taken, smoothstep(edge, -8 * maps.unit, -5 * maps.unit))


def lay_on_fixture(
    design: np.random.Generator, rng: np.random.Generator, maps: PartMaps, inside: Field, drop: float
) -> None:
    """Put what is `inside` (0..1) over a fixture that lies `drop` pixels lower."""
    bed = np.array([(0.03, 0.03, 0.035), (0.10, 0.11, 0.12), (0.35, 0.36, 0.37), (0.08, 0.13, 0.10)])
    colour = bed[design.integers(len(bed))] * rng.uniform(0.9, 1.1)
    texture = 1 + 0.18 * fractal(rng, maps.shape, (9 * maps.unit, 3 * maps.unit, 1.3))
    cover = inside[..., None]
    maps.albedo = maps.albedo * cover + colour * texture[..., None] * (1 - cover)
    maps.height = maps.height * inside + (-drop + 0.25 * texture) * (1 - inside)
    maps.metal *= inside
    maps.rough = maps.rough * inside + 0.6 * (1 - inside)
    maps.solid = np.minimum(maps.solid, inside)


def _cutouts(design: np.random.Generator, maps: PartMaps) -> None:
    """Slots, drilled holes and an engraved line: what the drawing asks for is no defect."""
    cx, cy = maps.centre
    for _ in range(int(design.choice([0, 1, 2], p=[0.5, 0.35, 0.15]))):
        px, py = cx + design.uniform(-0.75, 0.75) * maps.view[0], cy + design.uniform(-0.7, 0.7) * maps.view[1]
        half = design.uniform(4, 6.5) * maps.unit
        length = half + (design.uniform(6, 24) * maps.unit if design.random() < 0.6 else 0.0)
        cut_hole(maps, px, py, length, half, half)
    if design.random() < 0.35:
        py = cy + design.choice([-1, 1]) * design.uniform(0.5, 0.75) * maps.view[1]
        area = window(maps.shape, 0, py - 3, maps.shape[1], py + 3)
        _, y = local_grid(area)
        line = smoothstep(np.abs(y - py), 1.3 * maps.unit, 0.4 * maps.unit) * maps.solid[area]
        maps.height[area] -= 0.8 * line
        maps.albedo[area] *= (1 - 0.3 * line)[..., None]


def cut_hole(maps: PartMaps, px: float, py: float, half_w: float, half_h: float, corner: float) -> None:
    """Cut a slot or a round hole with a broken edge at (px, py)."""
    reach = 4 * maps.unit + 4
    area = window(maps.shape, px - half_w - reach, py - half_h - reach, px + half_w + reach, py + half_h + reach)
    x, y = local_grid(area)
    edge = rounded_box(x - px, y - py, half_w, half_h, corner)
    hole = smoothstep(edge, 0.7, -0.7)
    maps.height[area] -= 1.2 * maps.unit * smoothstep(edge, 1.8 * maps.unit, 0.0) + 8 * maps.unit * hole
    maps.paint(area, hole, (0.015, 0.015, 0.017))
    maps.mix("metal", area, hole, 0.0)
    maps.mix("solid", area, hole, 0.0)
    maps.taken[area] = np.maximum(maps.taken[area], smoothstep(edge, reach, reach / 2))


def _plan(design: np.random.Generator, maps: PartMaps) -> list[Fitting]:
    """Screws in the corners, at the middle of two sides, or in a row."""
    cx, cy = maps.centre
    ax, ay = maps.view[0] * design.uniform(0.60, 0.74), maps.view[1] * design.uniform(0.58, 0.72)
    kind = str(design.choice(["cross_screw", "socket_screw", "rivet"]))
    radius = design.uniform(13.0, 17.0) * maps.unit
    layouts = [
        [(-1, -1), (1, -1), (-1, 1), (1, 1)],
        [(-1, 0), (1, 0)],
        [(-1, -1), (1, 1)],
        [(-1, -1), (0, -1), (1, -1)],
    ]
    spots = layouts[design.integers(len(layouts))]
    return [Fitting(kind, cx + sx * ax, cy + sy * ay, radius) for sx, sy in spots]
