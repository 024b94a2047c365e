"""How pixels' scores are distributed, by group: as histograms, so memory hardly grows with the images.

Scores of any size are squashed onto [0, 1] without changing their order: 0 becomes 1/2, the
threshold (1 on the map) 3/4, on an edge between two bins.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_ft.data.object_masks import IGNORED
from vision_ft.evaluation.figures import Figure, missing
from vision_ft.evaluation.intervals import REPLICATES, draw_weights
from vision_ft.tasks.anomaly.ranking import group_strata, interval

BINS = 4096
LONGEST = 512
"""Longest side, in pixels, of the images that pixels are counted in; larger ones are shrunk."""
ALARMS = 0.3
"""Share of good pixels above the threshold up to which AUPRO goes."""
_THRESHOLD = BINS * 3 // 4
_MOST_GROUPS = 256
"""Groups that are kept apart; more of them share histograms, which only coarsens what is resampled."""
_BLOCK = 100
_NO_DEFECT = "no defect is outlined (masks or objects)"
_NO_GOOD = "there is no good part"


def squashed(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Bin of each score, in [0, BINS)."""
    shares = 0.5 + 0.5 * scores.astype(np.float64) / (1.0 + np.abs(scores.astype(np.float64)))
    return np.clip(np.floor(shares * BINS), 0, BINS - 1).astype(np.int64)


@dataclass
class _Counts:
    """Of one group: pixels by bin."""

    good_images: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BINS))
    """Of good images."""
    beside: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BINS))
    """Of defective images, outside of defects."""
    defects: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BINS))
    """Of defects."""
    overlap: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BINS))
    """Of connected defects, each weighing 1 whatever its area."""
    regions: int = 0


class PixelTally:
    """Counts pixels image by image."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._counts: list[_Counts] = []
        self._good: list[tuple[int, str, float, float]] = []
        """Of each good image: its group's number, its part, its pixels above the threshold, and all of them."""

    def add(
        self, group: str, scores: NDArray[np.float32], truth: NDArray[np.uint8], *, good: bool, part: str | None = None
    ) -> None:
        """Take in a map over an image, float32 [h, w] (1: threshold), and its class mask, uint8 [H, W] of any size.

        Without a `part` the group is one.
        """
        counts = self._of(group)
        bins = squashed(scores).ravel()
        truth = _no_smaller(truth, scores.shape)
        marked = (truth > 0) & (truth != IGNORED)
        plain = np.ones(len(bins), np.bool_)
        plain[_places(np.nonzero(marked | (truth == IGNORED)), truth.shape, scores.shape)] = False
        if good:
            found = np.bincount(bins[plain], minlength=BINS)
            counts.good_images += found
            above, pixels = float(found[_THRESHOLD:].sum()), float(found.sum())
            self._good.append((self._rows[group], group if part is None else part, above, pixels))
            return
        counts.beside += np.bincount(bins[plain], minlength=BINS)
        # Connected as they are labelled: what is thin would vanish or fall apart where it is shrunk first.
        number, labels = cv2.connectedComponents(marked.astype(np.uint8), connectivity=8)
        rows, columns = np.nonzero(marked)
        of = labels[rows, columns]
        order = np.argsort(of, kind="stable")
        odd = np.zeros(len(bins), np.bool_)
        for mine in np.split(order, np.searchsorted(of[order], np.arange(2, number))):
            if len(mine):
                own = _places((rows[mine], columns[mine]), truth.shape, scores.shape)
                odd[own] = True
                counts.overlap += np.bincount(bins[own], minlength=BINS) / len(own)
                counts.regions += 1
        counts.defects += np.bincount(bins[odd], minlength=BINS)

    def figures(self, *, seed: int, defective: Collection[str] = ()) -> dict[str, Figure]:
        """`pixel_auroc`, `aupro` and `false_alarm_area`, with intervals by group.

        Of the parts that are `defective` a good image says nothing of false alarms: it may show what nobody outlined.
        """
        if not self._counts:
            nothing = missing("the bundle gives no map of scores")
            return dict.fromkeys(("pixel_auroc", "aupro", "false_alarm_area"), nothing)
        alarms = self._false_alarms(seed, frozenset(defective))
        marked = np.array([one.regions > 0 for one in self._counts])
        if not marked.any():
            return dict.fromkeys(("pixel_auroc", "aupro"), missing(_NO_DEFECT)) | {"false_alarm_area": alarms}
        plain = np.stack([one.good_images + one.beside for one in self._counts])
        odd, overlap = (np.stack([getattr(one, name) for one in self._counts]) for name in ("defects", "overlap"))
        if not plain.sum():
            return dict.fromkeys(("pixel_auroc", "aupro"), missing("no pixel is good")) | {"false_alarm_area": alarms}
        strata = group_strata(marked, np.arange(len(marked)), len(marked))
        rng = np.random.default_rng(seed)
        drawn = []
        for start in range(0, REPLICATES, _BLOCK):
            weights = draw_weights(strata, min(_BLOCK, REPLICATES - start), rng)
            drawn.append(_curves(weights @ plain, weights @ odd, weights @ overlap))
        area, region = (np.concatenate(one) for one in zip(*drawn, strict=True))
        values = _curves(*(one.sum(axis=0, keepdims=True) for one in (plain, odd, overlap)))
        return {
            "pixel_auroc": interval(float(values[0][0]), area, strata),
            "aupro": interval(float(values[1][0]), region, strata),
            "false_alarm_area": alarms,
        }

    def _of(self, group: str) -> _Counts:
        row = self._rows.setdefault(group, len(self._rows) % _MOST_GROUPS)
        if row == len(self._counts):
            self._counts.append(_Counts())
        return self._counts[row]

    def _false_alarms(self, seed: int, defective: frozenset[str]) -> Figure:
        by_group = np.zeros((2, len(self._counts)))
        for row, part, above, pixels in self._good:
            if part not in defective:
                by_group[:, row] += above, pixels
        sums = by_group[:, by_group[1] > 0]
        if not sums.size:
            return missing(_NO_GOOD)
        strata = np.zeros(sums.shape[1], np.int64)
        drawn = draw_weights(strata, REPLICATES, np.random.default_rng(seed)) @ sums.T
        return interval(float(sums[0].sum() / sums[1].sum()), drawn[:, 0] / drawn[:, 1], strata)


