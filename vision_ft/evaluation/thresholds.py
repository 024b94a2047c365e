"""Where a threshold may lie, and which pair of thresholds serves an objective best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision_ft.recipe.objective import Objective

RESOLUTION = 1e-6
"""Scores closer than this are one: another machine may order them otherwise."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Cuts:
    """M places between observed scores, ascending; the first lies below all of them, the last above."""

    at: NDArray[np.float64]
    """Threshold midway in the gap [M]."""
    gap: NDArray[np.float64]
    """Width of the gap [M]; 0 for the two at the ends, which rest on no score on their far side."""
    bad: NDArray[np.int64]
    """Defective parts that score below [M]."""
    good: NDArray[np.int64]
    """Good parts that score below [M]."""


def cuts_between(scores: NDArray[np.float64], is_bad: NDArray[np.bool_], image_scores: NDArray[np.float64]) -> Cuts:
    """The cuts that divide P parts by score [P], one for each way to divide them.

    Every cut lies midway between two neighbouring *image* scores, so that no image sits on a
    threshold. Of several that divide the parts alike, the one in the widest gap is kept.
    """
    distinct = np.unique(image_scores)
    breaks = np.flatnonzero(np.diff(distinct) > RESOLUTION)
    lower, upper = distinct[breaks], distinct[breaks + 1]
    first, last = float(distinct[0]), float(distinct[-1])
    # At the ends: halfway to the bound of all scores, or on it (and just beyond 1) where scores reach it.
    bottom = first / 2.0 if first > RESOLUTION else 0.0
    top = (last + 1.0) / 2.0 if last < 1.0 - RESOLUTION else 1.0 + RESOLUTION
    at = np.concatenate([[bottom], (lower + upper) / 2.0, [top]])
    gap = np.concatenate([[0.0], upper - lower, [0.0]])
    bad = np.searchsorted(np.sort(scores[is_bad]), at, side="left")
    good = np.searchsorted(np.sort(scores[~is_bad]), at, side="left")
    below = bad + good
    keep = [
        int(members[np.argmax(gap[members])])
        for members in np.split(np.arange(len(at)), np.flatnonzero(np.diff(below)) + 1)
    ]
    return Cuts(at[keep], gap[keep], bad[keep].astype(np.int64), good[keep].astype(np.int64))


@dataclass(frozen=True, slots=True)
class Pair:
    """Two thresholds on the bad score: pass below the first, reject from the second on."""

    pass_below: float
    reject_from: float
    compromised: bool = False
    """Whether a tolerance had to be given up to hold the others."""


def choose_pair(cuts: Cuts, objective: Objective) -> Pair:
    """The pair of cuts that serves a stated objective best on the parts that the cuts divide.

    Stated tolerances are held (observed rates), and of the pairs that hold them and keep
    within the review share, the one is taken that

    - costs the least, where costs are stated;
    - else, with a tolerance for escapes alone and no review: rejects the fewest good parts,
      then lets the fewest defective ones pass (the highest threshold that the tolerance
      allows, but for steps that only add escapes: those serve nobody);
    - with a tolerance for overkill alone and no review: the same the other way round;
    - with both, or with a review share: has the smallest sum of escape and overkill rate.

    Then the fewest reviews, then the widest gaps decide. Where both tolerances cannot be held
    together, the one for escapes is.

    Needs a defective and a good part; raises ValueError without.
    """
    bad_total, good_total = int(cuts.bad[-1]), int(cuts.good[-1])
    if not bad_total or not good_total:
        raise ValueError("a threshold needs defective and good parts")
    escaped, killed = cuts.bad.astype(np.float64), (good_total - cuts.good).astype(np.float64)
    may_pass = np.ones(len(escaped), dtype=np.bool_)
    may_reject = np.ones(len(escaped), dtype=np.bool_)
    if objective.max_escape_rate is not None:
        may_pass = escaped <= objective.max_escape_rate * bad_total + _ROUNDING
    if objective.max_overkill_rate is not None:
        may_reject = killed <= objective.max_overkill_rate * good_total + _ROUNDING
    share_below = mix(cuts.bad / bad_total, cuts.good / good_total, objective, bad_total, good_total)
    # Keys are whole numbers, so that the lesser aims break ties and no more: reviews, then gaps (below one).
    reviews = (cuts.bad + cuts.good).astype(np.float64)
    scale = bad_total + good_total + 1.0
    first, second = _aims(cuts, objective, escaped, killed)
    pass_key = first * scale - reviews - 0.2 * cuts.gap
    reject_key = second * scale + reviews - 0.2 * cuts.gap
    limit = objective.max_review_share or 0.0
    found = _best(pass_key, reject_key, may_pass, may_reject, share_below, limit)
    compromised = found is None
    if found is None:
        # Escapes first: the fewest rejected good parts that go with the tolerable escapes.
        found = _best(
            -reviews - 0.2 * cuts.gap,
            killed * scale + reviews - 0.2 * cuts.gap,
            may_pass,
            np.ones_like(may_reject),
            share_below,
            limit,
        )
    if found is None:  # pragma: no cover - the lowest cut, where nothing passes, always holds
        raise ValueError("no threshold holds the tolerance for escapes")
    return Pair(float(cuts.at[found[0]]), float(cuts.at[found[1]]), compromised)


