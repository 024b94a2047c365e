"""Figures of summed areas with intervals: whole groups are drawn again, as in `evaluation.intervals`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vision_ft.evaluation.figures import Figure, missing
from vision_ft.evaluation.intervals import REPLICATES, draw_weights, resampled, strata_of
from vision_ft.evaluation.proportions import LEVEL
from vision_ft.tasks.segment.overlap import Overlap

_NO_AREA = "no labelled pixel of this class"


@dataclass(frozen=True)
class AreaFigures:
    """IoU and Dice by class and their means over the labelled classes."""

    iou: tuple[Figure, ...]
    dice: tuple[Figure, ...]
    mean_iou: Figure
    mean_dice: Figure


def area_figures(images: Sequence[Overlap], groups: NDArray[np.str_], classes: int, *, seed: int) -> AreaFigures:
    """Areas are summed by class over the images, in `groups` [N], before they are divided."""
    if not images:
        nothing = missing("there is no defective image")
        return AreaFigures((nothing,) * classes, (nothing,) * classes, nothing, nothing)
    names, of_image = np.unique(groups, return_inverse=True)
    sums = np.zeros((len(names), 3, classes))
    for image, group in zip(images, of_image, strict=True):
        sums[group] += np.stack([image.common, image.answered, image.labelled])
    present = sums[:, 2] > 0
    strata = np.where(present.any(axis=1), strata_of(present), classes)
    weights = draw_weights(strata, REPLICATES, np.random.default_rng(seed))
    drawn = np.einsum("rg,gsk->rsk", weights, sums)
    bearing = present.sum(axis=0)
    found = []
    for ratio in (_iou, _dice):
        values, draws = ratio(sums.sum(axis=0)[None])[0], ratio(drawn)
        each = tuple(_figure(values[k], draws[:, k], int(bearing[k]), 1) for k in range(classes))
        freedom_lost = len(np.unique(strata[present.any(axis=1)]))
        mean = _figure(_mean(values[None])[0], _mean(draws), int(present.any(axis=1).sum()), freedom_lost)
        found.append((each, _widened(mean, each, bearing)))
    (iou, mean_iou), (dice, mean_dice) = found
    return AreaFigures(iou, dice, mean_iou, mean_dice)


def area_share(events: NDArray[np.int64], areas: NDArray[np.int64], groups: NDArray[np.str_], *, seed: int) -> Figure:
    """Share of the images' areas [N] with an event, in pixels each; the interval is drawn by group."""
    if not len(areas):
        return missing("there is no good part")
    names, of_image = np.unique(groups, return_inverse=True)
    sums = np.stack([np.bincount(of_image, weights=one, minlength=len(names)) for one in (events, areas)])
    weights = draw_weights(np.zeros(len(names), np.int64), REPLICATES, np.random.default_rng(seed))
    drawn = weights @ sums.T
    return _figure(float(sums[0].sum() / sums[1].sum()), drawn[:, 0] / drawn[:, 1], len(names), 1)


def _iou(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of sums [R, 3, K] of common, answered and labelled areas [R, K]; nan where nothing is labelled."""
    common, answered, labelled = sums[:, 0], sums[:, 1], sums[:, 2]
    return np.where(labelled > 0, common / np.maximum(answered + labelled - common, 1e-9), np.nan)


def _dice(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    common, answered, labelled = sums[:, 0], sums[:, 1], sums[:, 2]
    return np.where(labelled > 0, 2 * common / np.maximum(answered + labelled, 1e-9), np.nan)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the classes that are known [R]."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.asarray(np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan))


def _figure(value: float, draws: NDArray[np.float64], groups: int, strata: int) -> Figure:
    """A value in [0, 1] with its interval; `groups` in so many `strata` bear on it."""
    if not np.isfinite(value):
        return missing(_NO_AREA)
    return resampled(value, draws, groups=groups, lost=strata)


def _widened(mean: Figure, each: Sequence[Figure], bearing: NDArray[np.int64]) -> Figure:
    """The mean with what is not known of classes of a single group, whose spread no draw shows (see `intervals`)."""
    known = [one for one in each if one.value is not None]
    blind = [(one.value or 0.0, int(n)) for one, n in zip(each, bearing, strict=True) if one.trials is not None]
    if mean.value is None or mean.low is None or mean.high is None or mean.trials is not None or not blind:
        return mean
    below, above = (mean.value - mean.low) ** 2, (mean.high - mean.value) ** 2
    quantile = float(stats.norm.ppf(1.0 - (1.0 - LEVEL) / 2.0))
    for value, groups in blind:
        posterior = stats.beta(value * groups + 0.5, (1.0 - value) * groups + 0.5)
        squared = (quantile / len(known)) ** 2 * float(posterior.var() + (posterior.mean() - value) ** 2)
        below, above = below + squared, above + squared
    return replace(
        mean,
        low=max(0.0, mean.value - float(np.sqrt(below))),
        high=min(1.0, mean.value + float(np.sqrt(above))),
        method=f"{mean.method}, widened for {len(blind)} of {len(known)} classes",
    )
