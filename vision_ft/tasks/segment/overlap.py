"""How far answers and labels of an image overlap, by class and by defect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.regions import Region
from vision_ft.data.object_masks import IGNORED, LEAST_AREA

MATCH = 0.1
"""IoU from which an answered defect meets a labelled one: it says where to look, not how large it is."""


@dataclass(frozen=True, slots=True)
class LabelledDefect:
    """A connected region (8-connectivity) of one class in the labels, and what was answered there."""

    label: int
    """Number among the object classes."""
    area: int
    """Pixels."""
    answer: int | None
    """Class of the answered region of any class that overlaps it most, from IoU 0.1 on; None where it was missed."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """One image. Ignored pixels count nowhere."""

    common: NDArray[np.int64]
    """Pixels of each object class in labels and answer [K]."""
    answered: NDArray[np.int64]
    """Pixels of each in the answer [K]."""
    labelled: NDArray[np.int64]
    """Pixels of each in the labels [K]."""
    pixels: int
    """All that are not ignored."""
    defects: tuple[LabelledDefect, ...]

    @property
    def iou(self) -> float:
        """Intersection over union of all classes' pixels; 1 where nothing is labelled or answered."""
        common = int(self.common.sum())
        union = int(self.answered.sum()) + int(self.labelled.sum()) - common
        return common / union if union else 1.0


def overlap(truth: NDArray[np.uint8], answer: NDArray[np.uint8], found: Sequence[Region], classes: int) -> Overlap:
    """Compare a class mask (see `class_mask`) with a label map, both uint8 [H, W], and its regions."""
    valid = truth != IGNORED
    ours, theirs = answer[valid], truth[valid]
    both, answered, labelled = (
        np.bincount(one, minlength=classes + 1)[1:] for one in (ours[ours == theirs], ours, theirs)
    )
    return Overlap(both, answered, labelled, int(valid.sum()), tuple(_defects(truth, valid, found, classes)))


def _defects(
    truth: NDArray[np.uint8], valid: NDArray[np.bool_], found: Sequence[Region], classes: int
) -> list[LabelledDefect]:
    drawn = np.zeros(truth.shape, np.int32)
    for number, region in enumerate(found, start=1):
        left, top, right, bottom = region.box
        drawn[top:bottom, left:right][region.mask] = number
    drawn[~valid] = 0
    areas = np.bincount(drawn.ravel(), minlength=len(found) + 1)
    listed = []
    for label in range(classes):
        layer = (truth == label + 1).astype(np.uint8)
        if not layer.any():
            continue
        _, numbers, stats, _ = cv2.connectedComponentsWithStats(layer, connectivity=8)
        for number, (left, top, width, height, area) in enumerate(stats[1:].tolist(), start=1):
            if area < LEAST_AREA:
                continue
            box = (slice(top, top + height), slice(left, left + width))
            common = np.bincount(drawn[box][numbers[box] == number], minlength=len(found) + 1)[1:]
            iou = common / (areas[1:] + area - common)
            met = len(iou) > 0 and float(iou.max()) >= MATCH
            listed.append(LabelledDefect(label, area, found[int(iou.argmax())].label - 1 if met else None))
    return listed
