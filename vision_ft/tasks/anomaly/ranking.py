"""How well scores rank, for many weightings of the images at once: what intervals are drawn with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vision_ft.evaluation.figures import Figure
from vision_ft.evaluation.intervals import REPLICATES, draw_weights, resampled

_BLOCK = 4_000_000
"""Weights of images in draws that are held at once."""


def auroc(scores: NDArray[np.float64], bad: NDArray[np.bool_], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chance that a bad one of N scores higher than a good one, ties counting half, under weights [R, N]: [R]."""
    rising = _by_score(scores, np.where(bad, 0.0, 1.0) * weights), _by_score(scores, np.where(bad, 1.0, 0.0) * weights)
    good, odd = rising
    below = np.cumsum(good, axis=1) - 0.5 * good
    return np.asarray((below * odd).sum(axis=1) / (good.sum(axis=1) * odd.sum(axis=1)))


def average_precision(
    scores: NDArray[np.float64], bad: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Precision at each score, weighted by the recall that it adds, under weights [R, N]: [R]."""
    odd = _by_score(scores, np.where(bad, 1.0, 0.0) * weights)[:, ::-1]
    every = _by_score(scores, weights)[:, ::-1]
    found, answered = np.cumsum(odd, axis=1), np.cumsum(every, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(answered > 0, found / answered, 0.0)
        return np.asarray((precision * odd).sum(axis=1) / odd.sum(axis=1))


def _by_score(scores: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights summed over equal scores, in rising order of these [R, S]."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.nan) != 0)
    return np.asarray(np.add.reduceat(weights[:, order], starts, axis=1))


def group_strata(bad: NDArray[np.bool_], of_unit: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Stratum of each of `count` groups: 1 where any unit [N] in it is bad, so that both kinds are in every draw."""
    marked = np.zeros(count, dtype=np.bool_)
    np.logical_or.at(marked, of_unit, bad)
    return marked.astype(np.int64)


def ranked(
    measure: str, scores: NDArray[np.float64], bad: NDArray[np.bool_], groups: NDArray[np.str_], *, seed: int
) -> Figure:
    """`auroc` or `average_precision` of N scores with its interval by group; both kinds must be there."""
    of = {"auroc": auroc, "average_precision": average_precision}[measure]
    names, of_unit = np.unique(groups, return_inverse=True)
    strata = group_strata(bad, of_unit, len(names))
    value = float(of(scores, bad, np.ones((1, len(scores))))[0])
    rng = np.random.default_rng(seed)
    block = max(1, min(REPLICATES, _BLOCK // len(scores)))
    drawn = [
        of(scores, bad, draw_weights(strata, min(block, REPLICATES - start), rng)[:, of_unit])
        for start in range(0, REPLICATES, block)
    ]
    return interval(value, np.concatenate(drawn), strata)


def interval(value: float, draws: NDArray[np.float64], strata: NDArray[np.int64]) -> Figure:
    """A figure in [0, 1] from its value and its draws of groups in strata [G] (see `evaluation.intervals`)."""
    kinds = np.unique(strata)
    # The rarer kind decides how much is known where draws tell nothing. Where they tell, it bounds nothing:
    # a rank compares all pairs, and is no share of that kind's groups.
    fewest = min(int((strata == kind).sum()) for kind in kinds)
    return resampled(value, draws, groups=len(strata), lost=len(kinds), worth=fewest, exact_below=0)
