"""The first runs of the graph: slow ones, and those that show whether it will answer at all."""

from __future__ import annotations

from serving.settings import Settings
from vision_ft.bundle import Predictor
from vision_ft.bundle.stage import TILE_BATCH
from vision_ft.errors import BundleError


def largest_batch(predictor: Predictor, settings: Settings) -> int:
    """Most images that are answered together."""
    return settings.batching.max_images or (4 if predictor.device == "cpu" else 32)


def largest_run(predictor: Predictor, settings: Settings) -> int:
    """Most views (of an image in tiles there are many) in one run of a graph."""
    most = largest_batch(predictor, settings)
    in_pieces = predictor.keeps_images and settings.batching.max_images is None
    return max(most, TILE_BATCH) if in_pieces else most


def warm_up(predictor: Predictor, settings: Settings) -> None:
    """Run every graph with the smallest and the largest batch.

    Raises `BundleError` where one does not answer.
    """
    for images in sorted({1, largest_run(predictor, settings)}):
        try:
            predictor.examine(images)
        except Exception as error:  # ONNX Runtime raises several unrelated types of its own
            raise BundleError(
                f"{predictor.bundle.path} does not answer a batch of {images}",
                got=(str(error) or type(error).__name__).splitlines()[0],
                remedy="Export the bundle anew, or lower batching.max_images.",
            ) from error
