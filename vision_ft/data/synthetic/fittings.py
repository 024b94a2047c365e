"""Screws, bolts, rivets, plugs, snaps and buttons, and the seats they leave when missing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vision_ft.data.synthetic.fields import Field, Window, local_grid, noise, smoothstep, window
from vision_ft.data.synthetic.maps import Fitting, PartMaps


def mount(design: np.random.Generator, rng: np.random.Generator, maps: PartMaps, item: Fitting) -> None:
    """Draw a fitting in place: its make from `design`, how it was turned in from `rng`."""
    area, x, y, distance = _frame(maps, item)
    _seat_relief(maps, item, area, distance)
    _DRAW[item.kind](design, rng, maps, item, area, x, y, distance)
    _reserve(maps, item, area, distance)


def leave_out(rng: np.random.Generator, maps: PartMaps, item: Fitting) -> Field:
    """Draw the empty seat of a fitting; return [H, W] in 0..1, where the fitting is seen to be missing."""
    area, _, _, distance = _frame(maps, item)
    _seat_relief(maps, item, area, distance)
    u, radius = maps.unit, item.radius
    if maps.surface == "fabric":
        _needle_holes(rng, maps, item, area, distance)
    else:
        bore = radius * rng.uniform(0.5, 0.6)
        ring = smoothstep(np.abs(distance - radius * 0.95), 2.2 * u, 0.6 * u)
        seat = smoothstep(distance, radius + 0.7, radius - 0.7)
        # Under the head the surface is cleaner or greasier than around it.
        shade = rng.uniform(1.10, 1.30) if rng.random() < 0.5 else rng.uniform(0.62, 0.80)
        maps.albedo[area] *= (1 + (shade - 1) * seat - 0.12 * ring)[..., None]
        hole = smoothstep(distance, bore + 0.7, bore - 0.7)
        maps.height[area] -= 0.25 * u * ring + 1.0 * u * smoothstep(distance, bore + 1.8 * u, bore) + 6 * u * hole
        thread = 0.5 + 0.5 * np.sin(distance / (0.9 * u))
        maps.paint(area, hole, np.stack([0.02 + 0.05 * thread] * 3, axis=-1))
        maps.mix("metal", area, hole, 0.2)
    _reserve(maps, item, area, distance)
    cover = np.zeros(maps.shape)
    cover[area] = smoothstep(distance, radius + 0.6, radius - 0.6)
    return cover


def _frame(maps: PartMaps, item: Fitting) -> tuple[Window, Field, Field, Field]:
    reach = item.radius * 1.7 + 4
    area = window(maps.shape, item.x - reach, item.y - reach, item.x + reach, item.y + reach)
    x, y = local_grid(area)
    x, y = x - item.x, y - item.y
    return area, x, y, np.hypot(x, y)


def _reserve(maps: PartMaps, item: Fitting, area: Window, distance: Field) -> None:
    near = smoothstep(distance, item.radius * 1.6, item.radius * 1.3)
    maps.taken[area] = np.maximum(maps.taken[area], near)


def _seat_relief(maps: PartMaps, item: Fitting, area: Window, distance: Field) -> None:
    """What the part itself has around a fitting, be it there or not: a boss on castings."""
    if maps.surface == "cast":
        boss = smoothstep(distance, item.radius * 1.6, item.radius * 1.3)
        spot = smoothstep(distance, item.radius * 1.3 + 0.6, item.radius * 1.3 - 0.6)
        maps.height[area] = maps.height[area] * (1 - 0.8 * spot) + 1.6 * maps.unit * boss
        maps.albedo[area] *= (1 + 0.22 * spot)[..., None]
        maps.mix("metal", area, spot, 0.5)


def _needle_holes(rng: np.random.Generator, maps: PartMaps, item: Fitting, area: Window, distance: Field) -> None:
    u, radius = maps.unit, item.radius
    pressed = smoothstep(distance, radius, radius * 0.8)
    ring = smoothstep(np.abs(distance - radius * 0.85), 2.0 * u, 0.4 * u)
    maps.height[area] -= (0.9 * pressed + 0.7 * ring) * u
    maps.albedo[area] *= (1 - 0.16 * ring)[..., None]
    x, y = local_grid(area)
    if item.kind == "snap":
        hole = smoothstep(distance, radius * 0.36 + 0.6, radius * 0.36 - 0.6)
        frayed = hole * (0.8 + 0.2 * noise(rng, distance.shape, 1.5))
        maps.height[area] -= 3 * u * frayed
        maps.paint(area, np.clip(frayed, 0, 1), (0.01, 0.01, 0.01))
        return
    turn = rng.uniform(0, np.pi)
    for k in range(4):
        angle = turn + k * np.pi / 2
        spot = np.hypot(x - item.x - 0.26 * radius * np.cos(angle), y - item.y - 0.26 * radius * np.sin(angle))
        hole = smoothstep(spot, 1.6 * u, 0.5 * u)
        maps.height[area] -= 1.5 * u * hole
        maps.albedo[area] *= (1 - 0.75 * hole)[..., None]


def _dome(distance: Field, radius: float, rise: float) -> Field:
    return np.asarray(rise * np.sqrt(np.clip(1 - (distance / radius) ** 2, 0, 1)))


def _put(
    maps: PartMaps, area: Window, cover: Field, height: Field, colour: tuple[float, ...] | Field, metal: float,
    rough: float,
) -> None:  # fmt: skip
    base = float(np.median(maps.height[area]))
    maps.mix("height", area, cover, base + height)
    maps.paint(area, cover, np.asarray(colour, dtype=np.float64))
    maps.mix("metal", area, cover, metal)
    maps.mix("rough", area, cover, rough)
    maps.mix("solid", area, cover, 1.0)


def _screw_tone(design: np.random.Generator, rng: np.random.Generator) -> Field:
    tones = np.array([(0.55, 0.55, 0.55), (0.10, 0.10, 0.11), (0.52, 0.48, 0.36)])
    return np.asarray(tones[design.choice(3, p=[0.6, 0.25, 0.15])] * rng.uniform(0.92, 1.08))


def _cross_screw(
    design: np.random.Generator,
    rng: np.random.Generator,
    maps: PartMaps,
    item: Fitting,
    area: Window,
    x: Field,
    y: Field,
    distance: Field,
) -> None:
    u, radius = maps.unit, item.radius
    cover = smoothstep(distance, radius + 0.6, radius - 0.6)
    turn = rng.uniform(0, np.pi / 2)
    a, b = x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)
    arm = np.minimum(np.maximum(np.abs(a) - 0.62 * radius, np.abs(b) - 0.15 * radius),
                     np.maximum(np.abs(b) - 0.62 * radius, np.abs(a) - 0.15 * radius))  # fmt: skip
    recess = smoothstep(arm, 0.8, -0.8)
    height = 0.8 * u + _dome(distance, radius * 1.08, 3.0 * u) - 3.0 * u * recess
    colour = _screw_tone(design, rng) * (1 - 0.75 * recess[..., None])
    _put(maps, area, cover, height, colour, 0.7, 0.25)


def _socket_screw(
    design: np.random.Generator,
    rng: np.random.Generator,
    maps: PartMaps,
    item: Fitting,
    area: Window,
    x: Field,
    y: Field,
    distance: Field,
) -> None:
    u, radius = maps.unit, item.radius
    cover = smoothstep(distance, radius + 0.6, radius - 0.6)
    socket = smoothstep(_hexagon(x, y, rng.uniform(0, np.pi / 3)), 0.42 * radius + 0.8, 0.42 * radius - 0.8)
    rim = smoothstep(distance, radius, radius - 2 * u)
    height = 2.0 * u + 1.6 * u * rim - 4.0 * u * socket
    colour = _screw_tone(design, rng) * (1 - 0.7 * socket[..., None])
    _put(maps, area, cover, height, colour, 0.65, 0.28)


def _hex_bolt(
    design: np.random.Generator,
    rng: np.random.Generator,
    maps: PartMaps,
    item: Fitting,
    area: Window,
    x: Field,
    y: Field,
    distance: Field,
) -> None:
    u, radius = maps.unit, item.radius
    washer = smoothstep(distance, radius + 0.6, radius - 0.6)
    tone = _screw_tone(design, rng)
    _put(maps, area, washer, np.full(distance.shape, 1.2 * u), tone * 0.9, 0.6, 0.3)
    across = _hexagon(x, y, rng.uniform(0, np.pi / 3))
    head = smoothstep(across, 0.78 * radius + 0.6, 0.78 * radius - 0.6)
    chamfer = smoothstep(distance, 0.82 * radius, 0.66 * radius)
    ripple = 0.06 * noise(rng, distance.shape, 2 * u)
    _put(maps, area, head, (3.4 + 1.0 * chamfer + ripple) * u, tone, 0.6, 0.32)


def _hexagon(x: Field, y: Field, turn: float) -> Field:
    """Distance across the flats of a hexagon through each point."""
    angles = turn + np.arange(3) * np.pi / 3
    return np.asarray(np.max([np.abs(x * np.cos(a) + y * np.sin(a)) for a in angles], axis=0))


def _rivet(
    design: np.random.Generator,
    rng: np.random.Generator,
    maps: PartMaps,
    item: Fitting,
    area: Window,
    x: Field,
    y: Field,
    distance: Field,
) -> None:
    u, radius = maps.unit, item.radius
    cover = smoothstep(distance, radius * 0.85 + 0.6, radius * 0.85 - 0.6)
    pin = smoothstep(distance, radius * 0.3, radius * 0.3 - 1.2)
    height = _dome(distance, radius * 0.95, 4.2 * u) - 1.2 * u * pin
    _put(maps, area, cover, height, _screw_tone(design, rng) * (1 - 0.5 * pin[..., None]), 0.68, 0.3)


def _plug(
    design: np.random.Generator,
    rng: np.random.Generator,
    maps: PartMaps,
    item: Fitting,
    area: Window,
    x: Field,
    y: Field,
    distance: Field,
) -> None:
    u, radius = maps.unit, item.radius
    cover = smoothstep(distance, radius + 0.6, radius - 0.6)
    colours = np.array([(0.03, 0.03, 0.03), (0.35, 0.06, 0.04), (0.45, 0.33, 0.05), (0.30, 0.30, 0.30)])
    dish = smoothstep(distance, radius * 0.7, radius * 0.5)
    height = 2.6 * u - 1.4 * u * dish
    _put(maps, area, cover, height, colours[design.integers(len(colours))], 0.08, 0.4)


def _snap(
    design: np.random.Generator,
    rng: np.random.Generator,
    maps: PartMaps,
    item: Fitting,
    area: Window,
    x: Field,
    y: Field,
    distance: Field,
) -> None:
    u, radius = maps.unit, item.radius
    cover = smoothstep(distance, radius + 0.6, radius - 0.6)
    ring = np.abs(distance - radius * 0.55)
    height = _dome(distance, radius * 1.05, 3.4 * u) - 1.4 * u * smoothstep(ring, 1.6 * u, 0.4 * u)
    _put(maps, area, cover, height, _screw_tone(design, rng), 0.66, 0.27)


def _button(
    design: np.random.Generator,
    rng: np.random.Generator,
    maps: PartMaps,
    item: Fitting,
    area: Window,
    x: Field,
    y: Field,
    distance: Field,
) -> None:
    u, radius = maps.unit, item.radius
    cover = smoothstep(distance, radius + 0.6, radius - 0.6)
    dyes = np.array([(0.42, 0.40, 0.36), (0.05, 0.05, 0.06), (0.16, 0.09, 0.05), (0.30, 0.31, 0.33)])
    tone = dyes[design.integers(len(dyes))]
    rim = smoothstep(np.abs(distance - radius * 0.82), 0.22 * radius, 0.05 * radius)
    height = 2.0 * u + 1.5 * u * rim
    _put(maps, area, cover, height, tone, 0.15, 0.3)
    turn = rng.uniform(0, np.pi / 2)
    a, b = x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)
    holes = smoothstep(np.hypot(np.abs(a) - 0.26 * radius, np.abs(b) - 0.26 * radius), 1.9 * u, 0.9 * u)
    maps.height[area] -= 1.6 * u * holes
    maps.albedo[area] *= (1 - 0.85 * holes)[..., None]
    thread = smoothstep(np.abs(np.abs(b) - 0.26 * radius), 1.3 * u, 0.5 * u) * (np.abs(a) < 0.3 * radius)
    maps.paint(area, 0.8 * thread, tuple(dyes[design.integers(len(dyes))] * 1.3))


_Draw = Callable[[np.random.Generator, np.random.Generator, PartMaps, Fitting, Window, Field, Field, Field], None]
_DRAW: dict[str, _Draw] = {
    "cross_screw": _cross_screw,
    "socket_screw": _socket_screw,
    "hex_bolt": _hex_bolt,
    "rivet": _rivet,
    "plug": _plug,
    "snap": _snap,
    "button": _button,
}
