"""COCO's figures, computed by faster-coco-eval."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from numpy.typing import NDArray

from vision_ft.tasks.detect.average_precision import Found

SIZES = ("small", "medium", "large")
"""Objects under 32 x 32 pixels, under 96 x 96, and above."""


@dataclass(frozen=True)
class CocoFigures:
    """Average precision over IoU 0.5 to 0.95, at 0.5 and at 0.75; nan where no object is to be found."""

    map: float
    map_50: float
    map_75: float
    ap: NDArray[np.float64]
    """By class [C]."""
    ap_50: NDArray[np.float64]
    """By class [C]."""
    ap_75: NDArray[np.float64]
    """By class [C]."""
    by_size: dict[str, float]
    """Mean average precision over objects of a size."""


def coco_figures(images: Sequence[Found], classes: int, most: int) -> CocoFigures:
    """Figures of detections beside the objects; at most `most` detections of a class count an image."""
    entries: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    for number, image in enumerate(images):
        for box, label, ignored in zip(image.truth, image.truth_labels, image.ignored, strict=True):
            x, y, w, h = box[0], box[1], box[2] - box[0], box[3] - box[1]
            entries.append(
                {
                    "id": len(entries) + 1,
                    "image_id": number + 1,
                    "category_id": int(label) + 1,
                    "bbox": [float(x), float(y), float(w), float(h)],
                    "area": float(w * h),
                    "iscrowd": int(ignored),
                }
            )
        for box, label, score in zip(image.boxes, image.labels, image.scores, strict=True):
            answers.append(
                {
                    "image_id": number + 1,
                    "category_id": int(label) + 1,
                    "bbox": [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])],
                    "score": float(score),
                }
            )
    nothing = np.full(classes, np.nan)
    if not any(not one["iscrowd"] for one in entries):
        return CocoFigures(np.nan, np.nan, np.nan, nothing, nothing, nothing, dict.fromkeys(SIZES, np.nan))
    if not answers:
        present = {one["category_id"] - 1 for one in entries if not one["iscrowd"]}
        zero = np.array([0.0 if k in present else np.nan for k in range(classes)])
        return CocoFigures(0.0, 0.0, 0.0, zero, zero.copy(), zero.copy(), dict.fromkeys(SIZES, np.nan))
    document = {
        "images": [{"id": k + 1, "width": 1, "height": 1} for k in range(len(images))],
        "categories": [{"id": k + 1, "name": str(k)} for k in range(classes)],
        "annotations": entries,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(document)
        judge = COCOeval_faster(truth, truth.loadRes(answers), iouType="bbox", print_function=lambda *_: None)
        judge.params.maxDets = [1, 10, most]
        judge.evaluate()
        judge.accumulate()
    # [IoU, recall, class, area, most]; -1 where there is no object.
    precision = np.where(judge.eval["precision"] < 0, np.nan, judge.eval["precision"])[..., -1]

    def mean(values: NDArray[np.float64]) -> float:
        return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")

    by_class = [precision[:, :, k, 0] for k in range(classes)]
    return CocoFigures(
        map=mean(precision[..., 0]),
        map_50=mean(precision[0, ..., 0]),
        map_75=mean(precision[5, ..., 0]),
        ap=np.array([mean(one) for one in by_class]),
        ap_50=np.array([mean(one[0]) for one in by_class]),
        ap_75=np.array([mean(one[5]) for one in by_class]),
        by_size={name: mean(precision[..., k + 1]) for k, name in enumerate(SIZES)},
    )
