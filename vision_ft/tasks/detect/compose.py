"""Training images made of several: four in one, and objects of one pasted into another."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.boxes import intersections
from vision_ft.tasks.detect.labels import IGNORED, Objects, joined

View = tuple[NDArray[np.uint8], Objects]
"""An RGB image, uint8 [H, W, 3], and its objects."""

_TRIES = 8
_FEATHER = 3


def mosaic(views: tuple[View, View, View, View], rng: np.random.Generator) -> View:
    """A window of four images of one size put together (arXiv 2004.10934), at that size again.

    The window is between one and two images wide, so that objects appear at half to full size.
    """
    height, width = views[0][0].shape[:2]
    canvas = np.empty((2 * height, 2 * width, 3), np.uint8)
    placed = []
    for number, (image, objects) in enumerate(views):
        y, x = (number // 2) * height, (number % 2) * width
        canvas[y : y + height, x : x + width] = image
        placed.append(objects.moved((1.0, 1.0), (x, y)))
    share = rng.uniform(0.5, 1.0)
    across, down = max(8, round(2 * width * share)), max(8, round(2 * height * share))
    left, top = int(rng.integers(2 * width - across + 1)), int(rng.integers(2 * height - down + 1))
    window = np.ascontiguousarray(canvas[top : top + down, left : left + across])
    objects = joined(placed).moved((1.0, 1.0), (-left, -top)).clipped(across, down)
    small = np.asarray(cv2.resize(window, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return small, objects.moved((width / across, height / down), (0.0, 0.0))


def paste(view: View, donor: View, number: int, rng: np.random.Generator) -> View:
    """Object `number` of the donor at a free place of the view (arXiv 2012.07177); the view where there is none.

    The object comes with its box's pixels, its border blended over a few of them.
    """
    image, objects = view
    height, width = image.shape[:2]
    left, top, right, bottom = np.round(donor[1].boxes[number]).astype(int)
    patch = donor[0][max(0, top) : bottom, max(0, left) : right]
    down, across = patch.shape[:2]
    if min(down, across) < 4 or down >= height or across >= width:
        return view
    if rng.random() < 0.5:
        patch = patch[:, ::-1]
    for _ in range(_TRIES):
        x, y = int(rng.integers(width - across)), int(rng.integers(height - down))
        box = np.array([[x, y, x + across, y + down]], dtype=np.float64)
        if not len(objects) or intersections(box, objects.boxes).max() == 0.0:
            break
    else:
        return view
    alpha = np.zeros((down, across), np.float32)
    alpha[1:-1, 1:-1] = 1.0
    blend = np.asarray(cv2.blur(alpha, (_FEATHER, _FEATHER)), dtype=np.float32)[:, :, None]
    made = image.copy()
    made[y : y + down, x : x + across] = patch * blend + made[y : y + down, x : x + across] * (1 - blend)
    return made, joined([objects, Objects(box, donor[1].labels[number : number + 1])])


def rare_object(
    donors: Callable[[int], View], rows: NDArray[np.int64], frequency: NDArray[np.float64], rng: np.random.Generator
) -> tuple[View, int] | None:
    """An object to paste: of a few donors drawn from `rows`, one of the rarest class by `frequency` [C]."""
    found: list[tuple[float, View, int]] = []
    for row in rng.choice(rows, size=min(3, len(rows)), replace=False):
        view = donors(int(row))
        for number, label in enumerate(view[1].labels):
            if label != IGNORED:
                found.append((float(frequency[label]) + 1e-3 * rng.random(), view, number))
    if not found:
        return None
    _, view, number = min(found, key=lambda one: one[0])
    return view, number
