"""Defects found by segmentation: their sizes, their plain JSON, and how they are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.drawing import colour_of, draw_name
from vision_ft.bundle.label_views import Heat
from vision_ft.bundle.regions import Region
from vision_ft.bundle.results import Found
from vision_ft.bundle.run_length import encode


@dataclass(frozen=True, slots=True)
class Defect:
    """One connected region of a class."""

    target: str
    """Class id."""
    name: str
    region: Region
    mm_per_pixel: float | None = None

    @property
    def score(self) -> float:
        """Mean probability of its pixels to be anything but background, in [0, 1]."""
        return self.region.score

    @property
    def area_mm2(self) -> float | None:
        """Area on the part; None where the pixel's size is not known."""
        return None if self.mm_per_pixel is None else self.region.area * self.mm_per_pixel**2

    def to_json(self, width: int, height: int) -> dict[str, Any]:
        """Plain JSON; the mask in COCO's compressed run lengths over the whole image."""
        length = self.region.length()
        found = {
            "label": self.target,
            "name": self.name,
            "score": self.score,
            "box": list(self.region.box),
            "area_px": self.region.area,
            "length_px": round(length, 2),
        }
        if self.mm_per_pixel is not None:
            found |= {"area_mm2": self.area_mm2, "length_mm": round(length * self.mm_per_pixel, 4)}
        region = self.region
        counts = encode(region.mask, left=region.left, top=region.top, size=(height, width))
        return {**found, "mask": {"size": [height, width], "counts": counts}}


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """The defects of an image, most certain first, and where the evidence lies."""

    defects: tuple[Defect, ...]
    heat: Heat | None
    """None where it was turned off."""
    width: int
    height: int

    def to_json(self) -> dict[str, Any]:
        """The defects; the map is asked for apart."""
        return {"defects": [one.to_json(self.width, self.height) for one in self.defects]}

    def found(self) -> tuple[Found, ...]:
        """The defects, most certain first."""
        return tuple(Found(one.target, one.name, one.score) for one in self.defects)

    def label_map(self) -> NDArray[np.uint8]:
        """Class of each pixel of the original image, uint8 [H, W]: 0 background, k + 1 the k-th object class."""
        drawn = np.zeros((self.height, self.width), np.uint8)
        for one in reversed(self.defects):
            one.region.paint(drawn, one.region.label)
        return drawn

    def heatmap(self) -> NDArray[np.float32] | None:
        """Probability of anything but background over the original image, float32 [H, W] in [0, 1]."""
        return None if self.heat is None else self.heat.over_image()

    def overlay(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The defects filled and outlined, with class and area, on the RGB image, uint8 [H, W, 3]."""
        drawn = image.copy()
        thick = max(1, round(min(image.shape[:2]) / 300))
        for one in reversed(self.defects):
            left, top, right, bottom = one.region.box
            colour = np.array(colour_of(one.region.label - 1), np.float32)
            cut = drawn[top:bottom, left:right]
            mask = one.region.mask
            cut[mask] = np.rint(0.62 * cut[mask] + 0.38 * colour).astype(np.uint8)
        for one in reversed(self.defects):
            self._outline(drawn, one, thick)
        for one in reversed(self.defects):
            left, top, _, _ = one.region.box
            draw_name(drawn, (left, top), f"{one.name} {_size_of(one)}", colour_of(one.region.label - 1))
        return drawn

    def _outline(self, drawn: NDArray[np.uint8], one: Defect, thick: int) -> None:
        """The outline just outside of the defect, coloured and then dark: it shows on any ground and hides nothing."""
        margin = 3 * thick
        left, top, right, bottom = one.region.box
        x, y = max(0, left - margin), max(0, top - margin)
        cut = drawn[y : bottom + margin, x : right + margin]
        mask = np.zeros(cut.shape[:2], np.uint8)
        mask[top - y : bottom - y, left - x : right - x] = one.region.mask
        near = cv2.dilate(mask, _disc(thick)) > 0
        far = cv2.dilate(mask, _disc(2 * thick)) > 0
        cut[far & ~near] = np.rint(0.45 * cut[far & ~near]).astype(np.uint8)
        cut[near & (mask == 0)] = colour_of(one.region.label - 1)


def _size_of(one: Defect) -> str:
    area = one.area_mm2
    # The font has no superscripts.
    return f"{one.region.area} px" if area is None else f"{area:.3g} mm2"


def _disc(radius: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)
