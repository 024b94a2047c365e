"""Scores of one logit each made honest: Platt scaling (Platt, Advances in large margin classifiers, 1999).

The probability of a score is the logistic function of its logit over a temperature plus an
offset. Both are shrunk towards doing nothing where few groups speak: the evidence counts by
group, as in `calibration`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit

PRIOR_SPREAD = (0.7, 1.5)
"""Standard deviations of the priors on the logarithm of the temperature and on the offset."""
_EDGE = 1e-6


def fit_platt(scores: NDArray[np.float64], right: NDArray[np.bool_], groups: NDArray[np.str_]) -> tuple[float, float]:
    """Temperature and offset for scores [N] in (0, 1) of answers that were right or not [N].

    (1, 0) where there is nothing to learn from: no scores, or all of them right or wrong.
    """
    if not len(scores) or right.all() or not right.any():
        return 1.0, 0.0
    count = len(np.unique(groups))
    values = logit(np.clip(scores, _EDGE, 1.0 - _EDGE))
    sign = np.where(right, 1.0, -1.0)

    def loss(at: NDArray[np.float64]) -> float:
        likelihood = log_expit(sign * (values / np.exp(at[0]) + at[1])).mean()
        prior = (at[0] / PRIOR_SPREAD[0]) ** 2 + (at[1] / PRIOR_SPREAD[1]) ** 2
        return float(-count * likelihood + 0.5 * prior)

    found = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=[(-3.0, 3.0), (-8.0, 8.0)])
    return float(np.exp(found.x[0])), float(found.x[1])


def apply_platt(scores: NDArray[np.float64], temperature: float, offset: float) -> NDArray[np.float64]:
    """Calibrated scores [N]; a score of 0 (nothing was found) stays 0."""
    clipped = np.clip(scores, _EDGE, 1.0 - _EDGE)
    return np.where(scores <= 0.0, 0.0, expit(logit(clipped) / temperature + offset))
