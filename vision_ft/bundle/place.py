"""From a decoded image to the graph's input, and back to the original's pixels.

Coordinates are continuous: pixel i covers [i, i + 1), so an image of width W spans 0 to W.
One crop rectangle of the original is resized onto one paste rectangle of the input; that is
all there is to a placement, and what `Geometry` holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.manifest import InputSpec
from vision_ft.errors import DataError, ImageError


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where an input's pixels come from. All sizes in whole pixels."""

    width: int
    """Width of the decoded image."""
    height: int
    """Height of the decoded image."""
    crop: tuple[int, int, int, int]
    """Left, top, width, height of what is looked at, in the decoded image."""
    paste: tuple[int, int, int, int]
    """Left, top, width, height of where that lies in the input."""
    input_width: int
    """Width of the input."""
    input_height: int
    """Height of the input."""

    @property
    def scale(self) -> tuple[float, float]:
        """Input pixels per original pixel, across and down."""
        return self.paste[2] / self.crop[2], self.paste[3] / self.crop[3]

    def points_to_input(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points x, y [N, 2] of the original in the input's pixels, float64 [N, 2].

        Points outside of what is looked at land outside of the paste rectangle.
        """
        return (np.asarray(points, np.float64) - self.crop[:2]) * self.scale + self.paste[:2]

    def points_to_original(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points x, y [N, 2] of the input in the original's pixels, float64 [N, 2]."""
        return (np.asarray(points, np.float64) - self.paste[:2]) / self.scale + self.crop[:2]

    def boxes_to_input(self, boxes: NDArray[np.floating]) -> NDArray[np.float64]:
        """Boxes left, top, right, bottom [N, 4] of the original in the input's pixels, not clipped."""
        return self.points_to_input(np.asarray(boxes, np.float64).reshape(-1, 2)).reshape(-1, 4)

    def boxes_to_original(self, boxes: NDArray[np.floating]) -> NDArray[np.float64]:
        """Boxes left, top, right, bottom [N, 4] of the input in the original's pixels.

        Clipped to what was looked at: a box that reaches into the padding ends at the image.
        """
        left, top, width, height = self.crop
        found = self.points_to_original(np.asarray(boxes, np.float64).reshape(-1, 2))
        return np.clip(found, (left, top), (left + width, top + height)).reshape(-1, 4)

    def map_to_original(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """A map [h, w] that spans the whole input, over the original's pixels, float32 [height, width].

        Linear between the centres of the map's cells; zero where the original was not looked at.
        """
        left, top, width, height = self.crop
        across = self._sample(values, axis=1, length=width)
        result = np.zeros((self.height, self.width), np.float32)
        result[top : top + height, left : left + width] = self._sample(across, axis=0, length=height)
        return result

    def _sample(self, values: NDArray[np.float32], axis: int, length: int) -> NDArray[np.float32]:
        """Stretch one axis of the map onto the crop's `length` pixels."""
        cells = values.shape[axis]
        start, size = (self.paste[0], self.paste[2]) if axis == 1 else (self.paste[1], self.paste[3])
        whole = self.input_width if axis == 1 else self.input_height
        at = ((np.arange(length) + 0.5) * size / length + start) * cells / whole - 0.5
        at = np.clip(at, 0.0, cells - 1.0)
        first = np.minimum(at.astype(np.intp), max(cells - 2, 0))
        second = np.minimum(first + 1, cells - 1)
        part = (at - first).astype(np.float32)
        part = part[None, :] if axis == 1 else part[:, None]
        low, high = np.take(values, first, axis), np.take(values, second, axis)
        # Not low * (1 - part) + high * part, which need not give back a constant exactly.
        high -= low
        high *= part
        high += low
        return np.asarray(high, dtype=np.float32)


def geometry_of(width: int, height: int, spec: InputSpec) -> Geometry:
    """How an image of this size is placed, without its pixels."""
    region = spec.region
    left = min(round(region.left * width), width - 1)
    top = min(round(region.top * height), height - 1)
    across = max(round(region.right * width) - left, 1)
    down = max(round(region.bottom * height) - top, 1)
    paste = (0, 0, spec.width, spec.height)
    if spec.placement == "letterbox":
        scale = min(spec.width / across, spec.height / down)
        new_width = min(max(round(across * scale), 1), spec.width)
        new_height = min(max(round(down * scale), 1), spec.height)
        paste = ((spec.width - new_width) // 2, (spec.height - new_height) // 2, new_width, new_height)
    elif spec.placement == "crop":
        scale = max(spec.width / across, spec.height / down)
        kept_across = min(max(round(spec.width / scale), 1), across)
        kept_down = min(max(round(spec.height / scale), 1), down)
        left += (across - kept_across) // 2
        top += (down - kept_down) // 2
        across, down = kept_across, kept_down
    return Geometry(width, height, (left, top, across, down), paste, spec.width, spec.height)


def place(image: NDArray[np.uint8], spec: InputSpec) -> tuple[NDArray[np.uint8], Geometry]:
    """Bring a decoded RGB image, uint8 [H, W, 3], to the input size, uint8 [spec.height, spec.width, 3].

    Shrinking averages over the pixels' area (no aliasing), enlarging interpolates linearly.
    Raises `ImageError` for an array of another type or shape.
    """
    check_image(image)
    geometry = geometry_of(image.shape[1], image.shape[0], spec)
    return place_view(image, geometry, pad=spec.pad), geometry


def check_image(image: object) -> None:
    """Raise `ImageError` for anything but a uint8 RGB array [H, W, 3]."""
    if not isinstance(image, np.ndarray):
        raise ImageError(
            "the image",
            expected="its encoded bytes, or a decoded uint8 RGB array",
            got=type(image).__name__,
            remedy="Read the file first: pathlib.Path(name).read_bytes().",
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ImageError(
            "the image array",
            expected="uint8 RGB [height, width, 3], not empty",
            got=f"{image.dtype} {list(image.shape)}",
            remedy="Give the encoded bytes, or what `decode` makes of them.",
        )


def place_view(image: NDArray[np.uint8], geometry: Geometry, *, pad: int) -> NDArray[np.uint8]:
    """The part of a decoded RGB image, uint8 [H, W, 3], that `geometry` looks at, at the input's size."""
    left, top, width, height = geometry.crop
    x, y, new_width, new_height = geometry.paste
    resized = _resize(image[top : top + height, left : left + width], new_width, new_height)
    if (new_width, new_height) == (geometry.input_width, geometry.input_height):
        return np.ascontiguousarray(resized)
    result = np.full((geometry.input_height, geometry.input_width, 3), pad, np.uint8)
    result[y : y + new_height, x : x + new_width] = resized
    return result


def place_mask(mask: NDArray[np.uint8], geometry: Geometry, *, fill: int = 0) -> NDArray[np.uint8]:
    """Bring a mask of the decoded image, uint8 [H, W], to the input size, by nearest neighbour.

    `fill` is the value of the letterbox's padding. Raises `DataError` for a mask of another size
    than the image's.
    """
    if mask.shape != (geometry.height, geometry.width):
        raise DataError(
            "the mask",
            expected=f"the image's size, {geometry.width} x {geometry.height}",
            got=" x ".join(str(side) for side in reversed(mask.shape)),
        )
    left, top, width, height = geometry.crop
    x, y, new_width, new_height = geometry.paste
    result = np.full((geometry.input_height, geometry.input_width), fill, np.uint8)
    cut = mask[top : top + height, left : left + width]
    result[y : y + new_height, x : x + new_width] = cv2.resize(
        cut, (new_width, new_height), interpolation=cv2.INTER_NEAREST_EXACT
    )
    return result


def _resize(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Shrink first, then enlarge: OpenCV's area mode averages only where no axis grows."""
    small = min(width, image.shape[1]), min(height, image.shape[0])
    if small != (image.shape[1], image.shape[0]):
        image = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if small != (width, height):
        # The exact variant gives the same bytes on every processor.
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR_EXACT), dtype=np.uint8)
    return image
