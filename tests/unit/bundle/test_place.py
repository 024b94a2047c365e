"""To the input size and back to the original's pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision_ft.bundle.manifest import InputSpec, Region
from vision_ft.bundle.place import Geometry, geometry_of, place, place_mask
from vision_ft.errors import DataError, ImageError

PLACEMENTS: list[Literal["stretch", "letterbox", "crop"]] = ["stretch", "letterbox", "crop"]


@st.composite
def regions(draw: st.DrawFn) -> Region:
    left, top = draw(st.floats(0.0, 0.9)), draw(st.floats(0.0, 0.9))
    return Region(left=left, top=top, right=draw(st.floats(left + 0.01, 1.0)), bottom=draw(st.floats(top + 0.01, 1.0)))


specs = st.builds(
    InputSpec,
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    placement=st.sampled_from(PLACEMENTS),
    region=regions(),
)
sizes = st.tuples(st.integers(1, 400), st.integers(1, 400))


@given(sizes, specs)
def test_every_size_can_be_placed(size: tuple[int, int], spec: InputSpec) -> None:
    width, height = size
    pixels, geometry = place(np.full((height, width, 3), 200, np.uint8), spec)
    assert pixels.shape == (spec.height, spec.width, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert geometry == geometry_of(width, height, spec)
    x, y, across, down = geometry.paste
    assert (pixels[y : y + down, x : x + across] == 200).all()
    padded = np.ones(pixels.shape[:2], bool)
    padded[y : y + down, x : x + across] = False
    assert (pixels[padded] == spec.pad).all()
    left, top, crop_width, crop_height = geometry.crop
    assert left >= 0
    assert top >= 0
    assert crop_width >= 1
    assert crop_height >= 1
    assert left + crop_width <= width
    assert top + crop_height <= height


@given(sizes, specs, st.lists(st.tuples(st.floats(-500, 900), st.floats(-500, 900)), min_size=1, max_size=5))
def test_points_go_there_and_back(size: tuple[int, int], spec: InputSpec, points: list[tuple[float, float]]) -> None:
    geometry = geometry_of(*size, spec)
    original = np.array(points)
    back = geometry.points_to_original(geometry.points_to_input(original))
    np.testing.assert_allclose(back, original, atol=1e-6)


@given(sizes, specs)
def test_corners_of_the_crop_are_corners_of_the_paste(size: tuple[int, int], spec: InputSpec) -> None:
    geometry = geometry_of(*size, spec)
    box = _edges(geometry.crop)
    np.testing.assert_allclose(geometry.boxes_to_input(box), _edges(geometry.paste), atol=1e-9)
    np.testing.assert_allclose(geometry.boxes_to_original(_edges(geometry.paste)), box, atol=1e-9)


@given(sizes, specs, st.integers(1, 20), st.integers(1, 20))
def test_a_map_of_ones_covers_exactly_what_is_looked_at(
    size: tuple[int, int], spec: InputSpec, rows: int, columns: int
) -> None:
    geometry = geometry_of(*size, spec)
    left, top, width, height = geometry.crop
    expected = np.zeros((size[1], size[0]), np.float32)
    expected[top : top + height, left : left + width] = 1
    found = geometry.map_to_original(np.ones((rows, columns), np.float32))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


@given(sizes, specs)
def test_a_mask_lies_where_its_pixels_lie(size: tuple[int, int], spec: InputSpec) -> None:
    mask = np.full((size[1], size[0]), 3, np.uint8)
    geometry = geometry_of(*size, spec)
    placed = place_mask(mask, geometry, fill=9)
    x, y, across, down = geometry.paste
    assert placed.shape == (spec.height, spec.width)
    assert (placed[y : y + down, x : x + across] == 3).all()
    assert (placed == 9).sum() == placed.size - across * down


def _edges(rectangle: tuple[int, int, int, int]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    left, top, width, height = rectangle
    return np.array([[left, top, left + width, top + height]], float)


@pytest.mark.parametrize(
    ("placement", "crop", "paste"),
    [
        ("stretch", (0, 0, 200, 100), (0, 0, 50, 50)),
        ("letterbox", (0, 0, 200, 100), (0, 12, 50, 25)),
        ("crop", (50, 0, 100, 100), (0, 0, 50, 50)),
    ],
)
def test_placements(
    placement: Literal["stretch", "letterbox", "crop"], crop: tuple[int, ...], paste: tuple[int, ...]
) -> None:
    geometry = geometry_of(200, 100, InputSpec(height=50, width=50, placement=placement))
    assert geometry.crop == crop
    assert geometry.paste == paste


def test_region_of_interest_is_cut_first() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    image[20:60, 100:150] = (10, 20, 30)
    region = Region(left=0.5, top=0.2, right=0.75, bottom=0.6)
    pixels, geometry = place(image, InputSpec(height=40, width=50, region=region))
    assert geometry.crop == (100, 20, 50, 40)
    np.testing.assert_array_equal(pixels, image[20:60, 100:150])


def test_an_image_of_the_input_size_is_not_touched() -> None:
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    for placement in PLACEMENTS:
        pixels, geometry = place(image, InputSpec(height=48, width=64, placement=placement))
        np.testing.assert_array_equal(pixels, image)
        assert geometry.scale == (1.0, 1.0)


def test_shrinking_averages() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 254
    pixels, _ = place(stripes, InputSpec(height=16, width=16))
    np.testing.assert_array_equal(pixels, 127)


def test_shrinking_one_axis_and_enlarging_the_other_averages_too() -> None:
    stripes = np.zeros((8, 64, 3), np.uint8)
    stripes[:, ::2] = 254
    pixels, _ = place(stripes, InputSpec(height=32, width=16))
    np.testing.assert_array_equal(pixels, 127)


def test_a_bright_spot_on_the_map_comes_back_to_its_pixel() -> None:
    for placement in PLACEMENTS:
        spec = InputSpec(height=64, width=64, placement=placement, region=Region(left=0.1, bottom=0.9))
        geometry = geometry_of(300, 200, spec)
        values = np.zeros((16, 16), np.float32)
        values[6, 10] = 1
        y, x = np.unravel_index(geometry.map_to_original(values).argmax(), (200, 300))
        expected = geometry.points_to_original(np.array([[(10 + 0.5) * 4, (6 + 0.5) * 4]]))[0]
        np.testing.assert_allclose([x + 0.5, y + 0.5], expected, atol=0.51 * max(1 / s for s in geometry.scale))


def test_boxes_end_at_the_image() -> None:
    geometry = geometry_of(200, 100, InputSpec(height=50, width=50, placement="letterbox"))
    np.testing.assert_array_equal(geometry.boxes_to_original(np.array([[0, 0, 50, 50]])), [[0, 0, 200, 100]])


def test_geometry_is_a_value() -> None:
    geometry = geometry_of(3, 2, InputSpec(height=4, width=4))
    assert geometry == Geometry(3, 2, (0, 0, 3, 2), (0, 0, 4, 4), 4, 4)
    with pytest.raises(AttributeError):
        geometry.width = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("shape", "dtype"), [((9, 9), "u1"), ((9, 9, 4), "u1"), ((9, 9, 3), "f4"), ((0, 9, 3), "u1"), ((1, 9, 9, 3), "u1")]
)
def test_only_rgb_bytes_are_placed(shape: tuple[int, ...], dtype: str) -> None:
    with pytest.raises(ImageError, match=r"expected uint8 RGB \[height, width, 3\]"):
        place(np.zeros(shape, dtype), InputSpec(height=4, width=4))


@pytest.mark.parametrize("image", ["part.png", Path("part.png"), [[0, 1]], None])
def test_what_is_no_array_is_named(image: object) -> None:
    with pytest.raises(ImageError, match="read_bytes"):
        place(image, InputSpec(height=4, width=4))  # type: ignore[arg-type]


def test_a_mask_has_the_size_of_its_image() -> None:
    geometry = geometry_of(30, 20, InputSpec(height=4, width=4))
    with pytest.raises(DataError, match="the image's size, 30 x 20, got 20 x 30"):
        place_mask(np.zeros((30, 20), np.uint8), geometry)


def test_a_mask_keeps_its_values() -> None:
    mask = np.random.default_rng(0).choice(np.array([0, 1, 2, 255], np.uint8), (90, 70))
    placed = place_mask(mask, geometry_of(70, 90, InputSpec(height=33, width=47, placement="letterbox")), fill=255)
    assert set(np.unique(placed)) <= {0, 1, 2, 255}


def test_a_mask_is_sampled_at_the_centres() -> None:
    mask = np.arange(9, dtype=np.uint8)[None, :]
    placed = place_mask(mask, geometry_of(9, 1, InputSpec(height=1, width=3)))
    assert placed.tolist() == [[1, 4, 7]]
