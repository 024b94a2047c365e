"""One temperature that makes the probabilities honest (Guo et al., arXiv 1706.04599).

A temperature fitted on the images of five parts is a guess. So the fit weighs the evidence
by the number of groups, not of images, against a prior that says "about 1": the logarithm of
the temperature is expected within `PRIOR_SPREAD` of zero. With hundreds of groups the prior
is not felt; with a handful it keeps the temperature near 1.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from vision_ft.bundle.manifest import Calibration
from vision_ft.evaluation.folds import strata_folds
from vision_ft.evaluation.metrics import ece_of, nll_of

PRIOR_SPREAD = 0.5
"""Standard deviation of the prior on the logarithm of the temperature."""
BOUNDS = (0.05, 20.0)
"""Temperatures that are searched."""
_FOLDS = 5


def fit_temperature(
    logits: NDArray[np.floating],
    targets: NDArray[np.int64],
    groups: NDArray[np.str_] | None = None,
    *,
    weigh: Literal["image", "group"] = "image",
) -> float:
    """The temperature that minimises the negative log-likelihood, shrunk towards 1 when groups are few.

    `logits` [N, C] may be log-probabilities. `weigh` says what counts alike in the mean over
    images: every image, or every group. Without groups each image is its own. No images: 1.
    """
    if not len(targets):
        return 1.0
    if groups is None:
        count, of_image = len(targets), np.arange(len(targets))
    else:
        names, of_image = np.unique(groups, return_inverse=True)
        count = len(names)
    weights = 1.0 / np.bincount(of_image)[of_image] if weigh == "group" else np.ones(len(targets))
    weights = weights / weights.sum()
    values = np.asarray(logits, dtype=np.float64)
    rows = np.arange(len(targets))

    def loss(log_temperature: float) -> float:
        likelihood = log_softmax(values / np.exp(log_temperature), axis=1)[rows, targets]
        return float(-count * (weights @ likelihood) + 0.5 * (log_temperature / PRIOR_SPREAD) ** 2)

    bounds = (float(np.log(BOUNDS[0])), float(np.log(BOUNDS[1])))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def apply_temperature(logits: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Probabilities [N, C] of logits (or log-probabilities) [N, C] at a temperature."""
    return np.asarray(softmax(np.asarray(logits, dtype=np.float64) / temperature, axis=1), dtype=np.float64)


def cross_fitted(
    logits: NDArray[np.floating], targets: NDArray[np.int64], groups: NDArray[np.str_]
) -> NDArray[np.float64] | None:
    """Probabilities [N, C], each group's at the temperature that the others give; None with fewer than two groups."""
    folds = strata_folds(groups, _FOLDS)
    if len(np.unique(folds)) < 2:
        return None
    found = np.empty(logits.shape, dtype=np.float64)
    for fold in np.unique(folds):
        held = folds == fold
        temperature = fit_temperature(logits[~held], targets[~held], groups[~held])
        found[held] = apply_temperature(logits[held], temperature)
    return found


def calibrate(
    logits: NDArray[np.floating],
    targets: NDArray[np.int64],
    groups: NDArray[np.str_],
    *,
    parts: int,
    fitted_on: Literal["validation", "out-of-fold"],
) -> Calibration:
    """Fit the temperature and say what it changed.

    The figures after are cross-fitted: each group is judged at the temperature of the others,
    so they do not flatter. With fewer than two groups they are left out.
    """
    if not len(targets):
        return Calibration()
    before = apply_temperature(logits, 1.0)
    after = cross_fitted(logits, targets, groups)
    return Calibration(
        temperature=fit_temperature(logits, targets, groups),
        fitted_on=fitted_on,
        images=len(targets),
        parts=parts,
        nll_before=nll_of(before, targets),
        nll_after=None if after is None else nll_of(after, targets),
        ece_before=ece_of(before, targets),
        ece_after=None if after is None else ece_of(after, targets),
    )
