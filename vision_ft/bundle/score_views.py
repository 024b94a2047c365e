"""One score map of an image from the score maps of its views, and the regions that stand out of it.

An image in several views gets one coarse canvas, of about the maps' own resolution: what is
kept does not grow with the number of views.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.manifest import InputSpec
from vision_ft.bundle.place import Geometry
from vision_ft.bundle.tiles import region_of, views_of

MOST_CELLS = 1024
"""Longest side of the canvas, in cells; and of the picture in which regions are looked for, in pixels."""
MOST_REGIONS = 100
"""Regions that are listed at most, the highest first."""


@dataclass(frozen=True, slots=True)
class Region:
    """Pixels above a level that hang together, corners included (8-connectivity)."""

    box: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels of the original image."""
    area: float
    """In pixels of the original image."""
    peak: float
    """Highest value of the map in it."""


@dataclass(frozen=True, slots=True)
class ScoreMap:
    """A map of scores over an image, of any real values."""

    values: NDArray[np.float32]
    """Float32 [h, w]."""
    geometry: Geometry
    """How the map lies in the image."""

    def over_image(self, longest: int | None = None) -> NDArray[np.float32]:
        """The map over the original's pixels, float32 [H, W]; 0 where the image was not looked at.

        With `longest`, over the image shrunk so that no side has more pixels than that.
        """
        whole = self.geometry
        shrink = 1.0 if longest is None else min(1.0, longest / max(whole.width, whole.height))
        if shrink < 1.0:
            whole = _shrunk(whole, shrink)
        return whole.map_to_original(self.values)

    def regions(self, level: float) -> tuple[Region, ...]:
        """What lies at or above `level`, highest peak first; at most `MOST_REGIONS` of them."""
        if not float(self.values.max()) >= level:
            # Most images are good; and not a number is above nothing.
            return ()
        field = self._with_peaks(self.over_image(MOST_CELLS), level)
        across, down = self.geometry.width / field.shape[1], self.geometry.height / field.shape[0]
        above = (field >= level).astype(np.uint8)
        count, numbers, stats, _ = cv2.connectedComponentsWithStats(above, connectivity=8)
        peaks = np.full(count, -np.inf, np.float32)
        np.maximum.at(peaks, np.asarray(numbers[above > 0], dtype=np.intp), field[above > 0])
        found = []
        for number in range(1, count):
            left, top, width, height, area = (float(one) for one in stats[number])
            box = (left * across, top * down, (left + width) * across, (top + height) * down)
            found.append(Region(box, area * across * down, float(peaks[number])))
        found.sort(key=lambda one: (-one.peak, one.box))
        return tuple(found[:MOST_REGIONS])

    def _with_peaks(self, field: NDArray[np.float32], level: float) -> NDArray[np.float32]:
        """The field with the cells from `level` on at the pixels where their centres lie.

        Pixels lie beside the centres, and are lower: a cell just above the level would be lost.
        """
        rows, columns = np.nonzero(self.values >= level)
        whole, (height, width) = self.geometry, self.values.shape
        x, y = (columns + 0.5) * whole.input_width / width, (rows + 0.5) * whole.input_height / height
        left, top, wide, high = whole.paste
        inside = (x >= left) & (x < left + wide) & (y >= top) & (y < top + high)
        points = whole.points_to_original(np.stack([x, y], axis=1)[inside])
        scale = field.shape[1] / whole.width, field.shape[0] / whole.height
        at_x = np.minimum((points[:, 0] * scale[0]).astype(np.intp), field.shape[1] - 1)
        at_y = np.minimum((points[:, 1] * scale[1]).astype(np.intp), field.shape[0] - 1)
        np.maximum.at(field, (at_y, at_x), self.values[rows, columns][inside])
        return field


class ScoreViews:
    """Gathers the score maps of the views of one image; where views overlap the higher score counts."""

    def __init__(self, width: int, height: int, spec: InputSpec) -> None:
        self._size = (width, height)
        self._spec = spec
        self._single = len(views_of(width, height, spec)) == 1
        self._map: ScoreMap | None = None

    def add(self, values: NDArray[np.float32], geometry: Geometry) -> None:
        """Take in the map [h, w] of a view, which spans the graph's input; it is not kept."""
        if self._single:
            self._map = ScoreMap(np.array(values, dtype=np.float32), geometry)
            return
        if self._map is None:
            canvas = self._canvas(values.shape[1])
            blank = np.full((canvas.input_height, canvas.input_width), -np.inf, np.float32)
            self._map = ScoreMap(blank, canvas)
        columns, x = _cells(self._map.geometry, geometry, values.shape[1], axis=0)
        rows, y = _cells(self._map.geometry, geometry, values.shape[0], axis=1)
        at_x, at_y = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
        seen = cv2.remap(values, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        cells = self._map.values[rows, columns]
        np.maximum(cells, seen, out=cells)

    @property
    def merged(self) -> ScoreMap | None:
        """The map of the image; None before any view."""
        return self._map

    def _canvas(self, cells: int) -> Geometry:
        """A grid over what is looked at, a cell of it as large as a cell of a view's map, or larger."""
        width, height = self._size
        region = region_of(width, height, self._spec)
        assert self._spec.tile is not None, "several views are tiles"
        cell = max(self._spec.tile.size / cells, max(region[2:]) / MOST_CELLS)
        across, down = max(1, round(region[2] / cell)), max(1, round(region[3] / cell))
        return Geometry(width, height, region, (0, 0, across, down), across, down)


def _cells(canvas: Geometry, view: Geometry, count: int, axis: int) -> tuple[slice, NDArray[np.float64]]:
    """The canvas's cells along an axis whose centres a view sees, and where they lie in its map of `count` cells."""
    whole = canvas.input_width if axis == 0 else canvas.input_height
    centres = canvas.crop[axis] + (np.arange(whole) + 0.5) * canvas.crop[2 + axis] / whole
    first, last = np.searchsorted(centres, (view.crop[axis], view.crop[axis] + view.crop[2 + axis]))
    inside = np.zeros((last - first, 2))
    inside[:, axis] = centres[first:last]
    in_input = view.points_to_input(inside)[:, axis]
    size = view.input_width if axis == 0 else view.input_height
    return slice(int(first), int(last)), in_input * count / size - 0.5


def _shrunk(geometry: Geometry, factor: float) -> Geometry:
    """The same view of the image shrunk by `factor`; what is looked at keeps a pixel at least."""
    width, height = max(1, round(geometry.width * factor)), max(1, round(geometry.height * factor))
    across, down = width / geometry.width, height / geometry.height
    left, top, wide, high = geometry.crop
    x, y = min(round(left * across), width - 1), min(round(top * down), height - 1)
    right = min(max(round((left + wide) * across), x + 1), width)
    bottom = min(max(round((top + high) * down), y + 1), height)
    crop = (x, y, right - x, bottom - y)
    return Geometry(width, height, crop, geometry.paste, geometry.input_width, geometry.input_height)
