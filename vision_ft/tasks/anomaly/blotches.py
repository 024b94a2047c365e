"""Images of good parts with a blotch that no good part has."""

from __future__ import annotations

import cv2
import numpy as np

from vision_ft.bundle.decode import decode
from vision_ft.bundle.manifest import InputSpec
from vision_ft.bundle.tiles import views_of


def blotched(data: bytes, *, seed: int, spec: InputSpec | None = None) -> bytes:
    """An encoded image with a coarse checkerboard of black and white over an ellipse in it, as PNG.

    The ellipse lies inside of what the first view that `spec` has of the image looks at (without
    one, inside of the image), and takes an eighth of its area.
    """
    whole = decode(data).copy()
    across, down = whole.shape[1::-1]
    left, top, width, height = (0, 0, across, down) if spec is None else views_of(across, down, spec)[0].crop
    image = whole[top : top + height, left : left + width]
    rng = np.random.default_rng(seed)
    half = (max(1, round(0.2 * width)), max(1, round(0.2 * height)))
    x, y = (int(rng.integers(r, max(r + 1, side - r + 1))) for r, side in zip(half, (width, height), strict=True))
    inside = np.zeros((height, width), np.uint8)
    cv2.ellipse(inside, (x, y), half, 0.0, 0.0, 360.0, 1, cv2.FILLED)
    cell = max(1, min(height, width) // 16)
    rows, columns = np.indices((height, width)) // cell
    image[inside > 0] = (255 * ((rows + columns) % 2))[inside > 0, None]
    done, encoded = cv2.imencode(".png", whole[:, :, ::-1])
    assert done, "an RGB image can be encoded"
    return encoded.tobytes()
