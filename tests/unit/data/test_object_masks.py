"""Labels of every form as a class mask and as boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.run_length import encode
from vision_ft.data.index import IGNORE, MaskCode, Sample
from vision_ft.data.object_masks import boxes_of, class_mask, known_mask
from vision_ft.data.objects import ObjectLabel
from vision_ft.data.rasterise import fill_box, fill_outline
from vision_ft.errors import DataError

CLASSES = (ClassInfo(id="good", good=True, background=True), ClassInfo(id="dent"), ClassInfo(id="scratch"))
HEIGHT, WIDTH = 10, 12


def sample(**changes: Any) -> Sample:
    plain: dict[str, Any] = {
        "path": Path("a.png"), "targets": ("dent",), "part": "p", "group": "g", "split": None, "mask": None,
        "slices": {}, "digest": "d", "width": WIDTH, "height": HEIGHT,
    }  # fmt: skip
    return Sample(**{**plain, **changes})


def _write(path: Path, mask: NDArray[np.uint8]) -> Path:
    assert cv2.imwrite(str(path), mask if mask.ndim == 2 else mask[:, :, ::-1])
    return path


def test_boxes_are_the_pixels_whose_centres_they_hold() -> None:
    one = ObjectLabel("scratch", (2.0, 1.0, 5.0, 4.0))
    mask = class_mask(sample(objects=(one,)), CLASSES)
    assert mask.dtype == np.uint8
    assert mask.shape == (HEIGHT, WIDTH)
    want = np.zeros((HEIGHT, WIDTH))
    want[1:4, 2:5] = 2
    np.testing.assert_array_equal(mask, want)


def test_later_objects_lie_over_earlier_ones_and_ignored_ones_below() -> None:
    objects = (
        ObjectLabel("dent", (0.0, 0.0, 6.0, 6.0)),
        ObjectLabel("scratch", (2.0, 0.0, 6.0, 6.0)),
        ObjectLabel("dent", (0.0, 0.0, 9.0, 1.0), ignore=True),
    )
    mask = class_mask(sample(objects=objects), CLASSES)
    assert mask[0].tolist() == [1, 1, 2, 2, 2, 2, 255, 255, 255, 0, 0, 0]


def test_outlines_and_run_lengths() -> None:
    shape = np.zeros((HEIGHT, WIDTH), np.uint8)
    shape[3:6, 4:9] = 1
    for one in (
        ObjectLabel("dent", (4, 3, 9, 6), polygons=((4.0, 3.0, 9.0, 3.0, 9.0, 6.0, 4.0, 6.0),)),
        ObjectLabel("dent", (4, 3, 9, 6), rle=encode(shape)),
    ):
        np.testing.assert_array_equal(class_mask(sample(objects=(one,)), CLASSES), shape)
    two = ObjectLabel("dent", (0, 0, 12, 4), polygons=((0, 0, 2, 0, 2, 4, 0, 4), (10, 0, 12, 0, 12, 4, 10, 4)))
    assert class_mask(sample(objects=(two,)), CLASSES)[0].tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]


@given(st.lists(st.tuples(st.floats(0, WIDTH), st.floats(0, HEIGHT)), min_size=3, max_size=9))
def test_the_area_of_an_outline_is_about_that_of_its_pixels(points: list[tuple[float, float]]) -> None:
    contour = np.array(points, np.float32)
    hull = cv2.convexHull(contour)[:, 0]
    filled = fill_outline([float(v) for v in hull.ravel()], HEIGHT, WIDTH)
    assert filled.any()
    away = np.array(
        [[cv2.pointPolygonTest(hull, (x + 0.5, y + 0.5), True) for x in range(WIDTH)] for y in range(HEIGHT)]
    )
    if (away > 0).any():
        # A pixel belongs to what its centre lies in; those on the edge may be either way.
        np.testing.assert_array_equal(filled[abs(away) > 1e-3], away[abs(away) > 1e-3] > 0)
        # At most half a pixel along the edge on either side.
        assert abs(filled.sum() - cv2.contourArea(hull)) <= cv2.arcLength(hull, True) / 2 + 2
    else:
        # Too thin to hold a centre: what its two sides run through.
        assert filled.sum() <= cv2.arcLength(hull, True) + 2
    assert fill_outline([v for pair in points for v in pair], HEIGHT, WIDTH).any()


@given(st.tuples(st.floats(0, 11.99), st.floats(0, 9.99)), st.floats(0.001, 3))
def test_a_box_has_at_least_a_pixel(corner: tuple[float, float], side: float) -> None:
    left, top = corner
    assert fill_box((left, top, min(left + side, WIDTH), min(top + side, HEIGHT)), HEIGHT, WIDTH).any()


def test_a_mask_of_black_and_white_is_of_the_image_s_class(tmp_path: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[2:5, 2:6] = 255
    mask[2, 6], mask[5, 5] = 90, 140  # as compression leaves it
    path = _write(tmp_path / "m.png", mask)
    found = class_mask(sample(mask=path, targets=("scratch",)), CLASSES)
    np.testing.assert_array_equal(found, np.where(mask >= 128, 2, 0))
    boxes, labels, ignore = boxes_of(sample(mask=path, targets=("scratch",)), CLASSES)
    assert boxes.tolist() == [[2, 2, 6, 6]]
    assert (labels.tolist(), ignore.tolist()) == ([1], [False])
    assert not class_mask(sample(mask=path, targets=("good",)), CLASSES).any()
    # Nothing bright: what is not black is meant.
    for value in (1, 100):
        dim = _write(tmp_path / f"{value}.png", np.where(mask == 255, value, 0).astype(np.uint8))
        np.testing.assert_array_equal(class_mask(sample(mask=dim), CLASSES), np.where(mask == 255, 1, 0))


def test_values_and_colours_mean_what_the_code_says(tmp_path: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[:4, :4], mask[6:, :2], mask[:, 10:] = 1, 7, 255
    want = np.where(mask == 1, 2, np.where(mask == 7, 1, np.where(mask == 255, 255, 0)))
    code = MaskCode({"1": "scratch", "7": "dent", "255": IGNORE, "0": "good"})
    grey = sample(mask=_write(tmp_path / "i.png", mask), mask_code=code)
    np.testing.assert_array_equal(class_mask(grey, CLASSES), want)
    table = np.zeros((256, 3), np.uint8)
    table[1], table[7], table[255] = (255, 0, 0), (0, 128, 0), (255, 255, 255)
    code = MaskCode({"#ff0000": "scratch", "#008000": "dent", "255": IGNORE})
    colour = sample(mask=_write(tmp_path / "c.png", table[mask]), mask_code=code)
    np.testing.assert_array_equal(class_mask(colour, CLASSES), want)
    boxes, labels, ignore = boxes_of(grey, CLASSES)
    assert boxes.tolist() == [[0, 6, 2, 10], [0, 0, 4, 4], [10, 0, 12, 10], [10, 0, 12, 10]]
    assert labels.tolist() == [0, 1, 0, 1]
    assert ignore.tolist() == [False, False, True, True]


def test_values_of_16_bits_and_deep_white(tmp_path: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint16)
    mask[:3] = 2
    assert cv2.imwrite(str(tmp_path / "d.png"), mask)
    deep = sample(mask=tmp_path / "d.png", mask_code=MaskCode({"2": "dent"}))
    assert class_mask(deep, CLASSES)[:3].all()
    assert cv2.imwrite(str(tmp_path / "w.png"), (mask > 0).astype(np.uint16) * 65535)
    assert class_mask(sample(mask=tmp_path / "w.png"), CLASSES)[:3].all()


def test_patches_join_at_corners_and_specks_are_dropped(tmp_path: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[0:2, 0:2], mask[2:4, 2:4] = 255, 255  # joined at the corner
    mask[7, 3:6] = 255  # three pixels
    mask[6:8, 8:10] = 255
    boxes, _, _ = boxes_of(sample(mask=_write(tmp_path / "m.png", mask)), CLASSES)
    assert boxes.tolist() == [[0, 0, 4, 4], [8, 6, 10, 8]]


def test_listed_objects_are_their_own_boxes() -> None:
    objects = (ObjectLabel("scratch", (1.5, 2, 4, 5)), ObjectLabel("dent", (0, 0, 2, 2), ignore=True))
    boxes, labels, ignore = boxes_of(sample(objects=objects), CLASSES)
    assert boxes.dtype == np.float64
    assert labels.dtype == np.int64
    assert ignore.dtype == np.bool_
    assert boxes.tolist() == [[1.5, 2, 4, 5], [0, 0, 2, 2]]
    assert (labels.tolist(), ignore.tolist()) == ([1, 0], [False, True])
    boxes, labels, _ = boxes_of(sample(objects=()), CLASSES)
    assert (boxes.shape, labels.shape) == ((0, 4), (0,))


def test_a_good_image_needs_no_label_and_a_bad_one_does() -> None:
    good = sample(targets=("good",))
    assert not class_mask(good, CLASSES).any()
    assert boxes_of(good, CLASSES)[0].shape == (0, 4)
    for ask in (class_mask, boxes_of):
        with pytest.raises(DataError, match=r"a\.png is labelled dent, and nothing says where"):
            ask(sample(), CLASSES)


def test_what_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"shows an object of class 'crack'.*dent, scratch"):
        boxes_of(sample(objects=(ObjectLabel("crack", (0, 0, 2, 2)),)), CLASSES)
    small = _write(tmp_path / "s.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(DataError, match="expected the size of its image, 12 x 10, got 4 x 4"):
        class_mask(sample(mask=small), CLASSES)
    for name in ("none.png", "text.png"):
        (tmp_path / "text.png").write_text("no image")
        with pytest.raises(DataError, match=rf"The mask .*{name} cannot be read"):
            class_mask(sample(mask=tmp_path / name), CLASSES)
    many = [ClassInfo(id=str(n)) for n in range(255)]
    with pytest.raises(DataError, match="at most 254"):
        class_mask(sample(objects=()), many)


def test_a_defective_image_whose_mask_is_blank_is_ignored_as_a_whole(tmp_path: Path) -> None:
    blank = _write(tmp_path / "m.png", np.zeros((HEIGHT, WIDTH), np.uint8))
    assert (known_mask(sample(mask=blank), CLASSES) == 255).all()
    boxes, labels, ignored = boxes_of(sample(mask=blank), CLASSES)
    assert boxes.tolist() == [[0, 0, WIDTH, HEIGHT]] * 2
    assert labels.tolist() == [0, 1]
    assert ignored.all()
    assert not known_mask(sample(mask=blank, targets=("good",)), CLASSES).any()
    assert not len(boxes_of(sample(mask=blank, targets=("good",)), CLASSES)[0])
