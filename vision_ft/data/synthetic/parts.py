"""From a part's name to its pictures, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision_ft.data.synthetic.brushed import brushed
from vision_ft.data.synthetic.camera import CAMERAS, expose, random_pose, source_points
from vision_ft.data.synthetic.cast import cast
from vision_ft.data.synthetic.clutter import dust, work_marks
from vision_ft.data.synthetic.defects import DRAW
from vision_ft.data.synthetic.fabric import fabric
from vision_ft.data.synthetic.fields import Field, sample, window
from vision_ft.data.synthetic.fittings import leave_out, mount
from vision_ft.data.synthetic.lighting import random_lighting, shade
from vision_ft.data.synthetic.maps import CLASSES, DEFECTS, SURFACES, PartMaps
from vision_ft.data.synthetic.seeds import stream
from vision_ft.errors import DataError

Box = tuple[int, int, int, int]
MIN_SIDE, MAX_SIDE = 64, 2048

_BUILD = {"brushed": brushed, "cast": cast, "fabric": fabric}
# A pixel belongs to a defect from this coverage on: thin lines would be lost at one half.
_COVERED = 0.4


@dataclass(frozen=True)
class RenderedShot:
    """One picture of a part and what is known of it.

    `image` is [H, W, 3] uint8 RGB; `mask` is [H, W] uint8, 255 on the defect and 0
    elsewhere; `boxes` has one (x_min, y_min, x_max, y_max) per defect in pixels, the
    maxima exclusive. A good part has no box and an empty mask.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    boxes: tuple[Box, ...]
    target: str
    part: str
    shot: int
    surface: str
    camera: str

    @property
    def class_id(self) -> int:
        """The place of the class in `CLASSES`."""
        return CLASSES.index(self.target)


def render_part(
    part: str, target: str, *, surface: str, shots: int = 4, size: tuple[int, int] = (240, 320), seed: int = 0
) -> Iterator[RenderedShot]:
    """Yield `shots` pictures of one part, each under its own pose, light and camera.

    The part's surface depends on (seed, part) and not on `target`: the same name
    rendered as `good` is the same part without its defect, seen in the same light.
    `size` is (height, width). Raises `DataError` for an unknown class or surface and
    for sizes that cannot be drawn.
    """
    check(target, CLASSES, "defect class")
    check(surface, SURFACES, "surface")
    check_size(size)
    return _shots(part, target, surface, shots, size, seed)


def _shots(
    part: str, target: str, surface: str, shots: int, size: tuple[int, int], seed: int
) -> Iterator[RenderedShot]:  # fmt: skip
    maps, covers = build_part(part, target, surface=surface, size=size, seed=seed)
    for shot in range(shots):
        rng = stream(seed, part, "shot", shot)
        camera = CAMERAS[rng.integers(len(CAMERAS))]
        pose = random_pose(rng, size)
        light = random_lighting(rng)
        x, y = source_points(pose, camera, size, maps.shape)
        area = window(maps.shape, x.min() - 2, y.min() - 2, x.max() + 2, y.max() + 2)
        x_in, y_in = x - area.columns.start, y - area.rows.start
        radiance = sample(shade(maps, light, pose.turn, area), x_in, y_in)
        level = float(np.clip(0.20 * 2 ** rng.normal(0, 0.42), 0.08, 0.45))
        image = expose(rng, radiance, camera, level)
        masks = [_seen(cover, x, y) for cover in covers]
        mask = np.zeros(size, dtype=np.uint8)
        for covered in masks:
            mask[covered] = 255
        boxes = tuple(box_of(covered) for covered in masks if covered.any())
        yield RenderedShot(image, mask, boxes, target, part, shot, surface, camera.name)


def _draw(rng: np.random.Generator, maps: PartMaps, target: str) -> Field:
    """Put one defect on a part and return its extent; one that fell into a hole is drawn again elsewhere."""
    cover = np.zeros(maps.shape)
    for _ in range(8):
        cover = DRAW[target](rng, maps, float(rng.uniform(0.3, 1.0)))
        if (cover > _COVERED).sum() >= 40 * maps.unit**2:
            break
    return cover


def _seen(cover: Field, x: Field, y: Field) -> NDArray[np.bool_]:
    """Where a defect of extent `cover` on the canvas shows among the points (x, y)."""
    seen = np.zeros(x.shape, dtype=np.bool_)
    x0, y0, x1, y1 = box_of(cover > 0)
    near = (x > x0 - 1) & (x < x1) & (y > y0 - 1) & (y < y1)
    seen[near] = sample(cover, x[near], y[near]) > _COVERED
    return seen


def build_part(
    part: str, target: str, *, surface: str, size: tuple[int, int], seed: int
) -> tuple[PartMaps, list[Field]]:  # fmt: skip
    """Return the finished maps of a part and the visible extent of each of its defects."""
    maps = _BUILD[surface](stream(seed, "design", surface), stream(seed, part, "surface"), size)
    work_marks(stream(seed, "design", surface, "marks"), stream(seed, part, "work"), maps)
    flaw = stream(seed, part, "defect")
    missing = int(flaw.integers(len(maps.fittings))) if target == "missing_part" else -1
    covers = []
    for k, item in enumerate(maps.fittings):
        rng = stream(seed, part, "fitting", k)
        if k == missing:
            covers.append(leave_out(rng, maps, item))
        else:
            mount(stream(seed, "design", surface, "fitting"), rng, maps, item)
    if target in DRAW:
        for _ in range(int(flaw.choice([1, 2], p=[0.8, 0.2]))):
            cover = _draw(flaw, maps, target)
            maps.taken = np.maximum(maps.taken, cover)
            covers.append(cover)
    dust(stream(seed, part, "dust"), maps)
    return maps, covers


def box_of(covered: NDArray[np.bool_]) -> Box:
    """Return the tight (x_min, y_min, x_max, y_max) of the true pixels, maxima exclusive."""
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def check(value: str, known: tuple[str, ...], what: str) -> None:
    """Raise `DataError` unless `value` is one of `known`."""
    if value not in known:
        raise DataError(f"Unknown {what}", expected=f"one of {', '.join(known)}", got=repr(value))


def check_size(size: tuple[int, int]) -> None:
    """Raise `DataError` unless `size` is a (height, width) that can be drawn."""
    if len(size) != 2 or not all(isinstance(side, int) and MIN_SIDE <= side <= MAX_SIDE for side in size):
        raise DataError(
            "The image size of a sample set is not usable",
            expected=f"(height, width), each {MIN_SIDE} to {MAX_SIDE}",
            got=repr(size),
        )


__all__ = ["DEFECTS", "Box", "RenderedShot", "build_part", "check", "check_size", "render_part"]
