"""Connected regions of a label map, and how large and how long they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.label_views import Patch


@dataclass(frozen=True, slots=True)
class Region:
    """Pixels of one class that hang together, corners included (8-connectivity)."""

    label: int
    """Value in the label map; not 0."""
    left: int
    top: int
    mask: NDArray[np.bool_]
    """Which pixels of its box belong to it [h, w]."""
    score: float
    """Mean foreground probability of its pixels, in [0, 1]."""

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(np.count_nonzero(self.mask))

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom in pixels; pixel i covers [i, i + 1)."""
        height, width = self.mask.shape
        return self.left, self.top, self.left + width, self.top + height

    def length(self) -> float:
        """Longest extent in pixels: the long side of the smallest rectangle, turned as needed, that holds it."""
        # The outermost pixels of each row are enough, and few.
        rows = np.flatnonzero(self.mask.any(axis=1))
        first = self.mask.argmax(axis=1)[rows]
        last = self.mask.shape[1] - self.mask[:, ::-1].argmax(axis=1)[rows]
        corners = [np.stack([columns, rows + dy], axis=1) for columns in (first, last) for dy in (0, 1)]
        (_, _), sides, _ = cv2.minAreaRect(np.concatenate(corners).astype(np.float32))
        return float(max(sides))

    def paint(self, canvas: NDArray[np.uint8], value: int) -> None:
        """Set its pixels in a map of the whole image, uint8 [H, W]."""
        left, top, right, bottom = self.box
        canvas[top:bottom, left:right][self.mask] = value


def connected_regions(patches: Iterable[Patch], *, min_area: int, one_class: bool) -> tuple[Region, ...]:
    """The regions of patches with at least `min_area` pixels, highest score first.

    No region reaches from one patch into another. With `one_class`, all that hangs together is
    one region of the class that most of its pixels have; else regions of different classes may
    touch.
    """
    found = [one for patch in patches for one in _regions_of(patch, min_area, one_class)]
    return tuple(sorted(found, key=lambda one: (-one.score, one.top, one.left)))


def _regions_of(patch: Patch, min_area: int, one_class: bool) -> Iterator[Region]:
    labels = np.unique(patch.labels[patch.labels > 0])
    layers = [patch.labels > 0] if one_class else [patch.labels == label for label in labels]
    for layer in layers:
        for box, mask in _components(layer):
            if np.count_nonzero(mask) < min_area:
                continue
            label = int(np.bincount(patch.labels[box][mask]).argmax())
            score = float(patch.foreground[box][mask].mean()) / 255.0
            yield Region(label, patch.left + box[1].start, patch.top + box[0].start, mask, score)


def _components(layer: NDArray[np.bool_]) -> Iterator[tuple[tuple[slice, slice], NDArray[np.bool_]]]:
    """Box (rows, columns) and mask of each connected component."""
    _, numbers, stats, _ = cv2.connectedComponentsWithStats(layer.astype(np.uint8), connectivity=8)
    for number, (left, top, width, height, _) in enumerate(stats[1:].tolist(), start=1):
        box = (slice(top, top + height), slice(left, left + width))
        yield box, numbers[box] == number
