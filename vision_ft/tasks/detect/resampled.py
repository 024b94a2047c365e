"""Intervals of average precision: whole groups are drawn again, as in `evaluation.intervals`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision_ft.evaluation.figures import Figure, missing
from vision_ft.evaluation.intervals import draw_weights, strata_of
from vision_ft.evaluation.proportions import LEVEL
from vision_ft.tasks.detect.average_precision import Found, average_precision, matched

IOUS = tuple(np.linspace(0.5, 0.95, 10).round(2).tolist())
REPLICATES = 300
_AT_ONCE = 4_000_000
"""Detections, over all draws, that are weighed together: 50 bytes each."""
_FEW = 2
"""Groups below which drawing tells nothing."""


@dataclass(frozen=True)
class Draws:
    """Average precision of each class in each of R draws."""

    ap_50: NDArray[np.float64]
    """At IoU 0.5 [R, C]; nan where the draw has no such object."""
    ap: NDArray[np.float64]
    """Over IoU 0.5 to 0.95 [R, C]."""


def draw(images: Sequence[Found], groups: NDArray[np.str_], classes: int, *, seed: int) -> Draws:
    """Draw groups with replacement and compute average precision on each draw."""
    names, of_image = np.unique(groups, return_inverse=True)
    present = np.zeros((len(names), classes), np.bool_)
    for image, group in zip(images, of_image, strict=True):
        present[group, image.truth_labels[~image.ignored]] = True
    strata = np.where(present.any(axis=1), strata_of(present), classes)
    weights = draw_weights(strata, REPLICATES, np.random.default_rng(seed))
    found = np.full((len(IOUS), REPLICATES, classes), np.nan)
    for label in range(classes):
        touched = [
            number
            for number, image in enumerate(images)
            if (image.truth_labels == label).any() or (image.labels == label).any()
        ]
        for level, iou in enumerate(IOUS):
            flags = [matched(images[number], label, iou) for number in touched]
            own = of_image[touched]
            if not flags:
                continue
            per_detection = np.repeat(own, [len(one.scores) for one in flags])
            totals = np.bincount(own, weights=[one.total for one in flags], minlength=len(names))
            scores, right, ignored = (
                np.concatenate([getattr(one, name) for one in flags]) for name in ("scores", "right", "ignored")
            )
            block = max(1, _AT_ONCE // max(1, len(per_detection)))
            for start in range(0, REPLICATES, block):
                some = weights[start : start + block]
                found[level, start : start + block, label] = average_precision(
                    scores, right, ignored, some[:, per_detection], some @ totals
                )
    return Draws(found[0], found.mean(axis=0))


def mean_over_classes(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the classes that a draw has [R]."""
    known = ~np.isnan(draws)
    total = np.where(known, draws, 0.0).sum(axis=1)
    return np.asarray(np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan), dtype=np.float64)


def figure(value: float, draws: NDArray[np.float64], groups: int, none: str) -> Figure:
    """A value with the quantiles of its draws [R]; `groups` bear on it, `none` says why there is no value."""
    if not np.isfinite(value):
        return missing(none)
    draws = draws[np.isfinite(draws)]
    if groups < _FEW or len(draws) < 2 or np.ptp(draws) < 1e-12:
        return Figure(value, method="none: too few groups tell nothing of the spread")
    tail = (1.0 - LEVEL) / 2.0
    low, high = (float(one) for one in np.quantile(draws, (tail, 1.0 - tail)))
    return Figure(value, min(low, value), max(high, value), "bootstrap by group")
