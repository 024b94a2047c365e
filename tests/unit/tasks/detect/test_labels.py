"""What is left of boxes when images are cut, put together and moved."""

from __future__ import annotations

import numpy as np
import pytest

from vision_ft.bundle import InputSpec
from vision_ft.bundle.place import geometry_of
from vision_ft.tasks.detect.compose import mosaic, paste
from vision_ft.tasks.detect.labels import IGNORED, Objects, for_each_class, in_view, padded


def objects(*boxes: list[float], labels: list[int] | None = None) -> Objects:
    given_labels = labels or [0] * len(boxes)
    return Objects(np.array(boxes, np.float64).reshape(-1, 4), np.array(given_labels, np.int64))


def test_slivers_are_ignored_and_what_is_outside_is_gone() -> None:
    found = objects([0, 0, 10, 10], [-90, 0, 10, 10], [200, 0, 210, 10], labels=[1, 2, 3]).clipped(100, 100)
    assert found.labels.tolist() == [1, IGNORED]
    assert found.boxes[1].tolist() == [0, 0, 10, 10]


def test_boxes_follow_the_letterbox() -> None:
    geometry = geometry_of(100, 50, InputSpec(height=64, width=64, placement="letterbox"))
    found = in_view(objects([0, 0, 100, 50]), geometry)
    assert found.boxes[0].tolist() == pytest.approx([0, 16, 64, 48])


def test_batches_are_filled_up_and_the_largest_stay() -> None:
    boxes, labels = padded(objects([0, 0, 1, 1], [0, 0, 9, 9], labels=[1, 2]), 3)
    assert labels.tolist() == [1, 2, -1]
    assert boxes.shape == (3, 4)
    assert padded(objects([0, 0, 1, 1], [0, 0, 9, 9], labels=[1, 2]), 1)[1].tolist() == [2]


def test_an_ignored_object_is_ignored_for_every_class() -> None:
    boxes, labels, crowd = for_each_class(np.ones((2, 4)), np.array([0, IGNORED]), 3)
    assert labels.tolist() == [0, 0, 1, 2]
    assert crowd.tolist() == [False, True, True, True]
    assert len(boxes) == 4


@pytest.mark.parametrize("seed", range(50))
def test_a_mosaic_shows_what_its_boxes_say(seed: int) -> None:
    """Each image is grey with one white square: what is inside the boxes is white, what is outside is not."""
    rng = np.random.default_rng(seed)
    views = []
    for _ in range(4):
        picture = np.full((40, 60, 3), 40, np.uint8)
        x, y = int(rng.integers(0, 40)), int(rng.integers(0, 20))
        picture[y : y + 20, x : x + 20] = 255
        views.append((picture, objects([x, y, x + 20, y + 20])))
    made, found = mosaic((views[0], views[1], views[2], views[3]), rng)
    assert made.shape == (40, 60, 3)
    inside = np.zeros((40, 60), np.bool_)
    for left, top, right, bottom in np.round(found.boxes).astype(int):
        inside[top:bottom, left:right] = True
        core = made[top + 2 : bottom - 2, left + 2 : right - 2]
        assert not core.size or core.mean() > 200
    padded_inside = np.zeros_like(inside)
    ys, xs = np.nonzero(inside)
    for dy in (-3, 0, 3):
        for dx in (-3, 0, 3):
            padded_inside[np.clip(ys + dy, 0, 39), np.clip(xs + dx, 0, 59)] = True
    outside = made[:, :, 0][~padded_inside]
    assert not outside.size or (outside > 200).mean() < 0.05


def test_a_pasted_object_lies_on_no_other() -> None:
    rng = np.random.default_rng(0)
    picture, donor = np.full((40, 60, 3), 40, np.uint8), np.full((40, 60, 3), 200, np.uint8)
    made, found = paste((picture, objects([0, 0, 10, 10])), (donor, objects([5, 5, 20, 20], labels=[3])), 0, rng)
    assert found.labels.tolist() == [0, 3]
    left, top, right, bottom = found.boxes[1].astype(int)
    assert made[(top + bottom) // 2, (left + right) // 2, 0] == 200
    assert left >= 10 or top >= 10


def test_what_is_thin_and_lies_inside_is_to_be_found() -> None:
    found = objects([10, 10, 210, 11.5], [5, 5, 5.4, 5.4], labels=[1, 2]).clipped(512, 512)
    assert found.labels.tolist() == [1, 2]
    cut = objects([-90, 0, 1, 10], labels=[1]).clipped(100, 100)
    assert len(cut) == 0
