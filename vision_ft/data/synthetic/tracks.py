"""Sign crops as a car collects them: tracks of frames of one sign coming nearer.

    root/images/<class>/<track>_s<frame>.png   crops of 20 to about 110 px, about a tenth of border
    root/boxes.csv                             path,class,x_min,y_min,x_max,y_max (pixels, maxima exclusive)
    root/samples.csv                           path,target,part,group,weather
    root/generator.json                        the settings that made the set

A track is one sign on one drive: its frames are one part and one group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vision_ft.data.synthetic.camera import expose
from vision_ft.data.synthetic.fields import blur, fractal, local_grid, smoothstep, window
from vision_ft.data.synthetic.files import check_amounts, check_count, claim, write_png, write_table
from vision_ft.data.synthetic.parts import Box, box_of, check
from vision_ft.data.synthetic.roads import DASHCAM, smear
from vision_ft.data.synthetic.scenery import paint_hills, paint_house, paint_pole, paint_sky, paint_tree
from vision_ft.data.synthetic.seeds import stream
from vision_ft.data.synthetic.signs import SIGNS, aged, project
from vision_ft.data.synthetic.view import View
from vision_ft.data.synthetic.weather import Weather, random_weather

_SIDE, _FOCAL = 200, 900.0
_FAR, _NEAR = (30.0, 45.0), (7.5, 14.0)


@dataclass(frozen=True)
class SignCrop:
    """One crop: [H, W, 3] uint8 RGB, and the sign's plate in it as (x_min, y_min, x_max, y_max)."""

    image: NDArray[np.uint8]
    box: Box
    target: str
    track: str
    frame: int
    weather: str


