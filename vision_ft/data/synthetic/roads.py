"""Road scenes: what stands where, and what a car's camera sees of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision_ft.data.synthetic.camera import Camera, expose
from vision_ft.data.synthetic.fields import Field, blur, window
from vision_ft.data.synthetic.parts import Box, box_of, check_size
from vision_ft.data.synthetic.scenery import (
    paint_car,
    paint_ground,
    paint_hills,
    paint_house,
    paint_pole,
    paint_sky,
    paint_tree,
)
from vision_ft.data.synthetic.seeds import stream
from vision_ft.data.synthetic.signs import SIGNS, aged, project
from vision_ft.data.synthetic.view import View
from vision_ft.data.synthetic.weather import random_weather

DASHCAM = Camera("dashcam", (1.02, 1.0, 0.97), 0.25, 0.35, 0.006, 0.016, 2.1, 0.18, 0.0)
# A sign is annotated when at least half of it shows and its shorter side has this many pixels.
MIN_PIXELS = 8


@dataclass(frozen=True)
class RoadSign:
    """A sign of a scene as annotated.

    `box` is (x_min, y_min, x_max, y_max) in pixels, maxima exclusive, of the sign's
    plate within the picture, occluded parts included; `visible` the share of it that
    shows (0..1), `area` the pixels that show and `distance` metres.
    """

    name: str
    box: Box
    visible: float
    area: int
    distance: float

    @property
    def class_id(self) -> int:
        """The place of the class in `SIGNS`."""
        return SIGNS.index(self.name)


@dataclass(frozen=True)
class RoadFrame:
    """One picture of a scene: [H, W, 3] uint8 RGB and its signs."""

    image: NDArray[np.uint8]
    signs: tuple[RoadSign, ...]
    scene: str
    frame: int
    weather: str


@dataclass(frozen=True)
class _Mounted:
    name: str
    art: Field
    x: float
    y: float
    z: float
    side: float
    roll: float
    yaw: float


def render_scene(
    scene: str, *, frames: int = 1, size: tuple[int, int] = (480, 640), seed: int = 0
) -> Iterator[RoadFrame]:  # fmt: skip
    """Yield `frames` pictures of one scene, the car driving on between them.

    Raises `DataError` for a size that cannot be drawn.
    """
    check_size(size)
    return (_frame(scene, number, size, seed) for number in range(frames))


def _frame(scene: str, number: int, size: tuple[int, int], seed: int) -> RoadFrame:
    plan = stream(seed, scene, "plan")
    weather = random_weather(plan)
    view = View(
        weather,
        size,
        focal=1.15 * size[1],
        horizon=size[0] * plan.uniform(0.46, 0.56) + number * 0.4,
        sun_side=float(plan.choice([-1, 1])),
    )
    town = bool(plan.random() < 0.4)
    half_road = plan.uniform(2.9, 3.8)
    lane = half_road / 2
    curve = 0.0 if town else plan.normal(0, 0.0009)
    driven = number * plan.uniform(1.5, 3.5)

    paint_sky(stream(seed, scene, "sky"), view)
    paint_hills(stream(seed, scene, "hills"), view)
    paint_ground(
        stream(seed, scene, "ground"), view, half_road=half_road, lane=lane, curve=curve, phase=driven, town=town
    )
    mounted = _signs(plan, half_road, lane, curve)
    _paint_roadside(seed, scene, view, mounted, town, half_road, lane, curve, driven)
    return RoadFrame(_take(stream(seed, scene, "frame", number), view), _annotate(view, mounted, driven), scene,
                     number, weather.name)  # fmt: skip


def _signs(plan: np.random.Generator, half_road: float, lane: float, curve: float) -> list[_Mounted]:
    """Place up to four poles with one or two signs each, none hiding the next."""
    mounted: list[_Mounted] = []
    count = int(plan.choice([0, 1, 2, 3, 4], p=[0.08, 0.34, 0.32, 0.18, 0.08]))
    z = plan.uniform(13, 22)
    for _ in range(count):
        side = 1 if plan.random() < 0.8 else -1
        x = side * (half_road + plan.uniform(0.5, 1.7)) - lane + curve * z**2
        width, base = plan.uniform(0.6, 0.95), plan.uniform(1.9, 2.5)
        yaw = plan.normal(0, 0.22)
        for tier in range(1 + int(plan.random() < 0.2)):
            name = SIGNS[plan.integers(len(SIGNS))]
            mounted.append(_Mounted(name, aged(plan, name), float(x), base + width / 2 - tier * (width + 0.06), z,
                                    width, float(plan.normal(0, 0.04)), float(yaw)))  # fmt: skip
        z += plan.uniform(6, 22)
    return mounted


def _paint_roadside(
    seed: int, scene: str, view: View, mounted: list[_Mounted], town: bool, half_road: float, lane: float,
    curve: float, driven: float,
) -> None:  # fmt: skip
    """Everything that stands, far things first."""
    plan = stream(seed, scene, "roadside")
    things: list[tuple[float, str, int, tuple[float, ...]]] = []

    def place(kind: str, z: float, *values: float) -> None:
        things.append((z, kind, len(things), values))

    if town:
        for side in (-1, 1):
            z = plan.uniform(18, 34)
            while z < 150:
                width, height = plan.uniform(8, 14), plan.uniform(5, 13)
                x = side * (half_road + plan.uniform(3.0, 6.0) + width / 2) - lane
                place("house", z, x, width, height)
                z += plan.uniform(17, 30)
    for _ in range(int(plan.integers(2, 8) if town else plan.integers(8, 26))):
        z = 12 + 130 * plan.random() ** 1.3
        side = plan.choice([-1, 1])
        far = plan.uniform(2.5, 4) if town else plan.uniform(2.5, 26)
        height = plan.uniform(1.2, 2.6) if plan.random() < 0.35 else plan.uniform(4.5, 11)
        place("tree", z, float(side * (half_road + far + 0.12 * height) - lane + curve * z**2), height)
    if plan.random() < 0.5:
        for k in range(6):
            z = 14 + k * 26.0 + plan.uniform(0, 3)
            place("lamp", z, half_road + 1.9 - lane + curve * z**2)
    for ahead in (True, False):
        if plan.random() < 0.45:
            z = plan.uniform(16, 60)
            place("car", z, (half_road / 2 if ahead else -half_road / 2) - lane + curve * z**2, float(ahead))
    for number, sign in enumerate(mounted):
        place("sign", sign.z, number)

    for z, kind, number, values in sorted(things, reverse=True):
        rng, near = stream(seed, scene, kind, number), z - driven
        if kind == "car":
            near = z + (0.2 if values[1] else -1.6) * driven
        if near < 6:
            continue
        if kind == "house":
            paint_house(rng, view, values[0], near, values[1], values[2])
        elif kind == "tree":
            paint_tree(rng, view, values[0], near, values[1])
        elif kind == "lamp":
            paint_pole(view, values[0], near, 7.0, 0.16, 0.25)
        elif kind == "car":
            paint_car(rng, view, values[0], near, bool(values[1]))
        else:
            sign = mounted[int(values[0])]
            paint_pole(view, sign.x, near, sign.y + sign.side / 2, 0.07)
            _paint_sign(view, sign, near, int(values[0]))


def _paint_sign(view: View, sign: _Mounted, z: float, number: int) -> None:
    area = view.around(sign.x, sign.y, z, sign.side / 2, sign.side / 2)
    if area is None:
        return
    centre = (view.column(sign.x, z), view.row(sign.y, z))
    colour, cover = project(sign.art, area, centre, sign.side * view.focal / z, roll=sign.roll, yaw=sign.yaw)
    facing = float(np.clip(0.5 + 0.35 * view.sun_side * np.sign(sign.x) + sign.yaw, 0.05, 1))
    view.put(area, cover, colour, z, facing=facing, retro=7.0, sign=number)


def _annotate(view: View, mounted: list[_Mounted], driven: float) -> tuple[RoadSign, ...]:
    found = []
    for number, sign in enumerate(mounted):
        z = sign.z - driven
        if z < 6:
            continue
        centre, side = (view.column(sign.x, z), view.row(sign.y, z)), sign.side * view.focal / z
        half = side / 2 + 2
        area = window(view.size, centre[0] - half, centre[1] - half, centre[0] + half, centre[1] + half)
        _, cover = project(sign.art, area, centre, side, roll=sign.roll, yaw=sign.yaw)
        plate = cover > 0.5
        # What of the plate would show without the picture's border and the things before it.
        whole = float(plate.sum()) / max(float(_plate_area(sign, side)), 1.0)
        shown = int((view.owner[area] == number).sum())
        if not plate.any():
            continue
        x0, y0, x1, y1 = box_of(plate)
        left, top = area.columns.start, area.rows.start
        visible = min(whole, 1.0) * shown / max(int(plate.sum()), 1)
        if visible >= 0.5 and min(x1 - x0, y1 - y0) >= MIN_PIXELS:
            found.append(RoadSign(sign.name, (x0 + left, y0 + top, x1 + left, y1 + top), visible, shown, z))
    return tuple(found)


def _plate_area(sign: _Mounted, side: float) -> float:
    """Pixels of a sign that stands wholly in the picture."""
    return float((sign.art[..., 3] > 0.5).mean()) * side**2 * float(np.cos(sign.yaw))


def _take(rng: np.random.Generator, view: View) -> NDArray[np.uint8]:
    """Expose the scene: defocus, the car's motion, glare of the day's light."""
    radiance = view.radiance
    scale = min(view.size) / 480
    if rng.random() < 0.3:
        radiance = blur(radiance, rng.uniform(0.4, 1.3) * scale)
    if rng.random() < 0.35:
        radiance = smear(radiance, rng.uniform(0, np.pi), rng.uniform(2, 6) * scale)
    radiance = radiance + 0.06 * blur(np.clip(radiance - 0.6, 0, None), 18 * scale)
    level = view.weather.level * 2 ** rng.normal(0, 0.35)
    return expose(rng, radiance, DASHCAM, float(level))


def smear(radiance: Field, angle: float, length: float) -> Field:
    """Motion blur over `length` pixels along `angle` (radians)."""
    steps = max(int(np.ceil(length)), 1)
    edge = int(np.ceil(length / 2)) + 1
    height, width = radiance.shape[:2]
    padded = np.pad(radiance, ((edge, edge), (edge, edge), (0, 0)), mode="edge")
    total = np.zeros_like(radiance)
    for k in range(steps):
        t = (k / max(steps - 1, 1) - 0.5) * length
        top, left = edge + round(t * np.sin(angle)), edge + round(t * np.cos(angle))
        total += padded[top : top + height, left : left + width]
    return total / steps
