"""Light on a part: from the maps of its surface to linear radiance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vision_ft.data.synthetic.fields import Field, Window, blur, local_grid
from vision_ft.data.synthetic.maps import PartMaps


@dataclass(frozen=True)
class Reflection:
    """A lamp or window that mirrors in the surface: a soft band across the picture."""

    direction: float
    offset: float
    width: float
    strength: float


@dataclass(frozen=True)
class Lighting:
    """One lamp, a share of ambient light, and what mirrors in the part.

    `azimuth` is in radians, `elevation` in radians above the part, `distance` in
    picture diagonals; `colour` is linear RGB about 1; `ambient` is relative to the lamp.
    """

    azimuth: float
    elevation: float
    distance: float
    colour: tuple[float, float, float]
    ambient: float
    reflections: tuple[Reflection, ...]


def random_lighting(rng: np.random.Generator) -> Lighting:
    """Draw the light of one shot: from a low raking lamp to a flat, cloudy dome."""
    warmth = rng.normal(0, 0.09)
    bands = tuple(
        Reflection(
            direction=float(rng.uniform(0, 2 * np.pi)),
            offset=float(rng.uniform(-0.9, 0.9)),
            width=float(rng.uniform(0.12, 0.5)),
            strength=float(rng.uniform(0.1, 0.7)),
        )
        for _ in range(int(rng.choice([0, 1, 2], p=[0.35, 0.4, 0.25])))
    )
    return Lighting(
        azimuth=float(rng.uniform(0, 2 * np.pi)),
        elevation=float(np.radians(rng.uniform(28, 68))),
        distance=float(rng.uniform(0.8, 2.2)),
        colour=(float(np.exp(warmth)), 1.0, float(np.exp(-1.2 * warmth + rng.normal(0, 0.03)))),
        ambient=float(rng.uniform(0.22, 0.75)),
        reflections=bands,
    )


def shade(maps: PartMaps, light: Lighting, turn: float, area: Window) -> Field:
    """Return the linear radiance of a window of the part, [h, w, 3], about 0..1 before exposure.

    `turn` is the part's rotation in the picture, in radians: the light stays with the
    station while the part is turned.
    """
    azimuth = light.azimuth - turn
    height, metal, rough = maps.height[area], maps.metal[area], maps.rough[area]
    x, y = local_grid(area)
    cx, cy = maps.centre
    size = float(np.hypot(*maps.view))
    px, py = (x - cx) / size, (y - cy) / size

    slope_y, slope_x = np.gradient(height)
    nz = 1 / np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
    nx, ny = -slope_x * nz, -slope_y * nz

    flat = np.cos(light.elevation) * light.distance
    lx, ly = flat * np.cos(azimuth) - px, flat * np.sin(azimuth) - py
    lz = np.sin(light.elevation) * light.distance
    reach = 1 / np.sqrt(lx * lx + ly * ly + lz * lz)
    lx *= reach
    ly *= reach
    up = lz * reach
    cosine = np.clip(nx * lx + ny * ly + nz * up, 0, None)
    lit = _shadow(height, maps.unit, azimuth, light.elevation) * (reach * light.distance) ** 2

    # Halfway vector to a camera some 2.6 diagonals above the part, as a slope against the surface's own.
    hx, hy, hz = lx - px / 2.6, ly - py / 2.6, up + 1.0
    h_normal = hx * nx + hy * ny + hz * nz
    tilt_x, tilt_y = hx / h_normal + slope_x, hy / h_normal + slope_y
    spread = tilt_x * tilt_x + tilt_y * tilt_y
    if maps.stretch != 1.0:
        grain = maps.grain[area]
        along = (tilt_x * np.cos(grain) + tilt_y * np.sin(grain)) ** 2
        spread = along * maps.stretch + (spread - along) / maps.stretch
    # Anisotropic Gaussian lobe (Ward, SIGGRAPH 1992), without its energy term.
    gloss = np.exp(-np.minimum(spread / (rough * rough), 60.0)) * np.sqrt(cosine) * lit

    hollow = np.clip(blur(height, 5 * maps.unit) - height, 0, None) / maps.unit
    open_sky = 1 / (1 + 0.45 * hollow)
    mirror = np.full(height.shape, 0.42)
    for band in light.reflections:
        direction = band.direction - turn
        where = (px + 1.1 * nx) * np.cos(direction) + (py + 1.1 * ny) * np.sin(direction) - band.offset
        mirror += band.strength * np.exp(-((where / band.width) ** 2))

    matte = (1 - 0.65 * metal) * (cosine * lit + light.ambient * open_sky)
    shiny = metal * (1.15 * gloss + (0.35 + light.ambient) * mirror * open_sky)
    radiance = maps.albedo[area] * (matte + shiny)[..., None]
    radiance += (0.045 * (1 - metal) * (1 - rough) * gloss)[..., None]
    radiance *= np.array(light.colour)
    return np.asarray(radiance)


def _shadow(height: Field, unit: float, azimuth: float, elevation: float) -> Field:
    """Share of the lamp that reaches each point past higher neighbours, [h, w] in 0..1."""
    rise = np.tan(elevation)
    blocked = np.zeros(height.shape)
    rows, columns = height.shape
    for step in (1.5, 3.0, 5.0, 8.0, 12.0):
        dx, dy = round(step * unit * np.cos(azimuth)), round(step * unit * np.sin(azimuth))
        if dx == 0 and dy == 0:
            continue
        to = slice(max(0, -dy), rows - max(0, dy)), slice(max(0, -dx), columns - max(0, dx))
        source = slice(max(0, dy), rows - max(0, -dy)), slice(max(0, dx), columns - max(0, -dx))
        over = height[source] - height[to] - np.hypot(dx, dy) * rise
        np.maximum(blocked[to], over, out=blocked[to])
    return np.asarray(1 - 0.85 * blur(np.minimum(blocked / (0.6 * unit), 1), 0.7 * unit))
