"""Parts in memory: what a shot is, and that its defect is where the mask says."""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np
import pytest

from vision_ft.data.synthetic import CLASSES, DEFECTS, SURFACES, RenderedShot, render_part
from vision_ft.errors import DataError

SIZE = (120, 160)


def shots_of(part: str, target: str, surface: str, shots: int = 1, seed: int = 0) -> list[RenderedShot]:
    return list(render_part(part, target, surface=surface, shots=shots, size=SIZE, seed=seed))


@pytest.mark.parametrize("surface", SURFACES)
def test_the_same_seed_gives_the_same_pictures(surface: str) -> None:
    first, again = (shots_of("p", "stain", surface, shots=2) for _ in range(2))
    other = shots_of("p", "stain", surface, shots=2, seed=1)
    for a, b, c in zip(first, again, other, strict=True):
        assert np.array_equal(a.image, b.image)
        assert np.array_equal(a.mask, b.mask)
        assert a.boxes == b.boxes
        assert not np.array_equal(a.image, c.image)


def test_more_shots_leave_the_first_as_they_were() -> None:
    few, many = shots_of("p", "dent", "cast", shots=1), shots_of("p", "dent", "cast", shots=3)
    assert np.array_equal(few[0].image, many[0].image)
    assert [shot.shot for shot in many] == [0, 1, 2]
    assert not np.array_equal(many[1].image, many[2].image)


@pytest.mark.parametrize(("surface", "target"), list(product(SURFACES, CLASSES)))
def test_boxes_are_those_of_the_mask(surface: str, target: str) -> None:
    for part in ("a", "b", "c"):
        (shot,) = shots_of(part, target, surface)
        assert shot.image.shape == (*SIZE, 3)
        assert shot.image.dtype == shot.mask.dtype == np.uint8
        assert shot.mask.shape == SIZE
        assert set(np.unique(shot.mask)) <= {0, 255}
        assert CLASSES[shot.class_id] == target
        assert (len(shot.boxes) == 0) == (target == "good")
        covered = np.zeros(SIZE, dtype=bool)
        for x0, y0, x1, y1 in shot.boxes:
            assert 0 <= x0 < x1 <= SIZE[1]
            assert 0 <= y0 < y1 <= SIZE[0]
            inside = shot.mask[y0:y1, x0:x1] > 0
            # Tight: the defect touches all four sides.
            assert inside[0].any()
            assert inside[-1].any()
            assert inside[:, 0].any()
            assert inside[:, -1].any()
            covered[y0:y1, x0:x1] = True
        assert not (shot.mask > 0)[~covered].any()


@pytest.mark.parametrize(("surface", "target"), list(product(SURFACES, DEFECTS)))
def test_a_part_and_its_sound_twin_differ_where_the_mask_says(surface: str, target: str) -> None:
    inside, outside = [], []
    for part in ("a", "b", "c"):
        (flawed,), (sound,) = shots_of(part, target, surface), shots_of(part, "good", surface)
        assert flawed.camera == sound.camera
        # The exposure follows the picture's mean: compare with that small change taken out.
        a, b = flawed.image.astype(np.float64).mean(axis=2), sound.image.astype(np.float64).mean(axis=2)
        change = cv2.GaussianBlur(np.abs(a - b * a.mean() / b.mean()), (0, 0), 1.0)
        near = cv2.dilate(flawed.mask, np.ones((9, 9), np.uint8)) > 0
        inside.append(change[flawed.mask > 0].mean())
        outside.append(change[~near].mean())
    assert np.mean(inside) > 2.5 * np.mean(outside)
    assert np.mean(inside) > 4


@pytest.mark.parametrize("target", DEFECTS)
def test_every_shot_shows_the_defect_of_its_part(target: str) -> None:
    for number, surface in enumerate(SURFACES * 3):
        for shot in shots_of(f"{target}_{number}", target, surface, shots=2):
            assert (shot.mask > 0).sum() >= 12
            assert (shot.mask > 0).mean() < 0.2


def test_light_and_camera_differ_between_shots() -> None:
    shots = shots_of("p", "good", "brushed", shots=8)
    levels = [float(shot.image.mean()) for shot in shots]
    assert max(levels) > 1.3 * min(levels)
    assert len({shot.camera for shot in shots}) > 1
    for shot in shots:
        grey = np.ptp(shot.image.astype(int), axis=2).max() == 0
        assert grey == (shot.camera == "cam_c")


@pytest.mark.parametrize("size", [(64, 64), (97, 71), (128, 300)])
def test_any_size_in_range_is_drawn(size: tuple[int, int]) -> None:
    (shot,) = render_part("p", "crack", surface="fabric", shots=1, size=size)
    assert shot.image.shape == (*size, 3)
    assert shot.mask.any()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"target": "rust"}, "one of good, scratch"),
        ({"surface": "wood"}, "one of brushed, cast, fabric"),
        ({"size": (10, 4000)}, "64 to 2048"),
    ],
)
def test_what_cannot_be_drawn_is_refused_at_once(arguments: dict[str, object], says: str) -> None:
    wanted: dict[str, object] = {"target": "good", "surface": "cast", "size": SIZE, **arguments}
    with pytest.raises(DataError, match=says):
        render_part("p", **wanted)  # type: ignore[arg-type]
