"""Boxes: overlaps, and one box where several say the same. Left, top, right, bottom in pixels, float64 [N, 4]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]
_ALONGSIDE = 0.1
"""Share of the narrower piece's width across a border that two pieces of an object have in common at least: a straight
line that runs through whole tiles shares as much as their overlap, a fifth as a rule."""


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

    A box gives way to a better one of its class that it overlaps by `iou`. `cut` [N, 4] says at
    which sides (left, top, right, bottom) a view's border has cut it. Of two boxes of which one
    is cut it is enough that `share` of the smaller one lies in the other, or that they are the
    two sides of a border: one is cut where the other, which is cut where it begins, goes on.
    The better one then grows to hold both: an object across a border is one, however long.
    """
    order = np.argsort(-scores, kind="stable")
    boxes, scores, labels, cut = boxes[order].copy(), scores[order], labels[order], cut[order]
    alive = np.ones(len(boxes), dtype=np.bool_)
    grids = {int(label): _Grid(boxes, np.flatnonzero(labels == label)) for label in np.unique(labels)}
    for row in range(len(boxes)):
        if not alive[row]:
            continue
        grid = grids[int(labels[row])]
        again = True
        while again:
            again = False
            near = grid.near(boxes[row])
            # Only worse ones, and these have not grown yet: the grid still knows where they lie.
            rivals = near[alive[near] & (near > row)]
            common = intersections(boxes[row : row + 1], boxes[rivals])[0]
            own, others = areas(boxes[row : row + 1])[0], areas(boxes[rivals])
            same = common > iou * (own + others - common)
            within = (cut[rivals].any(axis=1) | cut[row].any()) & (common >= share * np.minimum(own, others))
            pieces = (common > 0) & (within | _continued(boxes[row], cut[row], boxes[rivals], cut[rivals]))
            alive[rivals[same | pieces]] = False
            for other in rivals[pieces]:
                grown = np.concatenate(
                    [np.minimum(boxes[row, :2], boxes[other, :2]), np.maximum(boxes[row, 2:], boxes[other, 2:])]
                )
                again = again or bool((grown != boxes[row]).any())
                # A side is cut if the piece that reaches it is.
                cut[row] = (cut[row] & (grown == boxes[row])) | (cut[other] & (grown == boxes[other]))
                boxes[row] = grown
    return boxes[alive], scores[alive], labels[alive]


def _continued(
    box: NDArray[np.float64], cut: NDArray[np.bool_], others: Boxes, others_cut: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which of the other boxes [M, 4] go on where a border has cut this one, or the other way round [M]."""
    found = np.zeros(len(others), np.bool_)
    for low, across in ((0, 1), (1, 0)):
        high = low + 2
        after = cut[high] & others_cut[:, low] & (box[low] < others[:, low]) & (box[high] < others[:, high])
        before = cut[low] & others_cut[:, high] & (others[:, low] < box[low]) & (others[:, high] < box[high])
        common = np.minimum(box[across + 2], others[:, across + 2]) - np.maximum(box[across], others[:, across])
        narrower = np.minimum(box[across + 2] - box[across], others[:, across + 2] - others[:, across])
        found |= (after | before) & (common >= _ALONGSIDE * narrower)
    return found


class _Grid:
    """Boxes by the square of a grid that their centre lies in; a square is as wide as the largest box.

    Thousands of tiles give tens of thousands of boxes, and comparing each with each would take minutes.
    """

    def __init__(self, boxes: Boxes, rows: NDArray[np.int64]) -> None:
        """Of all `boxes`, those with the numbers `rows` [n], ascending."""
        own = boxes[rows]
        self._reach = max(1.0, float((own[:, 2:] - own[:, :2]).max(initial=0.0)))
        squares = np.floor((own[:, :2] + own[:, 2:]) / (2 * self._reach)).astype(np.int64)
        by_square = np.lexsort((rows, squares[:, 1], squares[:, 0]))
        sorted_squares = squares[by_square]
        new = np.flatnonzero((np.diff(sorted_squares, axis=0) != 0).any(axis=1)) + 1
        self._held = {
            (int(squares[some[0], 0]), int(squares[some[0], 1])): rows[some]
            for some in np.split(by_square, new)
            if len(some)
        }

    def near(self, box: NDArray[np.float64]) -> NDArray[np.int64]:
        """Numbers of all boxes that may overlap this one, and some others, ascending."""
        low = np.floor((box[:2] - self._reach / 2) / self._reach).astype(np.int64)
        high = np.floor((box[2:] + self._reach / 2) / self._reach).astype(np.int64)
        if (high - low + 1).prod() > len(self._held):
            found = list(self._held.values())
        else:
            found = [
                self._held[x, y]
                for x in range(low[0], high[0] + 1)
                for y in range(low[1], high[1] + 1)
                if (x, y) in self._held
            ]
        return np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)
