"""Boxes and names drawn on images, readable on light and dark ones."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
"""Red, green, blue."""

# Okabe and Ito's palette, brightened for dark surfaces: people with colour-blindness can tell them apart.
_PALETTE: tuple[Colour, ...] = (
    (240, 228, 66), (86, 180, 233), (230, 159, 0), (0, 200, 140), (204, 121, 167), (255, 110, 70), (120, 140, 255),
    (190, 240, 130),
)  # fmt: skip
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def colour_of(number: int) -> Colour:
    """The colour of a class by its number."""
    return _PALETTE[number % len(_PALETTE)]


def draw_box(image: NDArray[np.uint8], box: Sequence[float], text: str, colour: Colour) -> None:
    """Draw a box (left, top, right, bottom in pixels) and its name into an RGB image, uint8 [H, W, 3], in place."""
    height, width = image.shape[:2]
    thick = max(1, round(min(height, width) / 300))
    left, top, right, bottom = (round(value) for value in box)
    right, bottom = max(left + 1, right - 1), max(top + 1, bottom - 1)
    cv2.rectangle(image, (left, top), (right, bottom), (0, 0, 0), thick + 2)
    cv2.rectangle(image, (left, top), (right, bottom), colour, thick)
    draw_name(image, (left, top), text, colour)


def draw_name(image: NDArray[np.uint8], at: tuple[int, int], text: str, colour: Colour) -> None:
    """Draw a name on a plate of its colour, above the point x, y or below it, never outside of the image."""
    if not text:
        return
    height, width = image.shape[:2]
    scale = max(0.32, min(height, width) / 900)
    thick = max(1, round(scale * 1.6))
    shown = text.encode("ascii", "replace").decode()  # the font has no other letters
    (across, up), below = cv2.getTextSize(shown, _FONT, scale, thick)
    pad = max(1, round(3 * scale))
    x = max(0, min(at[0], width - across - 2 * pad))
    y = at[1] - 1 if at[1] - up - below - 2 * pad >= 0 else at[1] + up + below + 2 * pad
    y = min(max(y, up + below + 2 * pad), height)
    cv2.rectangle(image, (x, y - up - below - 2 * pad), (x + across + 2 * pad, y), colour, cv2.FILLED)
    dark = (0, 0, 0) if sum(colour) > 300 else (255, 255, 255)
    cv2.putText(image, shown, (x + pad, y - below - pad), _FONT, scale, dark, thick, cv2.LINE_AA)
