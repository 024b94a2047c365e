"""Views of an image: tiles cover what is looked at, overlap as asked, and are of one size."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision_ft.bundle.manifest import InputSpec, Region, TileSpec
from vision_ft.bundle.place import Geometry, geometry_of, place_view
from vision_ft.bundle.tiles import region_of, views_of


def tiled(size: int, overlap: float = 0.2, *, side: int = 32, region: Region | None = None) -> InputSpec:
    spec = InputSpec(height=side, width=side, tile=TileSpec(size=size, overlap=overlap))
    return spec if region is None else spec.model_copy(update={"region": region})


def seen(views: tuple[Geometry, ...], width: int, height: int) -> np.ndarray:
    """How many views show each pixel."""
    count = np.zeros((height, width), np.int64)
    for view in views:
        left, top, across, down = view.crop
        count[top : top + down, left : left + across] += 1
    return count


def test_without_tiles_the_image_is_one_view() -> None:
    for placement in ("stretch", "letterbox", "crop"):
        spec = InputSpec.model_validate({"height": 32, "width": 48, "placement": placement})
        assert views_of(300, 200, spec) == (geometry_of(300, 200, spec),)


def test_tiles_go_row_by_row_and_end_at_the_border() -> None:
    crops = [view.crop for view in views_of(80, 50, tiled(32, 0.25))]
    assert crops == [
        (0, 0, 32, 32), (24, 0, 32, 32), (48, 0, 32, 32),
        (0, 18, 32, 32), (24, 18, 32, 32), (48, 18, 32, 32),
    ]  # fmt: skip


@given(
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    size=st.integers(32, 200),
    overlap=st.floats(0.0, 0.85),
    side=st.integers(8, 64),
)
def test_every_pixel_is_seen_and_neighbours_overlap(
    width: int, height: int, size: int, overlap: float, side: int
) -> None:
    views = views_of(width, height, tiled(size, overlap, side=side))
    assert seen(views, width, height).min() >= 1
    assert len(set(views)) == len(views)
    assert {view.crop[2:] for view in views} == {(min(size, width), min(size, height))}
    for axis, length in ((0, width), (1, height)):
        starts = sorted({view.crop[axis] for view in views})
        assert starts[0] == 0
        assert starts[-1] == max(0, length - size)
        assert all(0 < second - first <= size * (1 - overlap) + 1e-9 for first, second in pairwise(starts))
        # No more tiles than it takes.
        least = 1 if length <= size else -(-(length - size) // max(1, int(size * (1 - overlap)))) + 1
        assert len(starts) == least
    for view in views:
        left, top, across, down = view.paste
        assert (left, top) == (0, 0)
        assert 1 <= across <= side
        assert 1 <= down <= side


@given(st.integers(1, 300), st.integers(1, 300), st.floats(0.0, 0.45), st.floats(0.55, 1.0))
def test_only_the_region_is_looked_at(width: int, height: int, start: float, end: float) -> None:
    region = Region(left=start, top=start, right=end, bottom=end)
    spec = tiled(40, 0.3, region=region)
    left, top, across, down = region_of(width, height, spec)
    count = seen(views_of(width, height, spec), width, height)
    inside = np.zeros_like(count, dtype=bool)
    inside[top : top + down, left : left + across] = True
    assert (count[inside] >= 1).all()
    assert not count[~inside].any()
    whole = InputSpec(height=32, width=32, region=region)
    assert (left, top, across, down) == geometry_of(width, height, whole).crop


def test_a_tile_larger_than_the_image_is_padded_and_keeps_the_scale() -> None:
    (view,) = views_of(50, 30, tiled(100, side=32))
    assert view.crop == (0, 0, 50, 30)
    assert view.paste == (0, 0, 16, 10)
    placed = place_view(np.full((30, 50, 3), 200, np.uint8), view, pad=7)
    assert placed.shape == (32, 32, 3)
    assert (placed[:10, :16] == 200).all()
    assert (placed[10:] == 7).all()
    assert (placed[:, 16:] == 7).all()


def test_tiles_of_the_input_s_size_are_not_resampled() -> None:
    image = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    for view in views_of(90, 70, tiled(32, side=32)):
        left, top, across, down = view.crop
        np.testing.assert_array_equal(place_view(image, view, pad=0), image[top : top + down, left : left + across])


@pytest.mark.parametrize("box", [(40.0, 20.0, 55.0, 44.0), (70.0, 60.0, 89.0, 69.0)])
def test_boxes_find_their_way_back_from_each_tile_that_holds_them(box: tuple[float, ...]) -> None:
    held = 0
    for view in views_of(90, 70, tiled(32, 0.5, side=16)):
        left, top, across, down = view.crop
        if left <= box[0] and top <= box[1] and box[2] <= left + across and box[3] <= top + down:
            there = view.boxes_to_input(np.array([box]))
            assert there.min() >= 0
            assert there.max() <= 16
            np.testing.assert_allclose(view.boxes_to_original(there), [box], atol=1e-9)
            held += 1
    assert held
