"""Brightness, contrast and sharpness say what their names say."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vision_ft.bundle.quality import measure


def texture(height: int, width: int) -> NDArray[np.uint8]:
    """The same picture at any resolution."""
    y, x = np.mgrid[0:height, 0:width]
    u, v = x / width, y / height
    waves = 128 + 50 * np.sin(2 * np.pi * 15 * u) * np.sin(2 * np.pi * 12 * v)
    return np.repeat(waves.astype(np.uint8)[:, :, None], 3, axis=2)


@pytest.mark.parametrize(("level", "brightness"), [(0, 0.0), (51, 0.2), (255, 1.0)])
def test_a_flat_image_has_only_brightness(level: int, brightness: float) -> None:
    found = measure(np.full((50, 60, 3), level, np.uint8))
    assert found.brightness == pytest.approx(brightness)
    assert found.contrast == 0
    assert found.sharpness == 0


def test_black_and_white_have_the_largest_contrast() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, 20:] = 255
    assert measure(image).contrast == pytest.approx(0.5)


def test_luma_weighs_green_most() -> None:
    shares = [measure(np.full((4, 4, 3), np.eye(3)[i] * 255).astype(np.uint8)).brightness for i in range(3)]
    np.testing.assert_allclose(shares, [0.299, 0.587, 0.114], atol=0.003)


def test_blur_lowers_sharpness() -> None:
    sharp = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    soft = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 2), dtype=np.uint8)
    assert measure(soft).sharpness < 0.2 * measure(sharp).sharpness


def test_resolution_does_not_dominate() -> None:
    small, *larger = (measure(texture(h, w)) for h, w in ((240, 320), (480, 640), (1500, 2000)))
    for found in larger:
        assert found.brightness == pytest.approx(small.brightness, abs=0.01)
        assert found.contrast == pytest.approx(small.contrast, rel=0.05)
        # Measured at their own sizes, the largest would be eighteen times less sharp than the smallest.
        assert found.sharpness == pytest.approx(small.sharpness, rel=0.5)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5000, 3), (5000, 1, 3)])
def test_thin_images(shape: tuple[int, int, int]) -> None:
    values = measure(np.full(shape, 100, np.uint8)).as_array()
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, [100 / 255, 0, 0], atol=1e-6)
