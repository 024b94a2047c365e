"""A picture of labelled images, each with what is labelled on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from itertools import zip_longest
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.decode import decode
from vision_ft.data.background import with_background
from vision_ft.data.drawing import draw_truth
from vision_ft.data.index import Index, Sample
from vision_ft.errors import UsageError

SIDE = 288
"""Longest side of an image on the sheet, in pixels."""
GAP, CAPTION = 6, 22
COLUMNS, MOST = 4, 24


def write_sheet(index: Index, file: Path, *, seed: int = 0) -> None:
    """Write a PNG of up to 24 labelled images, of each class in turn, under their classes' ids.

    Raises `UsageError` where the picture cannot be written or there is no image, and what `draw_truth` raises.
    """
    if index.has_objects:
        index = with_background(index)

    def drawn(sample: Sample) -> int:
        return int.from_bytes(hashlib.sha256(f"{seed} {sample.digest}".encode()).digest()[:4], "big")

    shown = in_turn(list(index.samples()), drawn)[:MOST]
    bands = [
        band(
            [labelled(one, index.classes) for one in row],
            COLUMNS,
            [", ".join(one.targets) for one in row],
        )
        for row in (shown[start : start + COLUMNS] for start in range(0, len(shown), COLUMNS))
    ]
    write_bands(bands, file)


def in_turn(samples: Sequence[Sample], order: Callable[[Sample], int]) -> list[Sample]:
    """The samples in some order, one of each class (by first target) in turn."""
    by_class: dict[str, list[int]] = {}
    for number in sorted(range(len(samples)), key=lambda n: order(samples[n])):
        by_class.setdefault(samples[number].targets[0], []).append(number)
    rows = [n for turn in zip_longest(*(by_class[c] for c in sorted(by_class))) for n in turn if n is not None]
    return [samples[number] for number in rows]


def labelled(sample: Sample, classes: Sequence[ClassInfo]) -> NDArray[np.uint8]:
    """The original at the size that it is shown at, with its labels drawn where it has any."""
    small = fitting(decode(sample.path.read_bytes()))
    return small if sample.objects is None and sample.mask is None else draw_truth(small, sample, classes)


def fitting(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image, shrunk or enlarged to the longest side of the sheet."""
    scale = SIDE / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)


def band(images: Sequence[NDArray[np.uint8]], columns: int, captions: Sequence[str]) -> NDArray[np.uint8]:
    """A row of the sheet, of so many columns; the first images have captions above them."""
    small = [fitting(image) for image in images]
    high = max(image.shape[0] for image in small)
    row = np.full((high + CAPTION + GAP, (SIDE + GAP) * columns + GAP, 3), 255, np.uint8)
    for number, image in enumerate(small):
        left = GAP + number * (SIDE + GAP)
        row[CAPTION : CAPTION + image.shape[0], left : left + image.shape[1]] = image
    for number, caption in enumerate(captions):
        # A caption may run on over the images beside it that have none, and over no other one's.
        room = row[:CAPTION, GAP + number * (SIDE + GAP) :]
        room = room[:, : SIDE if number + 1 < len(captions) else room.shape[1]]
        shown = np.ascontiguousarray(room)
        cv2.putText(shown, caption, (0, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (40, 40, 40), 1, cv2.LINE_AA)
        room[:] = shown
    return row


def write_bands(bands: Sequence[NDArray[np.uint8]], file: Path) -> None:
    """Write rows of one width below each other as a PNG; raises `UsageError` where that cannot be done."""
    if not bands:
        raise UsageError(f"{file} cannot be written", got="no image to show")
    if not cv2.imwrite(str(file), np.concatenate(bands)[:, :, ::-1]):
        raise UsageError(f"{file} cannot be written", expected="a name that ends in .png, in a folder that exists")
