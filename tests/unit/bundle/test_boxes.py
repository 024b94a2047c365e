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
    cut: list[str] | None = None,
    iou: float = 0.5,
) -> Merged:
    count = len(rows)
    return merge_views(
        np.array(rows, np.float64).reshape(-1, 4),
        np.array(scores, np.float64),
        np.array(labels or [0] * count, np.int64),
        np.array([[side in one for side in "ltrb"] for one in cut or [""] * count], np.bool_).reshape(-1, 4),
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
    # Of the smaller one, 30 wide, a third lies in the other: enough only where one goes on at the other's cut.
    assert len(merged(rows, [0.9, 0.8], cut=["r", "r"])[0]) == 2
    assert len(merged(rows, [0.9, 0.8], cut=["b", "t"])[0]) == 2
    assert len(merged(rows, [0.9, 0.8], cut=["l", "r"])[0]) == 2
    assert merged(rows, [0.9, 0.8], cut=["r", "l"])[0].tolist() == [[0, 0, 60, 10]]
    assert merged(rows, [0.8, 0.9], cut=["r", "l"])[0].tolist() == [[0, 0, 60, 10]]
    upright = [(top, left, bottom, right) for left, top, right, bottom in rows]
    assert merged(upright, [0.9, 0.8], cut=["b", "t"])[0].tolist() == [[0, 0, 10, 60]]
    closer = [(0, 0, 30, 10), (14, 0, 60, 10)]
    found, scores, _ = merged(closer, [0.8, 0.9], cut=["r", ""])
    assert found.tolist() == [[0, 0, 60, 10]]
    assert scores.tolist() == [0.9]


def test_a_chain_of_pieces_is_one_object() -> None:
    # The last piece touches the first one only after that has grown over the second.
    rows = [(0, 0, 30, 10), (15, 0, 45, 10), (30, 0, 60, 10)]
    found, scores, _ = merged(rows, [0.9, 0.5, 0.7], cut=["r", "lr", "l"])
    assert found.tolist() == [[0, 0, 60, 10]]
    assert scores.tolist() == [0.9]


def test_what_has_ended_does_not_go_on() -> None:
    # The second piece ends the object; another one begins beside it, and nothing has cut the first there.
    rows = [(0, 0, 100, 10), (80, 0, 140, 10), (130, 0, 300, 10)]
    found, _, _ = merged(rows, [0.9, 0.8, 0.7], cut=["r", "l", "r"])
    assert found.tolist() == [[0, 0, 140, 10], [130, 0, 300, 10]]


def test_pieces_side_by_side_are_two_and_a_slanting_line_is_one() -> None:
    apart = [(0, 0, 100, 20), (80, 19, 200, 40)]
    assert len(merged(apart, [0.9, 0.8], cut=["r", "l"])[0]) == 2
    slanting = [(0, 0, 100, 100), (80, 80, 200, 200)]
    assert merged(slanting, [0.9, 0.8], cut=["r", "l"])[0].tolist() == [[0, 0, 200, 200]]


def test_nothing_found_stays_nothing() -> None:
    found, scores, labels = merged([], [])
    assert found.shape == (0, 4)
    assert len(scores) == len(labels) == 0


@given(boxes(8), st.data())
def test_merging_keeps_the_best_and_invents_nothing(given_boxes: Boxes, data: st.DataObject) -> None:
    count = len(given_boxes)
    scores = np.array(data.draw(st.lists(st.floats(0, 1), min_size=count, max_size=count)), np.float64)
    labels = np.array(data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)), np.int64)
    cut = np.array(data.draw(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=count, max_size=count)),
                   np.bool_).reshape(-1, 4)  # fmt: skip
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
    left = [(given_boxes[row].tolist(), cut[row].tolist()) for row in np.argsort(-scores, kind="stable")]
    found = []
    while left:
        (box, own_cut), left = left[0], left[1:]
        grown = True
        while grown:
            before, gone, taken = box, [], []
            for at, (other, other_cut) in enumerate(left):
                common = intersections(np.array([box]), np.array([other]))[0, 0]
                sizes = areas(np.array([box, other]))
                within = (any(own_cut) or any(other_cut)) and common >= 0.5 * min(sizes)
                if common > 0 and (within or goes_on(box, own_cut, other, other_cut) or
                                   goes_on(other, other_cut, box, own_cut)):  # fmt: skip
                    taken.append(at)
                elif common > iou * (sum(sizes) - common):
                    gone.append(at)
            for at in taken:
                other, other_cut = left[at]
                edges = [min(box[0], other[0]), min(box[1], other[1]), max(box[2], other[2]), max(box[3], other[3])]
                own_cut = [
                    (own_cut[side] and edges[side] == box[side]) or (other_cut[side] and edges[side] == other[side])
                    for side in range(4)
                ]
                box = edges
            left = [one for at, one in enumerate(left) if at not in {*gone, *taken}]
            grown = box != before
        found.append(box)
    return found


def goes_on(first: list[float], first_cut: list[bool], second: list[float], second_cut: list[bool]) -> bool:
    """Whether the second box begins where a border has cut the first one at its right or lower side."""
    for low, across in ((0, 1), (1, 0)):
        facing = first_cut[low + 2] and second_cut[low]
        later = second[low] > first[low] and second[low + 2] > first[low + 2]
        common = min(first[across + 2], second[across + 2]) - max(first[across], second[across])
        narrower = min(first[across + 2] - first[across], second[across + 2] - second[across])
        if facing and later and common >= 0.1 * narrower:
            return True
    return False


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.floats(2, 60), st.booleans())
def test_merging_is_as_if_each_box_were_compared_with_each(seed: int, count: int, largest: float, some: bool) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 100, (count, 2)).round(1)
    crowd = np.concatenate([corner, corner + rng.uniform(0, largest, (count, 2)).round(1)], axis=1)
    scores, cut = rng.uniform(0, 1, count), rng.random((count, 4)) < (0.3 if some else 0.0)
    found, _, _ = merge_views(crowd, scores, np.zeros(count, np.int64), cut, iou=0.4)
    assert found.tolist() == every_pair(crowd, scores, cut, 0.4)
