"""One label map from several views."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vision_ft.bundle.label_views import COARSE, LabelViews, Patch, labels_to_original
from vision_ft.bundle.manifest import InputSpec, TileSpec
from vision_ft.bundle.place import Geometry, geometry_of, place_mask
from vision_ft.bundle.regions import connected_regions
from vision_ft.bundle.tiles import views_of

TILED = InputSpec(height=32, width=32, tile=TileSpec(size=32, overlap=0.25))
Map = NDArray[np.uint8]


def _truth(height: int, width: int) -> Map:
    truth = np.zeros((height, width), np.uint8)
    truth[10:14, 5:60] = 1  # across several tiles
    truth[40:70, 40:43] = 2
    truth[-1, -1] = 3
    return truth


def _gathered(truth: Map, spec: InputSpec) -> LabelViews:
    height, width = truth.shape
    views = LabelViews(width, height, spec)
    for view in views_of(width, height, spec):
        labels = place_mask(truth, view)
        views.add(labels, np.where(labels > 0, 200, 10).astype(np.uint8), view)
    return views


def _whole(views: LabelViews, shape: tuple[int, ...]) -> Map:
    drawn = np.zeros(shape, np.uint8)
    for patch in views.merged():
        height, width = patch.labels.shape
        drawn[patch.top : patch.top + height, patch.left : patch.left + width] = patch.labels
    return drawn


@pytest.mark.parametrize("size", [(80, 90), (33, 32), (32, 100), (75, 140)])
def test_tiles_give_back_the_map_that_they_were_cut_from(size: tuple[int, int]) -> None:
    truth = _truth(*size) if min(size) > 70 else np.eye(*size, dtype=np.uint8)
    np.testing.assert_array_equal(_whole(_gathered(truth, TILED), truth.shape), truth)


def test_a_region_smaller_than_a_tile_is_one() -> None:
    truth = np.zeros((20, 25), np.uint8)
    truth[3:6, 20:25] = 1
    views = _gathered(truth, TILED)
    np.testing.assert_array_equal(_whole(views, truth.shape), truth)


def test_each_pixel_is_answered_by_the_view_with_the_nearest_centre() -> None:
    width = 56  # two tiles of 32: 0 to 32 and 24 to 56, whose centres are 16 and 40
    views = LabelViews(width, 32, TILED)
    for number, view in enumerate(views_of(width, 32, TILED), start=1):
        views.add(np.full((32, 32), number, np.uint8), np.full((16, 16), 255, np.uint8), view)
    drawn = _whole(views, (32, width))
    assert (drawn[:, :28] == 1).all()
    assert (drawn[:, 28:] == 2).all()


def test_what_is_kept_does_not_grow_with_empty_views() -> None:
    size = 32 * 40
    spec = InputSpec(height=32, width=32, tile=TileSpec(size=32, overlap=0.0))
    views = LabelViews(size, size, spec)
    nothing = np.zeros((32, 32), np.uint8)
    every = views_of(size, size, spec)
    for view in every:
        views.add(nothing, nothing, view)
    assert len(every) == 1600
    assert views.merged() == []
    assert views.heat is not None
    assert max(views.heat.values.shape) <= COARSE


def test_what_lies_apart_is_kept_apart_and_what_hangs_together_is_one() -> None:
    size = 32 * 30
    spec = InputSpec(height=32, width=32, tile=TileSpec(size=32, overlap=0.0))
    truth = np.zeros((size, size), np.uint8)
    truth[3:6, 3:6] = 1
    truth[-6:-3, -6:-3] = 1
    truth[100:103, 20:900] = 2  # through 28 tiles
    truth[63, 511], truth[64, 512] = 3, 3  # touch by a corner, across two tiles
    views = _gathered(truth, spec)
    patches = views.merged()
    assert sorted(one.labels.shape for one in patches) == [(2, 2), (3, 3), (3, 3), (3, 880)]
    np.testing.assert_array_equal(_whole(views, truth.shape), truth)


@given(st.integers(0, 2**32 - 1))
def test_regions_do_not_depend_on_how_an_image_was_looked_at(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = np.zeros((90, 100), np.uint8)
    for _ in range(int(rng.integers(1, 7))):
        y, x = int(rng.integers(88)), int(rng.integers(98))
        high, wide = rng.integers(1, 40, size=2)
        truth[y : y + high, x : x + wide] = rng.integers(0, 3)
    want = connected_regions([Patch(0, 0, truth, np.full_like(truth, 200))], min_area=1, one_class=True)
    got = connected_regions(_gathered(truth, TILED).merged(), min_area=1, one_class=True)
    assert sorted((one.box, one.area, one.label) for one in got) == sorted(
        (one.box, one.area, one.label) for one in want
    )


def test_the_coarse_map_keeps_a_spot_where_it_is() -> None:
    size = 32 * 40
    spec = InputSpec(height=32, width=32, tile=TileSpec(size=32, overlap=0.0))
    truth = np.zeros((size, size), np.uint8)
    truth[700:712, 300:312] = 1
    heat = _gathered(truth, spec).heat
    assert heat is not None
    warm = heat.over_image()
    assert warm.shape == truth.shape
    assert warm[706, 306] > 0.7
    assert warm[100, 100] < 0.1


def test_a_whole_view_keeps_the_graphs_own_map() -> None:
    spec = InputSpec(height=64, width=64, placement="letterbox")
    truth = _truth(80, 120)
    heat = _gathered(truth, spec).heat
    assert heat is not None
    assert heat.values.shape == (64, 64)
    assert heat.over_image().shape == (80, 120)


def test_enlarging_gives_smooth_outlines_and_keeps_the_area() -> None:
    rows, columns = np.mgrid[:40, :40]
    disc = ((rows - 20) ** 2 + (columns - 20) ** 2 <= 100).astype(np.uint8)
    geometry = Geometry(160, 160, (0, 0, 160, 160), (0, 0, 40, 40), 40, 40)
    large = labels_to_original(disc, geometry)
    assert large.sum() == pytest.approx(16 * disc.sum(), rel=0.02)
    nearest = np.kron(disc, np.ones((4, 4), np.uint8))
    ideal = ((np.mgrid[:160, :160] + 0.5 - 82) ** 2).sum(axis=0) <= 40.5**2
    assert (large != ideal).sum() < (nearest != ideal).sum()


def test_letterbox_padding_is_left_behind() -> None:
    spec = InputSpec(height=32, width=32, placement="letterbox")
    geometry = geometry_of(64, 20, spec)
    everything = np.ones((32, 32), np.uint8)
    assert (labels_to_original(everything, geometry) == 1).all()
    padding = np.ones((32, 32), np.uint8)
    x, y, width, height = geometry.paste
    padding[y : y + height, x : x + width] = 0
    assert not labels_to_original(padding, geometry)[2:-2].any()
