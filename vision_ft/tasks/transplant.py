"""Defects moved onto good parts: a rare defect seen on many backgrounds.

The labelled pixels of a defect are blended into the image of another, good part (Poisson
image editing, Pérez et al., SIGGRAPH 2003). Good is pasted onto good in the same way, or the
network would learn the seam instead of the defect. Donors and recipients are training
images of the same fit, so nothing crosses a fold.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_GROW = 4
"""Pixels of surroundings that move with a defect."""
_LARGEST = 0.7
"""A defect whose box covers more of the image than this is left where it is."""
_PAD = 12


def transplant(
    recipient: NDArray[np.uint8], donor: NDArray[np.uint8], mask: NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.uint8] | None:
    """The donor's masked pixels blended into the recipient at a new place, uint8 RGB [H, W, 3]; see `transplanted`."""
    made = transplanted(recipient, donor, mask, rng)
    return None if made is None else made[0]


def transplanted(
    recipient: NDArray[np.uint8], donor: NDArray[np.uint8], mask: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
    """The recipient with the donor's masked pixels at a new place, uint8 RGB [H, W, 3], and the mask as it moved.

    All three have one size; `mask` uint8 [H, W] is non-zero on the defect, and what it says goes
    along. A defect at the border stays at its place: there it belongs to the part's edge. None
    where the mask is empty, or too large to be moved.
    """
    if rng.random() < 0.5:
        donor, mask = donor[:, ::-1], mask[:, ::-1]
    if rng.random() < 0.5:
        donor, mask = donor[::-1], mask[::-1]
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    if (bottom - top) * (right - left) > _LARGEST * height * width:
        return None
    margin = max(2, round(0.02 * max(height, width)))
    at_border = top < margin or left < margin or bottom > height - margin or right > width - margin
    down = 0 if at_border else int(rng.integers(-top, height - bottom + 1))
    across = 0 if at_border else int(rng.integers(-left, width - right + 1))
    grown = cv2.dilate((mask > 0).astype(np.uint8) * 255, np.ones((2 * _GROW + 1, 2 * _GROW + 1), np.uint8))
    # Blending needs a rim around what is pasted, also at the image's border.
    around = (_PAD, _PAD, _PAD, _PAD)
    source = cv2.copyMakeBorder(np.ascontiguousarray(donor), *around, cv2.BORDER_REPLICATE)
    target = cv2.copyMakeBorder(recipient, *around, cv2.BORDER_REPLICATE)
    where = cv2.copyMakeBorder(grown, *around, cv2.BORDER_CONSTANT, value=0)
    x, y, w, h = cv2.boundingRect(where)
    centre = (x + w // 2 + across, y + h // 2 + down)
    if not _fits(centre, w, h, target.shape[1], target.shape[0]):
        return None
    blended = cv2.seamlessClone(source, target, where, centre, cv2.NORMAL_CLONE)
    moved = np.zeros_like(mask)
    moved[top + down : bottom + down, left + across : right + across] = mask[top:bottom, left:right]
    return np.ascontiguousarray(blended[_PAD:-_PAD, _PAD:-_PAD]), moved


def _fits(centre: tuple[int, int], width: int, height: int, across: int, down: int) -> bool:
    """Whether OpenCV can paste a box of this size there without leaving the image."""
    left, top = centre[0] - width // 2, centre[1] - height // 2
    return left >= 1 and top >= 1 and left + width < across and top + height < down
