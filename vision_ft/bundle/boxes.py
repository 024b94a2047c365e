"""Boxes: overlaps, and one box where several say the same. Left, top, right, bottom in pixels, float64 [N, 4]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]


def areas(boxes: Boxes) -> NDArray[np.float64]:
    """Area of each box [N]."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0)
    return np.asarray(sides[:, 0] * sides[:, 1], dtype=np.float64)


def intersections(left: Boxes, right: Boxes) -> NDArray[np.float64]:
    """Common area of each pair [N, M]."""
    low = np.maximum(left[:, None, :2], right[None, :, :2])
    high = np.minimum(left[:, None, 2:], right[None, :, 2:])
    sides = np.maximum(high - low, 0.0)
    return np.asarray(sides[..., 0] * sides[..., 1], dtype=np.float64)


def shares_within(left: Boxes, right: Boxes) -> NDArray[np.float64]:
    """Share of each left box that lies in each right one [N, M], in [0, 1]."""
    return np.asarray(intersections(left, right) / np.maximum(areas(left), 1e-12)[:, None], dtype=np.float64)


def overlaps(left: Boxes, right: Boxes) -> NDArray[np.float64]:
    """Intersection over union of each pair [N, M], in [0, 1]."""
    common = intersections(left, right)
    union = areas(left)[:, None] + areas(right)[None, :] - common
    return np.asarray(common / np.maximum(union, 1e-12), dtype=np.float64)


def merge_views(
    boxes: Boxes,
    scores: NDArray[np.float64],
    labels: NDArray[np.int64],
    cut: NDArray[np.bool_],
    *,
    iou: float,
    share: float = 0.5,
) -> tuple[Boxes, NDArray[np.float64], NDArray[np.int64]]:
    """One box for each object that several overlapping views have found, best score first.

    A box gives way to a better one of its class that it overlaps by `iou`. Where a view's
    border has cut one of the two (`cut` [N]) it is enough that `share` of the smaller one lies
    in the other, and the better one grows to hold both: an object across a border is one.
    """
    order = np.argsort(-scores, kind="stable")
    boxes, scores, labels, cut = boxes[order].copy(), scores[order], labels[order], cut[order]
    alive = np.ones(len(boxes), dtype=np.bool_)
    for row in range(len(boxes)):
        if not alive[row]:
            continue
        again = True
        while again:
            again = False
            rivals = np.flatnonzero(alive & (labels == labels[row]) & (np.arange(len(boxes)) > row))
            common = intersections(boxes[row : row + 1], boxes[rivals])[0]
            own, others = areas(boxes[row : row + 1])[0], areas(boxes[rivals])
            same = common > iou * (own + others - common)
            pieces = (cut[rivals] | cut[row]) & (common >= share * np.minimum(own, others)) & (common > 0)
            alive[rivals[same | pieces]] = False
            for other in rivals[pieces]:
                grown = np.concatenate(
                    [np.minimum(boxes[row, :2], boxes[other, :2]), np.maximum(boxes[row, 2:], boxes[other, 2:])]
                )
                again = again or bool((grown != boxes[row]).any())
                boxes[row] = grown
    return boxes[alive], scores[alive], labels[alive]