def mix(
    bad: NDArray[np.float64] | float,
    good: NDArray[np.float64] | float,
    objective: Objective,
    bad_total: int,
    good_total: int,
) -> NDArray[np.float64]:
    """A share of all parts from the shares of the defective and the good ones.

    Mixed by the defect rate expected on the line, or as observed where none is stated.
    """
    rate = objective.defect_rate
    rate = bad_total / (bad_total + good_total) if rate is None else rate
    return np.asarray(rate * np.asarray(bad) + (1.0 - rate) * np.asarray(good), dtype=np.float64)


def _aims(
    cuts: Cuts, objective: Objective, escaped: NDArray[np.float64], killed: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What is to be small, in whole numbers: by the pass cut [M] and by the reject cut [M]."""
    bad_total, good_total = float(cuts.bad[-1]), float(cuts.good[-1])
    if objective.cost_escape is not None and objective.cost_overkill is not None:
        rate = objective.defect_rate or 0.0
        below = mix(cuts.bad / bad_total, cuts.good / good_total, objective, int(bad_total), int(good_total))
        passing = objective.cost_escape * rate * escaped / bad_total - objective.cost_review * below
        rejecting = objective.cost_overkill * (1.0 - rate) * killed / good_total + objective.cost_review * below
        unit = (objective.cost_escape + objective.cost_overkill + objective.cost_review) / 1e8
        return np.round(passing / unit), np.round(rejecting / unit)
    unassisted = not objective.max_review_share
    if unassisted and objective.max_overkill_rate is None:
        return escaped, killed * (bad_total + 1.0)
    if unassisted and objective.max_escape_rate is None:
        return escaped * (good_total + 1.0), killed
    return escaped * good_total, killed * bad_total


def _best(
    pass_key: NDArray[np.float64],
    reject_key: NDArray[np.float64],
    may_pass: NDArray[np.bool_],
    may_reject: NDArray[np.bool_],
    share_below: NDArray[np.float64],
    max_share: float,
) -> tuple[int, int] | None:
    """The pair i <= j with the smallest sum of keys, at most `max_share` of all parts between them."""
    key = np.where(may_pass, pass_key, np.inf)
    lowest = np.searchsorted(share_below, share_below - max_share - _ROUNDING, side="left")
    best: tuple[float, int, int] | None = None
    for j in np.flatnonzero(may_reject):
        window = key[lowest[j] : j + 1]
        i = int(window.argmin())
        total = float(window[i] + reject_key[j])
        if np.isfinite(total) and (best is None or total < best[0]):
            best = (total, int(lowest[j]) + i, int(j))
    return None if best is None else best[1:]
