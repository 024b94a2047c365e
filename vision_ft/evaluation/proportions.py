"""Intervals and bounds for proportions: exact for independent units, widened for clustered ones.

Independent units: Clopper and Pearson, Biometrika 26 (1934). Units that come in groups (the
parts of one lot): the same interval with the effective number of units in the place of their
number, after Korn and Graubard, Survey Methodology 24 (1998).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vision_ft.evaluation.figures import Figure, missing

LEVEL = 0.95


def clopper_pearson(successes: float, trials: float, level: float = LEVEL) -> tuple[float, float]:
    """Two-sided interval of a proportion; fractional counts are allowed, and (0, 1) answers no trials."""
    tail = (1.0 - level) / 2.0
    return _lower(successes, trials, tail), _upper(successes, trials, tail)


def upper_bound(successes: float, trials: float, level: float = LEVEL) -> float:
    """One-sided upper bound of a proportion ("at most")."""
    return _upper(successes, trials, 1.0 - level)


def lower_bound(successes: float, trials: float, level: float = LEVEL) -> float:
    """One-sided lower bound of a proportion ("at least")."""
    return _lower(successes, trials, 1.0 - level)


def _upper(successes: float, trials: float, tail: float) -> float:
    if trials <= 0 or successes >= trials:
        return 1.0
    return float(stats.beta.ppf(1.0 - tail, successes + 1.0, trials - successes))


def _lower(successes: float, trials: float, tail: float) -> float:
    if trials <= 0 or successes <= 0:
        return 0.0
    return float(stats.beta.ppf(tail, successes, trials - successes + 1.0))


def needed_without_event(limit: float, level: float = LEVEL) -> int:
    """Smallest number of units that, all without an event, shows a rate of at most `limit`.

    The smallest n with (1 - limit)^n <= 1 - level; 59 for 5 % at 95 %.
    """
    n = max(1, math.floor(math.log(1.0 - level) / math.log1p(-limit)))
    while (1.0 - limit) ** n > 1.0 - level:
        n += 1
    return n


def needed_at_rate(rate: float, limit: float, level: float = LEVEL) -> int | None:
    """Smallest number of units at which a rate that stays as observed is shown to be at most `limit`.

    None where the observed rate is not below the limit: more units at that rate show nothing.
    """
    if rate <= 0.0:
        return needed_without_event(limit, level)
    if rate >= limit:
        return None
    low, high = 1, 2
    while upper_bound(rate * high, high, level) > limit:
        low, high = high, high * 2
        if high > 10**9:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if upper_bound(rate * middle, middle, level) > limit:
            low = middle
        else:
            high = middle
    return high


def effective_trials(events: NDArray[np.bool_], groups: NDArray[np.str_]) -> float:
    """How many independent units the units [N] in their groups [N] are worth, at most N.

    N where each group has one unit. Where all units or none have the event, their likeness
    within a group cannot be seen, and a group counts once. Else N over the design effect
    (the variance between groups against that of independent units), with the factor that
    pays for estimating it from few groups.
    """
    count = len(events)
    names, of_unit = np.unique(groups, return_inverse=True)
    clusters = len(names)
    if clusters == count:
        return float(count)
    rate = float(events.mean()) if count else 0.0
    if clusters < 2 or rate in (0.0, 1.0):
        return float(clusters)
    residuals = np.bincount(of_unit, weights=events - rate)
    variance = clusters / (clusters - 1) * float((residuals**2).sum()) / count**2
    design = variance / (rate * (1.0 - rate) / (count - 1))
    quantile = 1.0 - (1.0 - LEVEL) / 2.0
    few = float((stats.t.ppf(quantile, count - 1) / stats.t.ppf(quantile, clusters - 1)) ** 2)
    return float(np.clip(count / max(design, 1.0) * few, 1.0, count))


def share(events: NDArray[np.bool_], groups: NDArray[np.str_], *, unit: str, none: str) -> Figure:
    """The share of units [N] with the event, with its interval.

    `unit` says what is counted, in the plural; `none` why there is no figure where N is 0.
    """
    count = len(events)
    if count == 0:
        return missing(none, unit)
    successes = int(events.sum())
    trials = effective_trials(events, groups)
    rate = successes / count
    low, high = clopper_pearson(rate * trials, trials)
    method = "Clopper-Pearson"
    if trials < count:
        method += f", {count} {unit} in {len(np.unique(groups))} groups counted as {trials:.1f}"
    return Figure(rate, low, high, method, successes, count, unit=unit, trials=trials)
