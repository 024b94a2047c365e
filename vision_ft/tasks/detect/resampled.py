"""Intervals of average precision: whole groups are drawn again, as in `evaluation.intervals`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision_ft.evaluation.figures import Figure, missing
from vision_ft.evaluation.intervals import draw_weights, resampled, strata_of, widened
from vision_ft.tasks.detect.average_precision import Found, average_precision, matched

IOUS = tuple(np.linspace(0.5, 0.95, 10).round(2).tolist())
REPLICATES = 300
_AT_ONCE = 4_000_000
"""Detections, over all draws, that are weighed together: 50 bytes each."""
NO_OBJECT = "no object is labelled"


@dataclass(frozen=True)
class Draws:
    """Average precision of each class in each of R draws."""

    ap_50: NDArray[np.float64]
    """At IoU 0.5 [R, C]; nan where the draw has no such object."""
    ap_75: NDArray[np.float64]
    """At IoU 0.75 [R, C]."""
    ap: NDArray[np.float64]
    """Over IoU 0.5 to 0.95 [R, C]."""
    groups: NDArray[np.int64]
    """Groups with such an object [C]."""
    bearing: int
    """Groups with any object."""
    strata: int
    """Strata that these were drawn in."""


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
                # Weights are fractions: rounding must not keep the recall of all objects below 1.
                sought = (some @ totals) * (1.0 - 1e-9)
                found[level, start : start + block, label] = average_precision(
                    scores, right, ignored, some[:, per_detection], sought
                )
    some_object = present.any(axis=1)
    return Draws(
        found[0],
        found[IOUS.index(0.75)],
        found.mean(axis=0),
        groups=present.sum(axis=0),
        bearing=int(some_object.sum()),
        strata=len(np.unique(strata[some_object])),
    )


def mean_over_classes(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the classes that a draw has [R]."""
    known = ~np.isnan(draws)
    total = np.where(known, draws, 0.0).sum(axis=1)
    return np.asarray(np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan), dtype=np.float64)


def figures(
    mean: float, values: NDArray[np.float64], draws: Draws, drawn: NDArray[np.float64]
) -> tuple[Figure, tuple[Figure, ...]]:
    """The mean over classes and the figure of each [C], from the values and one kind of draws, `drawn` [R, C]."""
    each = tuple(
        _figure(float(value), drawn[:, k], int(draws.groups[k]), 1, "no object of this class")
        for k, value in enumerate(values)
    )
    whole = _figure(mean, mean_over_classes(drawn), draws.bearing, draws.strata, NO_OBJECT)
    return widened(whole, [one for one in each if one.value is not None]), each


def _figure(value: float, draws: NDArray[np.float64], groups: int, strata: int, none: str) -> Figure:
    """A value with its interval; `groups` in so many `strata` bear on it, `none` says why there is no value."""
    if not np.isfinite(value):
        return missing(none)
    # COCO's evaluator adds an epsilon to its counts, so that what is perfect comes out below 1.
    return resampled(float(np.round(value, 12)), draws, groups=groups, lost=strata)
