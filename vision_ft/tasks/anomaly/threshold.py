"""A threshold from good parts alone: how many of them it will reject is all that they can say.

With n good parts whose scores are exchangeable with a new one's, a score at or above the j-th
highest of them has a chance of at most j / (n + 1) (conformal prediction, Vovk et al., 2005).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

DEFAULT_RATE = 0.05
"""Share of good parts that may be rejected, where the objective does not say."""
_MARGIN = 0.02
"""Above the part that a threshold rests on, at most: so that no part sits on it."""
_FEW_SPREAD = 1.0
"""Standard deviation that is assumed where a single part tells of none."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Where to cut."""

    at: float
    counted: bool
    """Whether it was counted; else there are too few parts, and their scores were taken to be normal."""


def fewest(rate: float) -> int:
    """Good parts that are needed to count out a rate."""
    return math.ceil(1.0 / rate - 1.0 - 1e-9)


def limit_at(scores: NDArray[np.float64], rate: float) -> Limit:
    """The score that a new good part reaches with a chance of at most `rate`, from those of P good parts [P].

    With too few parts to count, the prediction limit of a normal distribution (Student's t),
    and not below the highest score: so scores should be on a scale on which they are about
    normal, with a standard deviation of about 1. Raises ValueError without a part.
    """
    count = len(scores)
    if not count:
        raise ValueError("a threshold needs good parts")
    ordered = np.sort(scores)[::-1]
    above = math.floor(rate * (count + 1) + 1e-9)
    if above >= 1:
        # A rate near 1 may ask for more than there are.
        above = min(above, count)
        gap = math.inf if above == 1 else float(ordered[above - 2] - ordered[above - 1])
        return Limit(float(ordered[above - 1]) + min(gap / 2.0, _MARGIN), True)
    if count == 1:
        return Limit(float(ordered[0]) + _FEW_SPREAD * float(stats.norm.isf(rate)), False)
    reach = float(stats.t.isf(rate, count - 1)) * float(scores.std(ddof=1)) * math.sqrt(1.0 + 1.0 / count)
    return Limit(max(float(scores.mean()) + reach, float(ordered[0]) + _MARGIN), False)