def generate_signs(
    root: Path,
    *,
    tracks_per_class: int | Mapping[str, int] = 8,
    frames: int = 10,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write tracks of sign crops to `root` and return it.

    `tracks_per_class` is one number for every class of `SIGNS`, or a number for each
    class wanted; `progress` is called with (tracks done, tracks in all). Calling again
    with more tracks adds to the set and changes no picture. Raises `DataError` for
    arguments that cannot be met and for a folder that holds something else.
    """
    amounts = check_amounts("tracks", tracks_per_class, SIGNS)
    check_count("frames per track", frames, 1, 99)
    claim(root, "signs", {"seed": seed, "frames": frames}, amounts)
    samples: list[tuple[object, ...]] = []
    boxes: list[tuple[object, ...]] = []
    todo = [(target, number) for target, count in amounts.items() for number in range(count)]
    for done, (target, number) in enumerate(todo):
        track = f"{target}_{number:03d}"
        for crop in render_track(track, target, frames=frames, seed=seed):
            path = f"images/{target}/{track}_s{crop.frame}.png"
            write_png(root / path, crop.image)
            samples.append((path, target, track, track, crop.weather))
            boxes.append((path, target, *crop.box))
        if progress is not None:
            progress(done + 1, len(todo))
    write_table(root / "samples.csv", ("path", "target", "part", "group", "weather"), samples)
    write_table(root / "boxes.csv", ("path", "class", "x_min", "y_min", "x_max", "y_max"), boxes)
    return root


def render_track(track: str, target: str, *, frames: int = 10, seed: int = 0) -> Iterator[SignCrop]:
    """Yield the crops of one track, the first from farthest away.

    Raises `DataError` for an unknown class.
    """
    check(target, SIGNS, "sign class")
    return _crops(track, target, frames, seed)


def _crops(track: str, target: str, frames: int, seed: int) -> Iterator[SignCrop]:
    plan = stream(seed, track, "plan")
    weather = random_weather(plan)
    backdrop = _backdrop(stream(seed, track, "backdrop"), weather)
    art = aged(plan, target)
    side_m, yaw, roll = plan.uniform(0.6, 0.9), plan.normal(0, 0.25), plan.normal(0, 0.05)
    far, near = plan.uniform(*_FAR), plan.uniform(*_NEAR)
    brightness, facing = plan.normal(0, 0.4), plan.uniform(0.05, 1.0)
    leaf = plan.uniform(0, 2 * np.pi) if plan.random() < 0.15 else None
    drift = plan.uniform(-25, 25, 2)
    for number in range(frames):
        rng = stream(seed, track, "frame", number)
        share = number / max(frames - 1, 1)
        # Constant speed: the distance falls evenly, the sign grows faster and faster.
        z = far + (near - far) * share
        side = side_m * _FOCAL / z
        view = View(weather, (_SIDE, _SIDE), _FOCAL, backdrop.horizon, sun_side=backdrop.sun_side)
        view.radiance[:] = backdrop.radiance
        cx, cy = _SIDE / 2 + drift[0] * (share - 0.5), _SIDE / 2 + drift[1] * (share - 0.5)
        half = side / 2 + 3
        area = window(view.size, cx - half, cy - half, cx + half, cy + half)
        paint_pole(view, (cx - view.centre) * z / _FOCAL, z, view.eye - (cy - view.horizon) * z / _FOCAL, 0.07)
        colour, cover = project(art, area, (cx, cy), side, roll=roll, yaw=yaw)
        view.put(area, cover, colour, z, facing=facing, retro=7.0)
        if leaf is not None:
            _branch(stream(seed, track, "leaf"), view, cx + 0.55 * side * np.cos(leaf),
                    cy + 0.55 * side * np.sin(leaf), 0.36 * side, z)  # fmt: skip
        image = _expose(rng, view, brightness, side)
        y0, x0, y1, x1 = _border(rng, area.rows.start, area.columns.start, cover > 0.5, side)
        bx0, by0, bx1, by1 = box_of(cover > 0.5)
        left, top = area.columns.start - x0, area.rows.start - y0
        yield SignCrop(
            np.ascontiguousarray(image[y0:y1, x0:x1]), (bx0 + left, by0 + top, bx1 + left, by1 + top), target, track,
            number, weather.name,
        )  # fmt: skip


def _backdrop(rng: np.random.Generator, weather: Weather) -> View:
    """What is behind a sign: sky, a ridge, trees or houses."""
    view = View(weather, (_SIDE, _SIDE), _FOCAL, horizon=_SIDE * rng.uniform(0.55, 1.1),
                sun_side=float(rng.choice([-1, 1])))  # fmt: skip
    paint_sky(rng, view)
    paint_hills(rng, view)
    below = window(view.size, 0, view.horizon, _SIDE, _SIDE)
    if view.horizon < _SIDE - 2:
        grass = 1 + 0.2 * fractal(rng, view.radiance[below].shape[:2], (9.0, 3.0))
        view.put(below, np.ones(grass.shape), np.array([0.08, 0.12, 0.04]) * grass[..., None], 60.0)
    for z in sorted(rng.uniform(50, 160, int(rng.integers(0, 5))), reverse=True):
        x = rng.uniform(-0.12, 0.12) * z
        if rng.random() < 0.3:
            paint_house(rng, view, float(x), float(z), rng.uniform(8, 14), rng.uniform(5, 12))
        else:
            paint_tree(rng, view, float(x), float(z), rng.uniform(5, 13))
    return view


def _branch(rng: np.random.Generator, view: View, cx: float, cy: float, radius: float, z: float) -> None:
    """Leaves that hang before a corner of the sign."""
    area = window(view.size, cx - 1.5 * radius, cy - 1.5 * radius, cx + 1.5 * radius, cy + 1.5 * radius)
    x, y = local_grid(area)
    leaves = fractal(rng, x.shape, (max(radius * 0.5, 2.0), max(radius * 0.2, 1.2)), 0.8)
    cover = smoothstep(np.hypot(x - cx, y - cy) / radius + 0.45 * leaves, 1.1, 0.95)
    view.put(area, cover, np.array([0.06, 0.09, 0.025]) * np.clip(1 + 0.4 * leaves, 0.2, 2)[..., None], z)


def _expose(rng: np.random.Generator, view: View, brightness: float, side: float) -> NDArray[np.uint8]:
    radiance = view.radiance
    if rng.random() < 0.45:
        radiance = blur(radiance, rng.uniform(0.3, 0.035 * side + 0.5))
    if rng.random() < 0.45:
        radiance = smear(radiance, rng.normal(0, 0.4), rng.uniform(1, 0.10 * side + 2))
    level = view.weather.level * 2 ** (brightness + rng.normal(0, 0.12))
    return expose(rng, radiance, DASHCAM, float(level))


def _border(
    rng: np.random.Generator, top: int, left: int, plate: NDArray[np.bool_], side: float
) -> tuple[int, int, int, int]:  # fmt: skip
    """Rows and columns of the crop (y0, x0, y1, x1): about a tenth of border, unevenly."""
    bx0, by0, bx1, by1 = box_of(plate)
    margin = np.rint(np.clip(side * rng.uniform(0.05, 0.16, 4), 2, None)).astype(int)
    return (
        max(top + by0 - int(margin[0]), 0),
        max(left + bx0 - int(margin[1]), 0),
        min(top + by1 + int(margin[2]), _SIDE),
        min(left + bx1 + int(margin[3]), _SIDE),
    )
