"""Cast metal: housings with a grainy skin, ribs, bosses, machined pads and bolts."""

from __future__ import annotations

import numpy as np

from vision_ft.data.synthetic.brushed import cut_hole, lay_on_fixture
from vision_ft.data.synthetic.fields import blur, fractal, grid, noise, rounded_box, smoothstep
from vision_ft.data.synthetic.maps import Fitting, PartMaps

# Grey iron, die-cast aluminium, painted grey-green, black oxide, primer red.
_SKINS = np.array(
    [
        (0.24, 0.235, 0.23),
        (0.46, 0.46, 0.455),
        (0.27, 0.31, 0.28),
        (0.11, 0.11, 0.115),
        (0.30, 0.17, 0.13),
    ]
)


def cast(design: np.random.Generator, rng: np.random.Generator, size: tuple[int, int]) -> PartMaps:
    """Return a casting for pictures of `size`, its fittings planned and not yet mounted.

    `design` draws what all castings of the product share, `rng` what is this casting's own.
    """
    maps = PartMaps.blank("cast", size)
    u = maps.unit
    skin = design.choice(len(_SKINS), p=[0.28, 0.32, 0.16, 0.14, 0.10])
    painted = skin in (2, 4)
    bumps = fractal(rng, maps.shape, (11 * u, 5.5 * u, 2.8 * u, 1.5 * u), gain=design.uniform(0.62, 0.8))
    maps.height = bumps * design.uniform(0.18, 0.30) * rng.uniform(0.85, 1.15) * u
    pores = noise(rng, maps.shape, 2.2 * u)
    pits = smoothstep(pores, design.uniform(2.2, 2.6), 3.2)
    maps.height -= 1.1 * u * pits
    patina = fractal(rng, maps.shape, (95 * u, 40 * u, 16 * u), gain=0.7)
    tone = 1 + 0.09 * patina + 0.05 * noise(rng, maps.shape, 1.4) - 0.35 * pits
    maps.albedo = _SKINS[skin] * rng.uniform(0.92, 1.08) * np.clip(tone, 0.3, 1.7)[..., None]
    maps.metal[:] = 0.18 if painted else 0.42
    maps.rough[:] = design.uniform(0.4, 0.58) + rng.uniform(-0.03, 0.03)
    _relief(design, rng, maps)
    if not painted and design.random() < 0.55:
        _machined_pad(design, rng, maps)
    _outline(design, rng, maps)
    maps.fittings = _plan(design, maps)
    for _ in range(int(design.choice([0, 1], p=[0.65, 0.35]))):
        cx, cy = maps.centre
        radius = design.uniform(4.5, 7.5) * u
        cut_hole(maps, cx + design.uniform(-0.6, 0.6) * maps.view[0], cy + design.uniform(-0.6, 0.6) * maps.view[1],
                 radius, radius, radius)  # fmt: skip
    return maps


def _relief(design: np.random.Generator, rng: np.random.Generator, maps: PartMaps) -> None:
    """Ribs, a step of the mould and its parting line."""
    x, y = grid(maps.shape)
    cx, cy = maps.centre
    u = maps.unit
    shape = np.zeros(maps.shape)
    for _ in range(int(design.integers(0, 3))):
        angle = design.choice([0.0, np.pi / 2]) + design.normal(0, 0.04)
        offset = design.uniform(-0.75, 0.75) * maps.view[1]
        across = np.abs((x - cx) * np.sin(angle) - (y - cy) * np.cos(angle) - offset)
        half = design.uniform(3, 7) * u
        rib = smoothstep(across, half + 3.5 * u, half - 1.5 * u)
        shape = np.maximum(shape, design.uniform(2.0, 4.5) * u * rib)
        maps.taken = np.maximum(maps.taken, 0.6 * smoothstep(across, half + 8 * u, half + 4 * u))
    if design.random() < 0.4:
        angle, offset = design.uniform(0, np.pi), design.uniform(-0.6, 0.6) * maps.view[1]
        side = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle) - offset
        shape += design.uniform(1.5, 3.5) * u * smoothstep(side, -2.5 * u, 2.5 * u)
    if design.random() < 0.4:
        offset = design.uniform(-0.7, 0.7) * maps.view[0]
        line = np.abs(x - cx - offset - 1.5 * noise(rng, maps.shape, (40 * u, 400 * u)))
        shape += 0.7 * u * smoothstep(line, 1.8 * u, 0.3 * u)
    maps.height += blur(shape, 0.8 * u)


