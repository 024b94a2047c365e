"""Pictures that go with an answer: drawn on the image, the evidence alone, or the class of each pixel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from serving.errors import HeatmapsTooLargeError, NoHeatmapError
from serving.options import Heatmap
from serving.service import Service
from vision_ft.bundle import Prediction, Predictor
from vision_ft.bundle.decode import decode, read_size
from vision_ft.bundle.results import PixelLabels, TaskResult
from vision_ft.errors import VisionFTError

T = TypeVar("T")

# Little less compression than the usual 6, for a third of the time.
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 3]


async def foresee(service: Service, images: Sequence[bytes], kind: Heatmap) -> list[NoHeatmapError | None]:
    """For each image of a request, why it can have no picture; None where it may.

    Known from the bundle and the images' headers, so before anything is computed.
    Raises `HeatmapsTooLargeError` where the pictures would be too large together.
    """
    if kind == "none":
        return [None] * len(images)
    missing = _missing(service.predictor, kind)
    if missing is not None:
        return [missing] * len(images)
    limits = service.settings.limits
    # In a thread: a header may be long, and be made to be.
    sizes = await asyncio.to_thread(lambda: [_megapixels(image) for image in images])
    drawn = sum(size for size in sizes if size <= min(limits.max_heatmap_megapixels, limits.max_megapixels))
    if drawn > limits.max_request_heatmap_megapixels:
        raise HeatmapsTooLargeError(
            "The heatmaps of this request have too many pixels together",
            expected=f"at most {limits.max_request_heatmap_megapixels:g} megapixels",
            got=f"{drawn:.3g}",
            remedy="Ask for heatmaps in several requests, or raise limits.max_request_heatmap_megapixels.",
        )
    return [_too_large(size, limits.max_heatmap_megapixels) for size in sizes]


async def draw(
    service: Service,
    data: bytes,
    prediction: Prediction,
    kind: Heatmap,
    *,
    timeout_s: float,
    encode: Callable[[bytes], T],
    on_settled: Callable[[], None],
) -> T:
    """A PNG of the original's size.

    `overlay` is the answer drawn on the image, `png` the evidence alone (grey, 0 none, 255 the
    most), `mask` the class of each pixel (8 bits, 0 background).
    `encode` makes of it what is answered, in the drawing thread; `on_settled` is called once
    the image's bytes are held no longer.
    Raises `NoHeatmapError` where the task gives none, and what `Drawer.run` raises.
    """
    window = service.predictor.stage.input.window

    def render() -> T:
        if kind == "png":
            return encode(_encode(_evidence(prediction.result)))
        if kind == "mask":
            return encode(_encode(_label_map(prediction.result)))
        image = decode(data, window=window, max_pixels=prediction.width * prediction.height)
        return encode(_encode(prediction.result.overlay(image)[:, :, ::-1]))

    return await service.engine.drawer.run(render, timeout_s, on_settled)


def _megapixels(image: bytes) -> float:
    """Size by the header; 0 where it has none, which is said when the image is decoded."""
    try:
        width, height = read_size(image)
    except VisionFTError:
        return 0.0
    return width * height / 1e6


def _too_large(megapixels: float, most: float) -> NoHeatmapError | None:
    if megapixels <= most:
        return None
    return NoHeatmapError(
        "The image is too large for a heatmap",
        expected=f"at most {most:g} megapixels",
        got=f"{megapixels:.3g}",
        remedy="Ask without heatmap, or raise limits.max_heatmap_megapixels.",
    )


def _missing(predictor: Predictor, kind: Heatmap) -> NoHeatmapError | None:
    """Why a bundle's answers never have a picture of this kind; None where they may."""
    reasons = {"png": predictor.stage.heatmap, "overlay": predictor.no_overlay, "mask": predictor.no_mask}
    if not reasons[kind]:
        return None
    others = [f"heatmap={other}" for other, reason in reasons.items() if not reason]
    remedy = f"Ask for {' or '.join(others)}." if others else "Ask without heatmap."
    return NoHeatmapError(f"This bundle gives no picture for heatmap={kind}: {reasons[kind]}", remedy=remedy)


def _evidence(result: TaskResult) -> NDArray[np.uint8]:
    """The result's heatmap as grey levels, uint8 [H, W]."""
    heat = result.heatmap()
    if heat is None:
        raise NoHeatmapError("This answer has no heatmap of its own", remedy="Ask for heatmap=overlay.")
    return np.asarray(heat * 255.0 + 0.5, dtype=np.uint8)


def _label_map(result: TaskResult) -> NDArray[np.uint8]:
    """Class of each pixel, uint8 [H, W]."""
    if not isinstance(result, PixelLabels):
        raise NoHeatmapError("This answer gives the pixels no classes", remedy="Ask for heatmap=overlay.")
    return result.label_map()


def _encode(pixels: NDArray[np.uint8]) -> bytes:
    done, png = cv2.imencode(".png", np.ascontiguousarray(pixels), _PNG)
    if not done:
        raise RuntimeError("OpenCV could not write a PNG")
    return bytes(png)
