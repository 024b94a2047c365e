"""Connected regions and their sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from vision_ft.bundle.label_views import Patch
from vision_ft.bundle.regions import Region, connected_regions


def _found(labels: NDArray[np.uint8], *, min_area: int = 1, one_class: bool = True, score: int = 255) -> list[Region]:
    patch = Patch(100, 200, labels, np.full_like(labels, score))
    return list(connected_regions([patch], min_area=min_area, one_class=one_class))


def test_corners_hold_together_and_places_are_the_images() -> None:
    labels = np.zeros((6, 8), np.uint8)
    labels[1, 1] = labels[2, 2] = labels[3, 3] = 1
    labels[5, 7] = 2
    first, second = sorted(_found(labels, score=51), key=lambda one: one.label)
    assert (first.box, first.area, first.label) == ((101, 201, 104, 204), 3, 1)
    assert (second.box, second.area, second.label) == ((107, 205, 108, 206), 1, 2)
    assert first.score == pytest.approx(0.2)


def test_small_ones_are_none() -> None:
    labels = np.zeros((20, 20), np.uint8)
    labels[:3, :3], labels[10:14, 10:14] = 1, 1
    assert [one.area for one in _found(labels, min_area=9)] in ([9, 16], [16, 9])
    assert [one.area for one in _found(labels, min_area=10)] == [16]


def test_what_hangs_together_is_of_one_class_or_of_several() -> None:
    labels = np.zeros((10, 10), np.uint8)
    labels[2:8, 2:8] = 3
    labels[2:4, 2:8] = 1
    (one,) = _found(labels)
    assert (one.label, one.area) == (3, 36)
    assert sorted((r.label, r.area) for r in _found(labels, one_class=False)) == [(1, 12), (3, 24)]


@pytest.mark.parametrize(("angle", "length", "width"), [(0, 60, 5), (30, 60, 5), (45, 80, 9), (90, 50, 3)])
def test_the_length_is_that_of_a_bar_however_it_lies(angle: float, length: float, width: float) -> None:
    rows, columns = np.mgrid[:120, :120].astype(float) + 0.5 - 60
    turn = math.radians(angle)
    along, across = columns * math.cos(turn) + rows * math.sin(turn), rows * math.cos(turn) - columns * math.sin(turn)
    bar = (np.abs(along) <= length / 2) & (np.abs(across) <= width / 2)
    (region,) = _found(bar.astype(np.uint8))
    assert region.length() == pytest.approx(length, abs=2.5)


def test_a_single_pixel_and_a_line_have_their_sides_as_length() -> None:
    labels = np.zeros((5, 30), np.uint8)
    labels[0, 0] = 1
    labels[4, 3:23] = 2
    assert sorted(one.length() for one in _found(labels)) == pytest.approx([1.0, 20.0], abs=1e-3)
