"""The first runs of the graph: slow ones, and those that show whether it will answer at all."""

from __future__ import annotations

import numpy as np

from serving.settings import Settings
from vision_ft.bundle import Predictor
from vision_ft.errors import BundleError


def largest_batch(predictor: Predictor, settings: Settings) -> int:
    """Most images in one run of the graph."""
    return settings.batching.max_images or (4 if predictor.device == "cpu" else 32)


def warm_up(predictor: Predictor, settings: Settings) -> None:
    """Run the graph with the smallest and the largest batch.

    Raises `BundleError` where it does not answer.
    """
    spec = predictor.stage.input
    for images in sorted({1, largest_batch(predictor, settings)}):
        try:
            predictor.infer(np.zeros((images, spec.height, spec.width, 3), np.uint8))
        except Exception as error:  # ONNX Runtime raises several unrelated types of its own
            raise BundleError(
                f"{predictor.bundle.path} does not answer a batch of {images}",
                got=(str(error) or type(error).__name__).splitlines()[0],
                remedy="Export the bundle anew, or lower batching.max_images.",
            ) from error
