"""Labels that an image of that size can have, and those that it cannot."""

from __future__ import annotations

import math

import pytest

from vision_ft.data.boxes import box_inside, box_of, outline_inside


def test_what_hangs_over_by_a_pixel_is_clipped() -> None:
    assert box_inside((-1, -0.5, 21, 10.2), 20, 10) == (0, 0, 20, 10)
    assert box_inside((3, 4, 5, 6), 20, 10) == (3, 4, 5, 6)
    assert outline_inside((-1, 0, 21, 0, 5, 11), 20, 10) == (0, 0, 20, 0, 5, 10)


@pytest.mark.parametrize(
    ("box", "complaint"),
    [
        ((-1.1, 0, 5, 5), r"\(-1.1, 0\) to \(5, 5\) reaches outside the image of 20 x 10 pixels"),
        ((0, 0, 21.5, 5), "reaches outside"),
        ((0, 0, 5, 12), "reaches outside"),
        ((5, 5, 5, 6), "has no area"),
        ((5, 5, 4, 6), "has no area"),
        ((20, 0, 21, 5), "lies outside"),
        ((math.nan, 0, 5, 5), "not of finite numbers"),
        ((0, 0, math.inf, 5), "not of finite numbers"),
    ],
)
def test_a_box_that_cannot_be_is_told(box: tuple[float, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        box_inside(box, 20, 10)


@pytest.mark.parametrize(
    ("points", "complaint"),
    [
        ((0, 0, 5, 5), "has 2 points, and an outline at least 3"),
        ((0, 0, 5, 5, 1), "of 5 numbers"),
        ((0, 0, 5, 5, 7, 7), "has no area"),
        ((3, 3, 3, 3, 3, 3), "has no area"),
        ((20, 0, 21, 5, 20.5, 9), "has no area"),
        ((0, 0, 5, 5, 0, 14), "reaches outside"),
        ((0, 0, 5, 5, 0, math.nan), "not of finite numbers"),
    ],
)
def test_an_outline_that_cannot_be_is_told(points: tuple[float, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        outline_inside(points, 20, 10)


def test_a_bow_tie_and_the_box_about_all_outlines() -> None:
    tie = outline_inside((0, 0, 8, 8, 8, 0, 0, 8), 20, 10)
    assert box_of([tie, (10, 1, 12, 1, 11, 9)]) == (0, 0, 12, 9)
