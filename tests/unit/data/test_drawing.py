"""Labels drawn on images: where they are, in their colours, and within the image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.drawing import colour_of
from vision_ft.data.drawing import IGNORED_COLOUR, draw_truth
from vision_ft.data.index import Sample
from vision_ft.data.objects import ObjectLabel

CLASSES = (
    ClassInfo(id="good", good=True, background=True),
    ClassInfo(id="dent", name="Delle Größe 1"),
    ClassInfo(id="scratch"),
)


def sample(width: int = 120, height: int = 100, **changes: Any) -> Sample:
    plain: dict[str, Any] = {
        "path": Path("a.png"), "targets": ("dent",), "part": "p", "group": "g", "split": None, "mask": None,
        "slices": {}, "digest": "d", "width": width, "height": height,
    }  # fmt: skip
    return Sample(**{**plain, **changes})


def _has(image: Any, colour: tuple[int, int, int]) -> int:
    return int((image == np.array(colour, np.uint8)).all(axis=2).sum())


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_boxes_have_their_class_s_colour_and_a_dark_edge(shade: int) -> None:
    image = np.full((100, 120, 3), shade, np.uint8)
    objects = (
        ObjectLabel("scratch", (20, 40, 60, 80)),
        ObjectLabel("dent", (80, 30, 110, 60), ignore=True),
    )
    drawn = draw_truth(image, sample(objects=objects), CLASSES)
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert (image == shade).all()
    assert tuple(drawn[40, 40]) == colour_of(1)
    assert tuple(drawn[41, 40]) == (20, 20, 20)
    assert (drawn[60, 40] == shade).all()
    assert tuple(drawn[45, 80]) == IGNORED_COLOUR
    assert not _has(drawn, colour_of(0))


def test_outlines_of_masks_and_scaled_images(tmp_path: Path) -> None:
    mask = np.zeros((100, 120), np.uint8)
    mask[50:80, 30:70] = 255
    cv2.imwrite(str(tmp_path / "m.png"), mask)
    for scale in (1, 2):
        image = np.full((100 * scale, 120 * scale, 3), 90, np.uint8)
        drawn = draw_truth(image, sample(mask=tmp_path / "m.png"), CLASSES)
        line = drawn[65 * scale, 28 * scale : 34 * scale]
        assert any(tuple(one) == colour_of(0) for one in line)
        assert (drawn[65 * scale, 50 * scale] == 90).all()
    outline = ObjectLabel("dent", (30, 50, 70, 80), ((30.0, 50.0, 70.0, 50.0, 70.0, 80.0, 30.0, 80.0),))
    drawn = draw_truth(np.full((100, 120, 3), 90, np.uint8), sample(objects=(outline,)), CLASSES)
    assert tuple(drawn[65, 30]) == colour_of(0)


def test_what_shows_nothing_stays_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 255, (100, 120, 3)).astype(np.uint8)
    np.testing.assert_array_equal(draw_truth(image, sample(targets=("good",)), CLASSES), image)


@given(
    st.integers(3, 300),
    st.integers(3, 300),
    st.lists(st.tuples(*[st.floats(0, 1)] * 4, st.booleans()), min_size=1, max_size=8),
)
def test_any_box_can_be_drawn_on_any_image(width: int, height: int, boxes: list[Any]) -> None:
    objects = tuple(
        ObjectLabel(
            "scratch" if odd else "dent",
            (min(a, c) * width, min(b, d) * height, max(a, c) * width, max(b, d) * height),
            ignore=odd,
        )
        for a, b, c, d, odd in boxes
    )
    image = np.zeros((height, width, 3), np.uint8)
    drawn = draw_truth(image, sample(width, height, objects=objects), CLASSES)
    assert drawn.shape == image.shape
    assert drawn.any()
