"""Classification figures from sums that add up over groups.

Every figure here is a function of a few sums over images (how many of a class, how many of
them right, confidence in each bin...). The sums are kept by group, so that the figures of
thousands of resampled sets of groups cost one product of matrices (see `intervals`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vision_ft.evaluation.table import PredictionTable

BINS = 15
"""Equal-width bins of the top probability over [0, 1] for the calibration error (arXiv 1706.04599)."""
_FLOOR = 1e-12


@dataclass(frozen=True)
class Sums:
    """Additive sums of R rows (groups, or resampled sets of groups) over C classes.

    `values` [R, 3C + 3B + 2]: images by labelled class, by most probable class, right ones by
    class; images, summed confidence and right ones by confidence bin; negative
    log-likelihood and squared error.
    """

    values: NDArray[np.float64]
    classes: int

    def weighted(self, weights: NDArray[np.float64]) -> Sums:
        """The sums of R' sets in which each row counts `weights` [R', R] times."""
        # Groups touch few classes and bins, so the sums are sparse, and the weights are not.
        product = sparse.csr_array(self.values.T) @ weights.T
        return Sums(np.asarray(product, dtype=np.float64).T, self.classes)

    def block(self, number: int) -> NDArray[np.float64]:
        """Block 0 to 2: by class [R, C]; 3 to 5: by bin [R, B]; 6 and 7: losses [R, 1]."""
        widths = [self.classes] * 3 + [BINS] * 3 + [1, 1]
        start = sum(widths[:number])
        return self.values[:, start : start + widths[number]]


def confidence_bins(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    """Bin of each top probability [N]: bin b covers (b / B, (b + 1) / B]."""
    return np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)


def image_losses(table: PredictionTable) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Negative log-likelihood and Brier score (squared error summed over classes, in [0, 2]) of each image [N]."""
    rows = np.arange(len(table))
    likelihood = np.maximum(table.probabilities[rows, table.targets], _FLOOR)
    truth = np.zeros_like(table.probabilities)
    truth[rows, table.targets] = 1.0
    return -np.log(likelihood), ((table.probabilities - truth) ** 2).sum(axis=1)


def sums_by_group(table: PredictionTable) -> tuple[Sums, NDArray[np.str_]]:
    """The sums of each group, and the groups' names, sorted [G]."""
    names, of_image = np.unique(table.groups, return_inverse=True)
    groups, classes = len(names), len(table.classes)
    right = (table.labels == table.targets).astype(np.float64)
    bins = confidence_bins(table.confidence)
    nll, squared = image_losses(table)
    ones = np.ones(len(table))

    def by(column: NDArray[np.int64], width: int, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        flat = np.bincount(of_image * width + column, weights=weights, minlength=groups * width)
        return np.asarray(flat.reshape(groups, width), dtype=np.float64)

    single = np.zeros(len(table), dtype=np.int64)
    blocks = [
        by(table.targets, classes, ones),
        by(table.labels, classes, ones),
        by(table.targets, classes, right),
        by(bins, BINS, ones),
        by(bins, BINS, table.confidence),
        by(bins, BINS, right),
        by(single, 1, nll),
        by(single, 1, squared),
    ]
    return Sums(np.concatenate(blocks, axis=1), classes), names


def figures(sums: Sums) -> dict[str, NDArray[np.float64]]:
    """Every figure of each of R rows of sums: overall [R], per class [R, C]; nan where undefined.

    - `accuracy`, `nll`, `brier`: means over images.
    - `recall`, `precision`, `f1` per class. Recall is undefined for a class without images,
      precision for one that was never answered, F1 for one with neither.
    - `balanced_accuracy`: mean recall over the classes with images.
    - `macro_f1`: mean F1 over the classes that were labelled or answered.
    - `ece`: mean over images of |accuracy - confidence| of their bin.
    """
    support, answered, right = (sums.block(i) for i in range(3))
    count = support.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = np.where(support > 0, right / support, np.nan)
        precision = np.where(answered > 0, right / answered, np.nan)
        f1 = np.where(support + answered > 0, 2.0 * right / (support + answered), np.nan)
        gap = np.abs(sums.block(5) - sums.block(4)).sum(axis=1)
        return {
            "accuracy": right.sum(axis=1) / count,
            "balanced_accuracy": mean_defined(recall),
            "macro_f1": mean_defined(f1),
            "ece": gap / count,
            "nll": sums.block(6)[:, 0] / count,
            "brier": sums.block(7)[:, 0] / count,
            "precision": precision,
            "recall": recall,
            "f1": f1,
        }


def mean_defined(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the last axis of what is not nan; nan where nothing is left."""
    defined = ~np.isnan(values)
    total = np.where(defined, values, 0.0).sum(axis=-1)
    count = defined.sum(axis=-1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan), dtype=np.float64)


def point_figures(table: PredictionTable) -> dict[str, NDArray[np.float64]]:
    """The figures of a whole table: overall as arrays [1], per class [1, C]."""
    sums, _ = sums_by_group(table)
    return figures(Sums(sums.values.sum(axis=0, keepdims=True), sums.classes))


def confusion(table: PredictionTable) -> NDArray[np.int64]:
    """Counts of images [C, C], row: labelled, column: most probable."""
    classes = len(table.classes)
    flat = np.bincount(table.targets * classes + table.labels, minlength=classes * classes)
    return np.asarray(flat.reshape(classes, classes), dtype=np.int64)


def reliability(table: PredictionTable) -> NDArray[np.float64]:
    """Images, mean confidence and accuracy of each confidence bin [B, 3]; nan where a bin is empty."""
    bins = confidence_bins(table.confidence)
    count = np.bincount(bins, minlength=BINS).astype(np.float64)
    with np.errstate(invalid="ignore"):
        confidence = np.bincount(bins, weights=table.confidence, minlength=BINS) / count
        right = np.bincount(bins, weights=(table.labels == table.targets).astype(np.float64), minlength=BINS) / count
    return np.stack([count, confidence, right], axis=1)


def ece_of(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """Expected calibration error of probabilities [N, C] against targets [N]."""
    top = probabilities.argmax(axis=1)
    confidence = probabilities[np.arange(len(top)), top]
    bins = confidence_bins(confidence)
    gap = np.bincount(bins, weights=(top == targets) - confidence, minlength=BINS)
    return float(np.abs(gap).sum() / len(targets))


def nll_of(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """Mean negative log-likelihood of probabilities [N, C] under targets [N], in nats."""
    likelihood = np.maximum(probabilities[np.arange(len(targets)), targets], _FLOOR)
    return float(-np.log(likelihood).mean())