def _no_smaller(truth: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The mask [H, W] with the pixels of axes that are shorter than the map's repeated to its length."""
    for axis, (own, wanted) in enumerate(zip(truth.shape, shape, strict=True)):
        if own < wanted:
            truth = truth.take(np.arange(wanted) * own // wanted, axis=axis)
    return truth


def _places(pixels: tuple[NDArray[np.int64], ...], full: tuple[int, ...], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Numbers of the places of a map [h, w] in which pixels (rows, columns) of an image of at least its size lie.

    A place counts however little of a pixel is in it: a scratch thinner than a place is a defect still.
    """
    rows, columns = (
        (at * few // many, ((at + 1) * few - 1) // many) for at, many, few in zip(pixels, full, shape, strict=True)
    )
    return np.unique(np.concatenate([row * shape[1] + column for row in rows for column in columns]))


def _curves(
    plain: NDArray[np.float64], odd: NDArray[np.float64], overlap: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """AUROC of pixels, and AUPRO (Bergmann et al., MVTec AD, 2021), [R] each, from counts by bin [R, BINS]."""
    alarms, found, covered = (_shares_above(one) for one in (plain, odd, overlap))
    area = np.trapezoid(found, alarms, axis=1)
    limit = np.minimum(alarms, ALARMS)
    # The curve is cut where it passes the limit: the last step counts as far as it goes.
    step, rise = np.diff(alarms, axis=1), np.diff(covered, axis=1)
    part = np.divide(np.diff(limit, axis=1), step, out=np.zeros_like(step), where=step > 0)
    trapezoids = step * part * (covered[:, :-1] + 0.5 * part * rise)
    return np.asarray(area, dtype=np.float64), np.asarray(trapezoids.sum(axis=1) / ALARMS)


def _shares_above(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of what is counted in the highest bins, from none of them to all [R, BINS + 1]."""
    total = np.cumsum(counts[:, ::-1], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = total / total[:, -1:]
    return np.concatenate([np.zeros((len(counts), 1)), shares], axis=1)
