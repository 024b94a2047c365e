"""Augmentation as the recipe's presets have it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vision_ft.recipe.augment import PRESETS, AugmentSection
from vision_ft.tasks.augmentation import augment, build_augmentation


def _lopsided() -> NDArray[np.uint8]:
    """A bright corner and a dark one: every mirroring and turning shows."""
    image = np.full((64, 64, 3), 110, np.uint8)
    image[6:30, 6:22] = (230, 210, 200)
    image[40:58, 40:60] = (20, 30, 60)
    return image


def _likeness(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> float:
    return float(np.corrcoef(left.astype(float).ravel(), right.astype(float).ravel())[0, 1])


def _views(preset: str, count: int = 40) -> list[NDArray[np.uint8]]:
    pipeline = build_augmentation(AugmentSection.model_validate(preset), square=True)
    return [augment(pipeline, _lopsided(), seed) for seed in range(count)]


def test_a_sign_is_never_mirrored() -> None:
    image = _lopsided()
    mirrored = (image[:, ::-1], image[::-1], image[::-1, ::-1])
    for view in _views("sign"):
        assert _likeness(view, image) > max(_likeness(view, other) for other in mirrored)


@pytest.mark.parametrize(("preset", "kinds"), [("surface", 4), ("light", 2)])
def test_other_presets_mirror_as_they_say(preset: str, kinds: int) -> None:
    image = _lopsided()
    poses = (image, image[:, ::-1], image[::-1], image[::-1, ::-1])
    found = {int(np.argmax([_likeness(view, pose) for pose in poses])) for view in _views(preset)}
    assert found == set(range(kinds))


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_the_seed_decides_the_pixels(preset: str) -> None:
    section = AugmentSection.model_validate(preset)
    first, second = (build_augmentation(section, square=True) for _ in range(2))
    image = _lopsided()
    augment(first, image, 1)  # what went before does not matter
    assert np.array_equal(augment(first, image, 7), augment(second, image, 7))
    views = {augment(first, image, seed).tobytes() for seed in range(8)}
    assert len(views) == (1 if preset == "none" else len(views))
    assert (len(views) > 1) == (preset != "none")
    assert np.array_equal(image, _lopsided())


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("size", [(64, 64), (48, 80)])
def test_size_and_type_stay(preset: str, size: tuple[int, int]) -> None:
    section = AugmentSection.model_validate({"preset": preset, "rotate_90": 0.5})
    pipeline = build_augmentation(section, square=size[0] == size[1])
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    for seed in range(6):
        view = augment(pipeline, image, seed)
        assert view.shape == image.shape
        assert view.dtype == np.uint8
        assert view.flags.c_contiguous


def test_every_single_setting_works_alone() -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    off = {**PRESETS["none"], "preset": "none"}
    strong = {"scale": (1.3, 1.4), "rotate_degrees": 45.0, "shift": 0.3, "gamma": 0.5}
    for name in PRESETS["none"]:
        section = AugmentSection.model_validate({**off, name: strong.get(name, 1.0)})
        pipeline = build_augmentation(section, square=True)
        assert any(not np.array_equal(augment(pipeline, image, seed), image) for seed in range(12)), name


def test_the_steps_are_drawn_apart() -> None:
    """Albumentations gives one seed to every step, so that all of them would be applied together or not at all."""
    off = {**PRESETS["none"], "preset": "none"}
    section = AugmentSection.model_validate({**off, "flip_horizontal": 0.5, "flip_vertical": 0.5, "brightness": 0.9})
    pipeline = build_augmentation(section, square=True)
    image = _lopsided()
    poses = (image, image[:, ::-1], image[::-1], image[::-1, ::-1])
    views = [augment(pipeline, image, seed) for seed in range(300)]
    pose = np.array([int(np.argmax([_likeness(view, other) for other in poses])) for view in views])
    assert np.bincount(pose, minlength=4).min() > 50
    light = np.array([float(view.mean()) for view in views])
    means = [light[pose == number].mean() for number in range(4)]
    assert np.ptp(means) < 25 < np.ptp(light)
