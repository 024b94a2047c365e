"""Images for people to look at: the original, and the evidence that the bundle saw in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.decode import decode
from vision_ft.bundle.predictor import Predictor


class Pictures:
    """Loads images as a bundle decodes them, and draws its evidence over them."""

    def __init__(self, predictor: Predictor, root: Path | None = None) -> None:
        self._predictor = predictor
        self._root = root or Path()

    def image(self, path: str) -> NDArray[np.uint8]:
        """The decoded image, RGB uint8 [H, W, 3]. Raises `ImageError` and its kin, or OSError."""
        window = self._predictor.stage.input.window
        return decode((self._root / path).read_bytes(), window=window)

    def overlay(self, path: str) -> NDArray[np.uint8] | None:
        """The image with the answer drawn on it; None where there is nothing to draw."""
        if self._predictor.no_overlay:
            return None
        image = self.image(path)
        return self._predictor(image).result.overlay(image)
