"""Pictures that go with an answer: the heatmap alone, or drawn over the image."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from serving.errors import NoHeatmapError
from serving.options import Heatmap
from serving.service import Service
from vision_ft.bundle import Prediction
from vision_ft.bundle.decode import decode

# Little less compression than the usual 6, for a third of the time.
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 3]


async def draw(service: Service, data: bytes, prediction: Prediction, kind: Heatmap) -> bytes:
    """A PNG of the original's size: `png` the evidence alone (grey, 0 none, 255 the most), `overlay` over the image.

    Raises `NoHeatmapError` where the bundle gives no heatmap or the image is too large for one.
    """
    reason = service.predictor.stage.heatmap
    if reason:
        raise NoHeatmapError("This bundle gives no heatmap", got=reason, remedy="Ask without heatmap.")
    most = service.settings.limits.max_heatmap_megapixels
    megapixels = prediction.width * prediction.height / 1e6
    if megapixels > most:
        raise NoHeatmapError(
            "The image is too large for a heatmap",
            expected=f"at most {most:g} megapixels",
            got=f"{megapixels:.3g}",
            remedy="Ask without heatmap, or raise limits.max_heatmap_megapixels.",
        )
    window = service.predictor.stage.input.window

    def render() -> bytes:
        if kind == "png":
            return _encode(_evidence(prediction.result))
        image = decode(data, window=window, max_pixels=int(megapixels * 1e6) + 1)
        return _encode(prediction.result.overlay(image)[:, :, ::-1])

    return await service.engine.run(render)


def _evidence(result: Any) -> NDArray[np.uint8]:
    """The result's heatmap as grey levels, uint8 [H, W]."""
    heat: NDArray[np.float32] | None = result.heatmap() if hasattr(result, "heatmap") else None
    if heat is None:
        raise NoHeatmapError("This task gives no heatmap of its own", remedy="Ask for heatmap=overlay.")
    return np.asarray(heat * 255.0 + 0.5, dtype=np.uint8)


def _encode(pixels: NDArray[np.uint8]) -> bytes:
    done, png = cv2.imencode(".png", np.ascontiguousarray(pixels), _PNG)
    if not done:
        raise RuntimeError("OpenCV could not write a PNG")
    return bytes(png)
