"""One score map of an image from those of its views."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vision_ft.bundle.manifest import InputSpec, Region, TileSpec
from vision_ft.bundle.place import geometry_of
from vision_ft.bundle.score_views import MOST_CELLS, MOST_REGIONS, ScoreMap, ScoreViews
from vision_ft.bundle.tiles import views_of


def _field(x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(np.sin(x / 60.0)[None, :] + np.cos(y / 70.0)[:, None], dtype=np.float32)


def _gathered(width: int, height: int, spec: InputSpec, cells: int = 16) -> ScoreMap:
    views = ScoreViews(width, height, spec)
    for view in views_of(width, height, spec):
        centres = (np.arange(cells) + 0.5) * spec.width / cells
        at = view.points_to_original(np.stack([centres, centres], axis=1))
        views.add(_field(at[:, 0], at[:, 1]), view)
    assert views.merged is not None
    return views.merged


@pytest.mark.parametrize(
    "spec",
    [
        InputSpec(height=64, width=64, tile=TileSpec(size=128, overlap=0.25)),
        InputSpec(height=64, width=64, tile=TileSpec(size=128, overlap=0.25), region=Region(left=0.2, bottom=0.7)),
        InputSpec(height=256, width=256),
    ],
)
def test_a_smooth_field_is_the_same_through_any_views(spec: InputSpec) -> None:
    found = _gathered(700, 500, spec, cells=64 if spec.tile is None else 16).over_image()
    assert found.shape == (500, 700)
    truth = _field(np.arange(700) + 0.5, np.arange(500) + 0.5)
    left, bottom = round(spec.region.left * 700), round(spec.region.bottom * 500)
    looked_at = (slice(0, bottom), slice(left, None))
    error = np.abs(found - truth)[looked_at]
    # Beyond the centres of the outermost cells a map says nothing new.
    assert np.quantile(error, 0.9) < 0.02
    assert error.max() < 0.2
    assert (found[bottom:] == 0).all()
    assert (found[:, :left] == 0).all()


def test_where_views_overlap_the_higher_score_counts() -> None:
    spec = InputSpec(height=64, width=64, tile=TileSpec(size=64, overlap=0.5))
    views = ScoreViews(96, 64, spec)
    for number, view in enumerate(views_of(96, 64, spec)):
        views.add(np.full((8, 8), float(number), np.float32), view)
    assert views.merged is not None
    assert views.merged.over_image()[:, 40:].min() == 1.0


def test_what_is_kept_does_not_grow_with_the_number_of_views() -> None:
    spec = InputSpec(height=64, width=64, tile=TileSpec(size=32, overlap=0.0))
    views = ScoreViews(9000, 400, spec)
    for view in views_of(9000, 400, spec)[:30]:
        views.add(np.ones((16, 16), np.float32), view)
    assert views.merged is not None
    assert max(views.merged.values.shape) <= MOST_CELLS


def test_a_small_picture_of_the_map_has_its_shape() -> None:
    made = _gathered(700, 500, InputSpec(height=64, width=64))
    small = made.over_image(100)
    assert small.shape == (71, 100)
    whole = made.over_image()
    assert np.abs(small - whole[3::7, 3::7][:71, :100]).max() < 0.3
    assert made.over_image(5000).shape == (500, 700)


def test_regions_come_highest_first_and_not_without_end() -> None:
    spec = InputSpec(height=640, width=640)
    values = np.zeros((64, 64), np.float32)
    values[1::4, 1::4] = 1.0 + np.arange(256, dtype=np.float32).reshape(16, 16) / 256
    found = ScoreMap(values, geometry_of(640, 640, spec)).regions(0.9)
    assert len(found) == MOST_REGIONS
    assert found[0].peak == pytest.approx(values.max(), rel=0.02)
    assert [one.peak for one in found] == sorted((one.peak for one in found), reverse=True)
    assert ScoreMap(values, geometry_of(640, 640, spec)).regions(5.0) == ()


def test_a_cell_just_above_the_level_is_a_region() -> None:
    values = np.zeros((8, 8), np.float32)
    values[3, 4] = 1.0001
    found = ScoreMap(values, geometry_of(64, 64, InputSpec(height=64, width=64))).regions(1.0)
    assert len(found) == 1
    assert found[0].peak == pytest.approx(1.0001)


def test_regions_of_a_large_image_are_in_its_own_pixels() -> None:
    values = np.zeros((32, 64), np.float32)
    values[8:16, 16:24] = 2.0
    found = ScoreMap(values, geometry_of(4096, 2048, InputSpec(height=64, width=64))).regions(1.0)
    assert len(found) == 1
    np.testing.assert_allclose(found[0].box, (16 * 64, 8 * 64, 24 * 64, 16 * 64), atol=36)
    assert found[0].area == pytest.approx((8 * 64) ** 2, rel=0.1)
