"""Boxes: their overlaps, and one box of several views of an object."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vision_ft.bundle.boxes import Boxes, areas, intersections, merge_views, overlaps

Merged = tuple[Boxes, NDArray[np.float64], NDArray[np.int64]]
SIDE = st.floats(0, 100)


@st.composite
def boxes(draw: st.DrawFn, most: int = 6) -> Boxes:
    rows = draw(st.lists(st.tuples(SIDE, SIDE, SIDE, SIDE), max_size=most))
    found = np.array(rows, np.float64).reshape(-1, 4)
    return np.concatenate([np.minimum(found[:, :2], found[:, 2:]), np.maximum(found[:, :2], found[:, 2:])], axis=1)


def merged(
    rows: Sequence[tuple[float, ...]],
    scores: list[float],
    *,
    labels: list[int] | None = None,
    cut: list[bool] | None = None,
    iou: float = 0.5,
) -> Merged:
    count = len(rows)
    return merge_views(
        np.array(rows, np.float64).reshape(-1, 4),
        np.array(scores, np.float64),
        np.array(labels or [0] * count, np.int64),
        np.array(cut or [False] * count, np.bool_),
        iou=iou,
    )


def test_overlaps_by_hand() -> None:
    left = np.array([[0, 0, 10, 10], [20, 20, 30, 40]], np.float64)
    right = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], [50, 50, 60, 60]], np.float64)
    np.testing.assert_allclose(overlaps(left, right), np.array([[1, 1 / 3, 0, 0], [0, 0, 0, 0]]))
    assert intersections(left, right)[0].tolist() == [100, 50, 0, 0]
    assert areas(left).tolist() == [100, 200]


@given(boxes(), boxes())
def test_overlaps_are_shares_and_the_same_from_both_sides(left: Boxes, right: Boxes) -> None:
    found = overlaps(left, right)
    assert found.shape == (len(left), len(right))
    assert ((found >= 0) & (found <= 1 + 1e-9)).all()
    np.testing.assert_allclose(found, overlaps(right, left).T)
    large = areas(left) > 1e-6
    np.testing.assert_allclose(np.diag(overlaps(left, left))[large], 1.0)


def test_a_box_of_no_area_overlaps_nothing() -> None:
    flat = np.array([[5, 5, 5, 9]], np.float64)
    assert overlaps(flat, np.array([[0, 0, 10, 10]], np.float64)).tolist() == [[0]]
    assert np.isfinite(overlaps(flat, flat)).all()
    assert areas(np.array([[9, 9, 5, 5]], np.float64)).tolist() == [0]


def test_of_two_views_of_an_object_the_better_one_stays_as_it_is() -> None:
    found, scores, labels = merged([(0, 0, 10, 10), (1, 0, 11, 10)], [0.6, 0.9])
    assert found.tolist() == [[1, 0, 11, 10]]
    assert scores.tolist() == [0.9]
    assert labels.tolist() == [0]


@pytest.mark.parametrize(
    ("rows", "labels", "iou"),
    [
        ([(0, 0, 10, 10), (1, 0, 11, 10)], [0, 1], 0.5),  # of two classes
        ([(0, 0, 10, 10), (6, 0, 16, 10)], [0, 0], 0.5),  # beside each other
        ([(0, 0, 10, 10), (1, 0, 11, 10)], [0, 0], 0.9),  # told apart more strictly
        ([(0, 0, 100, 100), (10, 10, 20, 20)], [0, 0], 0.5),  # a small one on a large one, both whole
    ],
)
def test_different_objects_both_stay(rows: list[tuple[float, ...]], labels: list[int], iou: float) -> None:
    found, _, kept = merged(rows, [0.9, 0.8], labels=labels, iou=iou)
    assert found.tolist() == [list(row) for row in rows]
    assert kept.tolist() == labels


def test_an_object_across_a_border_becomes_one_box_that_holds_both_pieces() -> None:
    rows = [(0, 0, 30, 10), (20, 0, 60, 10)]
    assert merged(rows, [0.9, 0.8])[0].tolist() == [list(row) for row in rows]
    # Of the smaller one, 30 wide, a third lies in the other: too little.
    assert len(merged(rows, [0.9, 0.8], cut=[True, True])[0]) == 2
    closer = [(0, 0, 30, 10), (14, 0, 60, 10)]
    found, scores, _ = merged(closer, [0.8, 0.9], cut=[True, False])
    assert found.tolist() == [[0, 0, 60, 10]]
    assert scores.tolist() == [0.9]


def test_a_chain_of_pieces_is_one_object() -> None:
    # The last piece touches the first one only after that has grown over the second.
    rows = [(0, 0, 30, 10), (15, 0, 45, 10), (30, 0, 60, 10)]
    found, scores, _ = merged(rows, [0.9, 0.5, 0.7], cut=[True] * 3)
    assert found.tolist() == [[0, 0, 60, 10]]
    assert scores.tolist() == [0.9]


def test_nothing_found_stays_nothing() -> None:
    found, scores, labels = merged([], [])
    assert found.shape == (0, 4)
    assert len(scores) == len(labels) == 0


@given(boxes(8), st.data())
def test_merging_keeps_the_best_and_invents_nothing(given_boxes: Boxes, data: st.DataObject) -> None:
    count = len(given_boxes)
    scores = np.array(data.draw(st.lists(st.floats(0, 1), min_size=count, max_size=count)), np.float64)
    labels = np.array(data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)), np.int64)
    cut = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)), np.bool_)
    before = given_boxes.copy()
    found, kept, of = merge_views(given_boxes, scores, labels, cut, iou=0.5)
    np.testing.assert_array_equal(given_boxes, before)
    assert len(found) == len(kept) == len(of) <= count
    assert (np.diff(kept) <= 0).all()
    assert set(kept.tolist()) <= set(scores.tolist())
    assert set(of.tolist()) == set(labels.tolist())
    for label in set(of.tolist()):
        assert kept[of == label].max() == scores[labels == label].max()
    if not cut.any():
        # Without a cut nothing grows, and what stays is told apart.
        rows = {tuple(row) for row in given_boxes.tolist()}
        assert all(tuple(row) in rows for row in found.tolist())
        alike = (of[:, None] == of[None, :]) & ~np.eye(len(of), dtype=bool)
        assert not (overlaps(found, found)[alike] > 0.5 + 1e-9).any()


def every_pair(
    given_boxes: Boxes, scores: NDArray[np.float64], cut: NDArray[np.bool_], iou: float
) -> list[list[float]]:
    """What merging boxes of one class is to give, each compared with each."""
    left = [(given_boxes[row].tolist(), bool(cut[row])) for row in np.argsort(-scores, kind="stable")]
    found = []
    while left:
        (box, was_cut), left = left[0], left[1:]
        grown = True
        while grown:
            own = np.array([box])
            others = np.array([one for one, _ in left]).reshape(-1, 4)
            common = intersections(own, others)[0]
            smaller = np.minimum(areas(own), areas(others))
            same = common > iou * (areas(own) + areas(others) - common)
            pieces = (common > 0) & (common >= 0.5 * smaller) & np.array([one or was_cut for _, one in left], bool)
            both = np.concatenate([own, others[pieces]])
            before, box = box, [*both[:, :2].min(axis=0).tolist(), *both[:, 2:].max(axis=0).tolist()]
            left = [one for one, gone in zip(left, same | pieces, strict=True) if not gone]
            grown = box != before
        found.append(box)
    return found


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.floats(2, 60), st.booleans())
def test_merging_is_as_if_each_box_were_compared_with_each(seed: int, count: int, largest: float, some: bool) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 100, (count, 2)).round(1)
    crowd = np.concatenate([corner, corner + rng.uniform(0, largest, (count, 2)).round(1)], axis=1)
    scores, cut = rng.uniform(0, 1, count), rng.random(count) < (0.3 if some else 0.0)
    found, _, _ = merge_views(crowd, scores, np.zeros(count, np.int64), cut, iou=0.4)
    assert found.tolist() == every_pair(crowd, scores, cut, 0.4)
