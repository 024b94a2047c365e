"""One label map of an image from the label maps of its views.

Each pixel is answered by the view whose centre is nearest, so that overlapping views share an
image out without a rest. Of each view only the rectangle around what it found is kept, in
the image's own pixels: what is kept grows with what is found, not with the number of views.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.manifest import InputSpec
from vision_ft.bundle.place import Geometry
from vision_ft.bundle.tiles import views_of

COARSE = 512
"""Longest side of the score map that is kept of an image in several views, in cells."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A rectangle of an image in its own pixels."""

    left: int
    top: int
    labels: NDArray[np.uint8]
    """Class of each pixel [h, w]; 0 is background."""
    foreground: NDArray[np.uint8]
    """Probability of anything but background [h, w], in 255ths."""


@dataclass(frozen=True, slots=True)
class Heat:
    """A score map over an image."""

    values: NDArray[np.uint8]
    """In 255ths [h, w]."""
    geometry: Geometry
    """How the map lies in the image."""

    def over_image(self) -> NDArray[np.float32]:
        """The map over the image's pixels, float32 [H, W] in [0, 1]."""
        return np.asarray(self.geometry.map_to_original(self.values.astype(np.float32)) / 255.0, dtype=np.float32)


class LabelViews:
    """Gathers the label maps of the views of one image."""

    def __init__(self, width: int, height: int, spec: InputSpec) -> None:
        self._size = (width, height)
        self._views = views_of(width, height, spec)
        self._patches: list[Patch] = []
        self._heat: Heat | None = None

    def add(self, labels: NDArray[np.uint8], foreground: NDArray[np.uint8], geometry: Geometry) -> None:
        """Take in a view: `labels` [h, w] and `foreground` [h', w'] both span the graph's input; they are not kept."""
        left, top, right, bottom = self._own(geometry)
        x, y = geometry.crop[:2]
        within = (slice(top - y, bottom - y), slice(left - x, right - x))
        local = _alone(geometry)
        answered = labels_to_original(labels, local)[within]
        if len(self._views) == 1:
            self._heat = Heat(foreground.copy(), geometry)
            if not answered.any():
                return
        scores = np.rint(local.map_to_original(foreground.astype(np.float32))).astype(np.uint8)[within]
        if len(self._views) > 1:
            self._warm(scores, left, top)
        rows, columns = np.flatnonzero(answered.any(axis=1)), np.flatnonzero(answered.any(axis=0))
        if len(rows):
            box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
            place = (left + int(columns[0]), top + int(rows[0]))
            self._patches.append(Patch(*place, answered[box].copy(), scores[box].copy()))

    @property
    def heat(self) -> Heat | None:
        """Scores over the image: as the graph gave them for a single view, else coarse; None before any view."""
        return self._heat

    def merged(self) -> list[Patch]:
        """What was found, in rectangles that do not touch: what hangs together lies in one, across all views."""
        return [_joined(group) for group in _touching(self._patches)]

    def _own(self, geometry: Geometry) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the pixels whose nearest view this is: up to halfway to its neighbours."""
        left, top, width, height = geometry.crop
        first, last = _share(left, width, sorted({one.crop[0] for one in self._views}))
        upper, lower = _share(top, height, sorted({one.crop[1] for one in self._views}))
        return first, upper, last, lower

    def _warm(self, scores: NDArray[np.uint8], left: int, top: int) -> None:
        """Lay a view's own scores into the coarse map."""
        width, height = self._size
        cell = max(1, -(-max(width, height) // COARSE))
        if self._heat is None:
            across, down = -(-width // cell), -(-height // cell)
            geometry = Geometry(width, height, (0, 0, width, height), (0, 0, width, height), across * cell, down * cell)
            self._heat = Heat(np.zeros((down, across), np.uint8), geometry)
        down, across = scores.shape
        columns, rows = (left // cell, -(-(left + across) // cell)), (top // cell, -(-(top + down) // cell))
        size = (columns[1] - columns[0], rows[1] - rows[0])
        small = cv2.resize(scores, size, interpolation=cv2.INTER_AREA)
        cells = self._heat.values[rows[0] : rows[1], columns[0] : columns[1]]
        np.maximum(cells, small, out=cells)


def labels_to_original(labels: NDArray[np.uint8], geometry: Geometry) -> NDArray[np.uint8]:
    """A label map [h, w] that spans the input, over the original's pixels, uint8 [height, width].

    The most likely class between the map's cells, so that outlines are smooth where it is
    enlarged; background where the original was not looked at.
    """
    present = [int(one) for one in np.unique(labels) if one]
    result = np.zeros((geometry.height, geometry.width), np.uint8)
    if not present:
        return result
    left, top, width, height = geometry.crop
    x, y, *paste = geometry.paste
    if paste == [width, height] and labels.shape == (geometry.input_height, geometry.input_width):
        result[top : top + height, left : left + width] = labels[y : y + height, x : x + width]
        return result
    highest = geometry.map_to_original((labels == 0).astype(np.float32))
    for number in present:
        share = geometry.map_to_original((labels == number).astype(np.float32))
        better = share > highest
        result[better] = number
        np.maximum(highest, share, out=highest)
    return result


def _alone(geometry: Geometry) -> Geometry:
    """The same view of an image that is no larger than what the view looks at."""
    _, _, width, height = geometry.crop
    return replace(geometry, width=width, height=height, crop=(0, 0, width, height))


def _touching(patches: Sequence[Patch]) -> list[list[Patch]]:
    """Patches in groups, so that no rectangle around a group touches another one, corners included."""
    groups: list[tuple[tuple[int, int, int, int], list[Patch]]] = []
    for patch in patches:
        box, members = _rectangle([patch]), [patch]
        # A rectangle that has grown may touch others that it did not touch before.
        while True:
            near = [one for one in groups if _meet(box, one[0])]
            if not near:
                break
            groups = [one for one in groups if not _meet(box, one[0])]
            members = [member for _, several in near for member in several] + members
            box = _rectangle(members)
        groups.append((box, members))
    return [members for _, members in groups]


def _joined(patches: Sequence[Patch]) -> Patch:
    """The rectangle around patches that do not overlap."""
    if len(patches) == 1:
        return patches[0]
    left, top, right, bottom = _rectangle(patches)
    labels = np.zeros((bottom - top, right - left), np.uint8)
    foreground = np.zeros_like(labels)
    for one in patches:
        height, width = one.labels.shape
        at = (slice(one.top - top, one.top - top + height), slice(one.left - left, one.left - left + width))
        labels[at], foreground[at] = one.labels, one.foreground
    return Patch(left, top, labels, foreground)


def _rectangle(patches: Sequence[Patch]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom around patches."""
    return (
        min(one.left for one in patches),
        min(one.top for one in patches),
        max(one.left + one.labels.shape[1] for one in patches),
        max(one.top + one.labels.shape[0] for one in patches),
    )


def _meet(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    """Whether two rectangles overlap or touch."""
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def _share(start: int, length: int, starts: list[int]) -> tuple[int, int]:
    """From where to where a view answers along one axis, `starts` being those of all views."""
    before = [one for one in starts if one < start]
    after = [one for one in starts if one > start]
    first = (before[-1] + length + start) // 2 if before else start
    last = (start + length + after[0]) // 2 if after else start + length
    return first, last