def _machined_pad(design: np.random.Generator, rng: np.random.Generator, maps: PartMaps) -> None:
    """A milled area: brighter, flat, with the arcs of the cutter."""
    x, y = grid(maps.shape)
    cx, cy = maps.centre
    u = maps.unit
    px, py = cx + design.uniform(-0.5, 0.5) * maps.view[0], cy + design.uniform(-0.5, 0.5) * maps.view[1]
    half_w, half_h = design.uniform(28, 75) * u, design.uniform(24, 60) * u
    pad = smoothstep(rounded_box(x - px, y - py, half_w, half_h, design.uniform(3, 24) * u), 0.8, -0.8)
    reach = design.uniform(90, 260) * u
    turn = design.uniform(0, 2 * np.pi)
    arcs = np.hypot(x - px - reach * np.cos(turn), y - py - reach * np.sin(turn))
    pitch = design.uniform(3.0, 5.5) * u
    marks = 0.5 * np.sin(2 * np.pi * arcs / pitch + 0.8 * noise(rng, maps.shape, 30 * u))
    flat = (2.2 + 0.12 * marks + 0.05 * noise(rng, maps.shape, 1.5)) * u
    maps.height = maps.height * (1 - pad) + flat * pad
    bright = np.array([0.50, 0.50, 0.49]) * rng.uniform(0.93, 1.07) * (1 + 0.06 * marks[..., None])
    maps.albedo = maps.albedo * (1 - pad[..., None]) + bright * pad[..., None]
    maps.metal = maps.metal * (1 - pad) + 0.65 * pad
    maps.rough = maps.rough * (1 - pad) + 0.33 * pad


def _outline(design: np.random.Generator, rng: np.random.Generator, maps: PartMaps) -> None:
    """A rounded, cast edge over a fixture; many castings fill the picture."""
    x, y = grid(maps.shape)
    cx, cy = maps.centre
    u = maps.unit
    wide = design.random() < 0.45
    half_w = maps.view[0] * (1.5 if wide else design.uniform(0.9, 1.1))
    half_h = maps.view[1] * (1.5 if wide else design.uniform(0.88, 1.1))
    edge = rounded_box(x - cx, y - cy, half_w, half_h, design.uniform(14, 50) * u)
    edge = edge + 0.8 * noise(rng, maps.shape, 14 * u)
    bow = design.uniform(5, 10) * u
    maps.height -= bow * np.clip(1 + edge / bow, 0, 1.2) ** 2
    lay_on_fixture(design, rng, maps, smoothstep(edge, 0.9, -0.9), drop=bow + 8 * u)
    maps.taken = np.maximum(maps.taken, smoothstep(edge, -bow - 3 * u, -bow))


def _plan(design: np.random.Generator, maps: PartMaps) -> list[Fitting]:
    """Hexagon bolts or pressed plugs on bosses."""
    cx, cy = maps.centre
    kind = str(design.choice(["hex_bolt", "plug"], p=[0.6, 0.4]))
    radius = design.uniform(16.0, 20.0) * maps.unit
    count = int(design.integers(2, 5))
    start = design.uniform(0, 2 * np.pi)
    ax, ay = maps.view[0] * design.uniform(0.52, 0.68), maps.view[1] * design.uniform(0.5, 0.66)
    turns = start + np.arange(count) * 2 * np.pi / count
    return [Fitting(kind, float(cx + ax * np.cos(t)), float(cy + ay * np.sin(t)), radius) for t in turns]
