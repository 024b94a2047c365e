"""The misclassified images, escapes and overkill first, with the evidence beside each."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.decision import Decision
from vision_ft.errors import VisionFTError
from vision_ft.evaluation.parts import Parts, parts_of
from vision_ft.evaluation.table import SEVERITY, PredictionTable

Loader = Callable[[str], NDArray[np.uint8]]
"""From a path to the RGB image, uint8 [H, W, 3]."""
Overlay = Callable[[str], NDArray[np.uint8] | None]
"""From a path to the image with its evidence drawn on it; None where there is none."""

THUMBNAIL = 220
"""Longest side of a thumbnail in pixels."""
_QUALITY = 82
_URGENT = ("escape", "overkill", "")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One misclassified image, ready for the page."""

    name: str
    part: str
    labelled: str
    answered: str
    probability: float
    labelled_probability: float
    """Probability that was given to the labelled class."""
    decision: Decision
    kind: str
    """escape or overkill where the image's whole part is one, else empty."""
    image: str
    """data URI, "" where the image cannot be shown."""
    overlay: str
    """data URI, "" where there is no evidence to show."""


def mistakes(
    table: PredictionTable, images: Loader | None, overlay: Overlay | None, *, most: int = 48
) -> list[Mistake]:
    """At most `most` misclassified images: escapes, overkill, others, each by the probability of the wrong answer."""
    wrong = np.flatnonzero(table.labels != table.targets)
    parts = parts_of(table)
    urgency = np.array([_URGENT.index(_kind(table, parts, int(row))) for row in wrong], dtype=np.int64)
    order = wrong[np.lexsort((-table.confidence[wrong], urgency))][:most]
    return [_mistake(table, parts, int(row), images, overlay) for row in order]


def _kind(table: PredictionTable, parts: Parts, row: int) -> str:
    """What the image's answer does to its part: escape, overkill, or nothing that a line would notice."""
    if table.is_bad is None:
        return ""
    part = parts.of_image[row]
    if parts.is_bad[part] and SEVERITY[parts.severity[part]] is Decision.PASS:
        return "escape"
    return "overkill" if not parts.is_bad[part] and table.decisions[row] is Decision.REJECT else ""


def _mistake(table: PredictionTable, parts: Parts, row: int, images: Loader | None, overlay: Overlay | None) -> Mistake:
    target, label = int(table.targets[row]), int(table.labels[row])
    path = str(table.paths[row])
    return Mistake(
        name=PurePosixPath(path).name,
        part=str(table.parts[row]),
        labelled=table.classes[target].title,
        answered=table.classes[label].title,
        probability=float(table.confidence[row]),
        labelled_probability=float(table.probabilities[row, target]),
        decision=table.decisions[row],
        kind=_kind(table, parts, row),
        image=as_data_uri(images, path),
        overlay=as_data_uri(overlay, path),
    )


def as_data_uri(source: Loader | Overlay | None, path: str, *, longest: int = THUMBNAIL) -> str:
    """What `source` shows of a path as a data URI, "" where it cannot be shown."""
    if source is None:
        return ""
    try:
        picture = source(path)
    except (VisionFTError, OSError):
        # The figures stand without the picture: the page says that the file is no longer there.
        return ""
    return "" if picture is None else data_uri(picture, longest=longest)


def data_uri(picture: NDArray[np.uint8], *, longest: int = THUMBNAIL) -> str:
    """A JPEG of an RGB image, uint8 [H, W, 3], no side longer than `longest` pixels, as a data URI."""
    scale = longest / max(picture.shape[:2])
    if scale < 1.0:
        size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    _, encoded = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")
