"""Three figures on a picture as a picture: has the lamp dimmed, has the lens gone soft?"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

WORKING_SIZE = 256
"""Longer side, in pixels, at which an image is measured; smaller images are measured as they are."""


@dataclass(frozen=True, slots=True)
class ImageQuality:
    """Quality of one image, whatever it shows."""

    brightness: float
    """Mean luma (ITU-R BT.601), in [0, 1]."""
    contrast: float
    """Standard deviation of the luma, in [0, 0.5]."""
    sharpness: float
    """Variance of the Laplacian of the luma in [0, 1], at the working size; 0 is flat or out of focus.

    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000.
    """

    def as_array(self) -> NDArray[np.float32]:
        """Brightness, contrast, sharpness, float32 [3]."""
        return np.array([self.brightness, self.contrast, self.sharpness], dtype=np.float32)


def measure(image: NDArray[np.uint8]) -> ImageQuality:
    """Measure a decoded RGB image, uint8 [H, W, 3]."""
    height, width = image.shape[:2]
    # Of a large image only some pixels are looked at, then neighbours are averaged.
    thin = _shrink(image, width, height, 2 * WORKING_SIZE, cv2.INTER_NEAREST)
    luma = np.asarray(cv2.cvtColor(thin, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    luma = _shrink(luma, width, height, WORKING_SIZE, cv2.INTER_AREA)
    mean, deviation = cv2.meanStdDev(luma)
    _, edges = cv2.meanStdDev(cv2.Laplacian(luma, cv2.CV_16S))
    return ImageQuality(
        brightness=float(mean.item()) / 255.0,
        contrast=float(deviation.item()) / 255.0,
        sharpness=(float(edges.item()) / 255.0) ** 2,
    )


def _shrink(image: NDArray[np.uint8], width: int, height: int, longest: int, how: int) -> NDArray[np.uint8]:
    """The image so small that the longer side of the original, width x height, is `longest`."""
    scale = longest / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if scale >= 1 or size == (image.shape[1], image.shape[0]):
        return image
    return np.asarray(cv2.resize(image, size, interpolation=how), dtype=np.uint8)
