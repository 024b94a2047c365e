"""Woven fabric: plain weave and twill with uneven yarns, seams and snaps."""

from __future__ import annotations

import numpy as np

from vision_ft.data.synthetic.fields import Field, blur, fractal, grid, noise, smoothstep
from vision_ft.data.synthetic.maps import Fitting, PartMaps

# Navy, charcoal, beige, olive, wine red, light grey, petrol, rust.
_DYES = np.array(
    [
        (0.05, 0.07, 0.16),
        (0.09, 0.09, 0.10),
        (0.46, 0.39, 0.30),
        (0.16, 0.18, 0.10),
        (0.22, 0.05, 0.06),
        (0.45, 0.45, 0.46),
        (0.06, 0.17, 0.20),
        (0.36, 0.17, 0.08),
    ]
)


def fabric(design: np.random.Generator, rng: np.random.Generator, size: tuple[int, int]) -> PartMaps:
    """Return a piece of fabric for pictures of `size`, its fittings planned and not yet mounted.

    `design` draws what all pieces of the product share, `rng` what is this piece's own.
    """
    maps = PartMaps.blank("fabric", size)
    u = maps.unit
    _weave(design, rng, maps)
    drape = 3.2 * fractal(rng, maps.shape, (130 * u, 60 * u), gain=0.5) * rng.uniform(0.3, 1.1)
    maps.height += drape * u
    maps.metal[:] = design.uniform(0.0, 0.05)
    maps.rough[:] = 0.75
    offset = design.uniform(0.35, 0.75) * design.choice([-1, 1])
    if design.random() < 0.6:
        _seam(design, rng, maps, float(offset))
    maps.fittings = _plan(design, maps, -float(np.sign(offset)))
    return maps


def _yarns(rng: np.random.Generator, coordinate: Field, unit: float) -> tuple[Field, Field, Field]:
    """Return each pixel's yarn number, its place across the yarn (-1..1) and the yarn's own shade."""
    number = np.floor(coordinate).astype(np.int64)
    number -= number.min()
    count = int(number.max()) + 1
    shade = rng.normal(0, 0.07, count)
    # Slubs: a few yarns are thicker and lighter, as spinning leaves them.
    slubs = rng.random(count) < 0.02
    shade[slubs] += rng.normal(0.0, 0.13, int(slubs.sum()))
    run = noise(rng, coordinate.shape, 28 * unit) * 0.05
    across = 2 * (coordinate - np.floor(coordinate)) - 1
    return number.astype(np.float64), across, shade[number] + run


def _weave(design: np.random.Generator, rng: np.random.Generator, maps: PartMaps) -> None:
    x, y = grid(maps.shape)
    u = maps.unit
    cx, cy = maps.centre
    pitch = design.uniform(3.4, 5.6) * u
    tilt = rng.normal(0, 0.06)
    wave = 0.35 * pitch
    px = (x - cx) * np.cos(tilt) + (y - cy) * np.sin(tilt) + wave * noise(rng, maps.shape, (70 * u, 26 * u))
    py = -(x - cx) * np.sin(tilt) + (y - cy) * np.cos(tilt) + wave * noise(rng, maps.shape, (26 * u, 70 * u))
    warp, across_warp, shade_warp = _yarns(rng, px / pitch, u)
    weft, across_weft, shade_weft = _yarns(rng, py / pitch, u)
    twill = design.random() < 0.5
    # A warp yarn lies on top at every second crossing (plain) or at two of four, shifted (twill).
    on_top = ((warp + weft) % 4 < 2) if twill else ((warp + weft) % 2 < 1)
    round_warp, round_weft = 1 - across_warp**2, 1 - across_weft**2
    bow = 0.45
    high_warp = round_warp * 0.8 + bow * (0.5 + 0.5 * round_weft)
    high_weft = round_weft * 0.8 + bow * (0.5 + 0.5 * round_warp)
    relief = np.where(on_top, high_warp, high_weft)
    fuzz = noise(rng, maps.shape, 1.2 * u)
    maps.height = 0.30 * pitch * blur(relief, 0.5 * u) + 0.10 * u * fuzz
    dyes = design.choice(len(_DYES), 2, replace=False)
    base = _DYES[dyes[0]] * rng.uniform(0.92, 1.08)
    other = _DYES[dyes[1]] if design.random() < 0.12 else base * design.uniform(0.75, 1.3)
    tone_warp = base * (1 + shade_warp[..., None])
    tone_weft = other * (1 + shade_weft[..., None])
    colour = np.where(on_top[..., None], tone_warp, tone_weft)
    gaps = 0.62 + 0.38 * smoothstep(blur(relief, 0.4 * u), 0.25, 0.85)
    wear = 1 + 0.05 * fractal(rng, maps.shape, (110 * u, 45 * u))
    maps.albedo = np.clip(colour * (gaps * wear * (1 + 0.06 * fuzz))[..., None], 0.004, 0.95)


def _seam(design: np.random.Generator, rng: np.random.Generator, maps: PartMaps, offset: float) -> None:
    """A lapped seam with a row of stitches."""
    x, y = grid(maps.shape)
    u = maps.unit
    cx, cy = maps.centre
    upright = design.random() < 0.5
    across, along = (x - cx, y - cy) if upright else (y - cy, x - cx)
    across = across - offset * (maps.view[0] if upright else maps.view[1]) - 2.0 * u * noise(rng, maps.shape, 90 * u)
    maps.height += 2.2 * u * smoothstep(across, -2.0 * u, 2.0 * u)
    pitch = design.uniform(8, 12) * u
    thread = _DYES[design.integers(len(_DYES))] * 1.3 + 0.05
    for row in range(int(design.integers(1, 3))):
        lane = across - (6.0 + 7.0 * row) * u
        phase = (along / pitch) % 1.0
        stitch = smoothstep(np.abs(lane), 1.8 * u, 0.8 * u) * smoothstep(np.abs(phase - 0.5), 0.42, 0.34)
        dimple = smoothstep(np.abs(lane), 4.0 * u, 0.5 * u)
        maps.height += (1.3 * stitch - 0.9 * dimple) * u
        maps.albedo += (thread - maps.albedo) * (0.9 * stitch)[..., None]
    maps.taken = np.maximum(maps.taken, 0.8 * smoothstep(np.abs(across - 5 * u), 16 * u, 11 * u))


def _plan(design: np.random.Generator, maps: PartMaps, side: float) -> list[Fitting]:
    """A row of snaps or buttons beside the seam's place."""
    cx, cy = maps.centre
    kind = str(design.choice(["snap", "button"]))
    radius = design.uniform(15.0, 20.0) * maps.unit
    count = int(design.integers(2, 4))
    places = np.linspace(-0.62, 0.62, count)
    if design.random() < 0.5:
        lane = cx + side * design.uniform(0.3, 0.6) * maps.view[0]
        return [Fitting(kind, lane, float(cy + p * maps.view[1]), radius) for p in places]
    lane = cy + side * design.uniform(0.2, 0.55) * maps.view[1]
    return [Fitting(kind, float(cx + p * maps.view[0]), lane, radius) for p in places]
