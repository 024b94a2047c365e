"""Two-sided 95 % intervals of every figure, resampled by group.

Method (bootstrap): whole groups are drawn with replacement, within strata, 2000 times. A
group's stratum is the rarest class among its images (by number of groups), so that a rare
class keeps its groups in every draw. From n groups n - 1 are drawn and weighted n / (n - 1)
(Rao and Wu, JASA 83, 1988): without that, an interval from five groups is a tenth too narrow.
The quantiles are those of Student's t for the number of groups less strata ("expanded
percentile", Hesterberg, The American Statistician 69, 2015).

Where a class vanishes from a draw all the same (it occurs only beside rarer ones), means
over classes are taken over the classes that are left in it.

Where drawing tells nothing (a rate of 0 or 1, a single group) the interval is that of
Clopper and Pearson with the number of groups in the place of the number of images. Such a
class adds no spread to the draws of a mean over classes either, and yet a class of one part
that was answered right is hardly known: the mean's interval is widened, in quadrature, by the
class's expected squared error under Jeffreys' posterior for its number of groups. Rates that
rest on very few groups, and an accuracy with very few errors, are no narrower than their exact intervals
(see `proportions`): draws from few groups, or with few errors, miss the tail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.decision import Decision
from vision_ft.evaluation.figures import Figure, missing
from vision_ft.evaluation.metrics import Sums, figures, sums_by_group
from vision_ft.evaluation.proportions import LEVEL, clopper_pearson, share
from vision_ft.evaluation.table import PredictionTable

REPLICATES = 2000
_PER_CLASS = ("precision", "recall", "f1")
_FEW = 4
"""Below this many degrees of freedom draws take a handful of values, and a rate is bounded exactly too."""
_RARE = 5.0
"""Errors (or right answers), in groups' worth, below which the accuracy is bounded exactly too."""
_WEIGHTS = 2_000_000
"""Weights of groups in draws that are held at once (16 MB)."""
_LOSSES = ("nll", "brier", "ece")
_UNDEFINED = {
    "precision": "no image was answered with this class",
    "recall": "no image of this class",
    "f1": "no image of this class, and none answered with it",
}


@dataclass(frozen=True)
class Intervals:
    """Figures with intervals: overall by name, per class by name in the classes' order."""

    overall: dict[str, Figure]
    per_class: dict[str, tuple[Figure, ...]]


def bootstrap(table: PredictionTable, *, replicates: int = REPLICATES, seed: int = 0) -> Intervals:
    """Every figure of a table with its interval; the seed makes the draws repeatable."""
    if not len(table):
        nothing = missing("there is no image")
        names = ("accuracy", "balanced_accuracy", "macro_f1", *_LOSSES)
        return Intervals(dict.fromkeys(names, nothing), dict.fromkeys(_PER_CLASS, (nothing,) * len(table.classes)))
    sums, _ = sums_by_group(table)
    point = figures(Sums(sums.values.sum(axis=0, keepdims=True), sums.classes))
    strata = strata_of(sums.block(0) > 0)
    draws = _draws(sums, strata, replicates, np.random.default_rng(seed))
    everything = np.ones(len(strata), dtype=np.bool_)
    support, answered = sums.block(0) > 0, sums.block(1) > 0
    touched = {"recall": support, "precision": answered, "f1": support | answered}
    worth = _groups_worth(support)
    overall = {}
    for name in point:
        if name not in _PER_CLASS:
            groups = float(len(strata)) if name == "accuracy" else worth
            overall[name] = _figure(name, float(point[name][0]), draws[name], strata, everything, groups)
    per_class = {
        name: tuple(
            _figure(
                name,
                float(point[name][0, c]),
                draws[name][:, c],
                strata,
                touched[name][:, c],
                float(touched[name][:, c].sum()),
            )
            for c in range(sums.classes)
        )
        for name in _PER_CLASS
    }
    right = np.asarray(table.labels == table.targets)
    if min(right.mean(), 1.0 - right.mean()) * len(strata) < _RARE:
        overall["accuracy"] = _no_narrower(overall["accuracy"], share(right, table.groups, unit="images", none=""))
    for mean, of in (("balanced_accuracy", "recall"), ("macro_f1", "f1")):
        overall[mean] = widened(overall[mean], [f for f in per_class[of] if f.value is not None])
    return Intervals(overall, per_class)


def _draws(
    sums: Sums, strata: NDArray[np.int64], replicates: int, rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """Figures of each draw, [R] or [R, C], a few draws at a time: the weights of all would fill the memory."""
    block = max(1, min(replicates, _WEIGHTS // max(1, len(strata))))
    found = [
        figures(sums.weighted(draw_weights(strata, min(block, replicates - start), rng)))
        for start in range(0, replicates, block)
    ]
    return {name: np.concatenate([one[name] for one in found]) for name in found[0]}


def draw_weights(strata: NDArray[np.int64], replicates: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Weights [R, G] of G groups in R draws within strata; a group alone in its stratum always counts once."""
    weights = np.ones((replicates, len(strata)))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        n = len(members)
        if n > 1:
            drawn = rng.integers(n, size=(replicates, n - 1)) + n * np.arange(replicates)[:, None]
            counts = np.bincount(drawn.ravel(), minlength=replicates * n).reshape(replicates, n)
            weights[:, members] = counts * (n / (n - 1.0))
    return weights


def strata_of(present: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Stratum of each group [G] from the classes present in it [G, C]: the one in the fewest groups."""
    order = np.argsort(present.sum(axis=0), kind="stable")
    return np.asarray(order[present[:, order].argmax(axis=1)], dtype=np.int64)


def _groups_worth(present: NDArray[np.bool_]) -> float:
    """Groups that a mean over classes is worth: classes times the harmonic mean of their groups."""
    groups = present.sum(axis=0)
    groups = groups[groups > 0]
    return float(len(groups) ** 2 / (1.0 / groups).sum())


def _figure(
    name: str,
    value: float,
    draws: NDArray[np.float64],
    strata: NDArray[np.int64],
    touched: NDArray[np.bool_],
    worth: float,
) -> Figure:
    """One figure; `touched` marks the groups that bear on it, `worth` how many they count as."""
    if np.isnan(value):
        return missing(_UNDEFINED.get(name, "not defined"))
    groups, lost = int(touched.sum()), len(np.unique(strata[touched]))
    if name not in _LOSSES:
        return resampled(value, draws, groups=groups, lost=lost, worth=worth)
    draws = draws[~np.isnan(draws)]
    if _tells_nothing(draws, groups - lost):
        return Figure(value, method="none: a single group tells nothing of the spread")
    low, high = _quantiles(draws, groups - lost)
    method = "bootstrap by group"
    if name == "ece":
        # Drawing with replacement adds noise to every bin, which the error counts as error: take it off again.
        bias = float(draws.mean()) - value
        low, high = low - bias, high - bias
        method += ", less its bias"
    ceiling = 1.0 if name == "ece" else np.inf
    return Figure(value, float(np.clip(low, 0.0, value)), float(np.clip(high, value, ceiling)), method)


def resampled(
    value: float,
    draws: NDArray[np.float64],
    *,
    groups: int,
    lost: int = 1,
    worth: float | None = None,
    exact_below: int = _FEW,
) -> Figure:
    """A figure in [0, 1] with its interval from draws [R] of groups (nan: a draw in which it is not defined).

    `groups` bear on it, and `lost` degrees of freedom go to their strata. As many groups are in the exact
    interval, unless the figure is `worth` another number of them. With fewer degrees of freedom than `exact_below`
    the interval is no narrower than the exact one.
    """
    worth = float(groups) if worth is None else float(worth)
    draws = draws[np.isfinite(draws)]
    freedom = groups - lost
    by_count = f"Clopper-Pearson over {_count(worth)} group{'' if worth == 1 else 's'}"
    if _tells_nothing(draws, freedom) or not 0.0 < value < 1.0:
        # A group's worth of evidence a group is what there is.
        return Figure(float(value), *clopper_pearson(value * worth, worth), by_count, trials=worth)
    low, high = _quantiles(draws, freedom)
    method = "bootstrap by group"
    if freedom < exact_below:
        exact = clopper_pearson(value * worth, worth)
        low, high = min(low, exact[0]), max(high, exact[1])
        method += f", no narrower than {by_count}"
    return Figure(float(value), max(0.0, min(low, value)), min(1.0, max(high, value)), method)


def _tells_nothing(draws: NDArray[np.float64], freedom: int) -> bool:
    """Whether defined draws [R] show no spread, or that of too few groups to have one."""
    return freedom < 1 or len(draws) < 2 or bool(np.ptp(draws) < 1e-12)


def _quantiles(draws: NDArray[np.float64], freedom: int) -> tuple[float, float]:
    """Low and high end of draws [R], at the tails of Student's t for so many degrees of freedom."""
    tail = float(stats.norm.cdf(stats.t.ppf((1.0 - LEVEL) / 2.0, freedom)))
    low, high = np.quantile(draws, (tail, 1.0 - tail))
    return float(low), float(high)


def _no_narrower(figure: Figure, exact: Figure) -> Figure:
    """The figure with its interval widened to that of a proportion, which knows the skew of rare errors."""
    if figure.low is None or figure.high is None or exact.low is None or exact.high is None:
        return figure
    if figure.low <= exact.low and figure.high >= exact.high:
        return figure
    method = f"{figure.method}, no narrower than {exact.method}" if exact.method != figure.method else figure.method
    return replace(figure, low=min(figure.low, exact.low), high=max(figure.high, exact.high), method=method)


def widened(mean: Figure, classes: Sequence[Figure]) -> Figure:
    """The mean over classes, its interval widened by those classes whose spread no draw shows."""
    blind = [f for f in classes if f.trials is not None]
    if not blind or mean.trials is not None or mean.value is None or mean.low is None or mean.high is None:
        return mean
    below, above = (mean.value - mean.low) ** 2, (mean.high - mean.value) ** 2
    quantile = float(stats.norm.ppf(1.0 - (1.0 - LEVEL) / 2.0))
    for figure in blind:
        value, groups = figure.value or 0.0, figure.trials or 0.0
        known = stats.beta(value * groups + 0.5, (1.0 - value) * groups + 0.5)
        squared = (quantile / len(classes)) ** 2 * float(known.var() + (known.mean() - value) ** 2)
        below += squared if value > 0.0 else 0.0
        above += squared if value < 1.0 else 0.0
    return replace(
        mean,
        low=max(0.0, mean.value - float(np.sqrt(below))),
        high=min(1.0, mean.value + float(np.sqrt(above))),
        method=f"{mean.method}, widened for {len(blind)} of {len(classes)} classes",
    )


def _count(groups: float) -> str:
    return str(int(groups)) if groups.is_integer() else f"{groups:.1f}"


def bootstrap_labels(
    targets: NDArray[np.int64],
    labels: NDArray[np.int64],
    groups: NDArray[np.str_],
    classes: int,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Intervals:
    """The figures of bare answers [N] without probabilities; those of calibration mean nothing here."""
    count = len(targets)
    return bootstrap(
        PredictionTable(
            classes=tuple(ClassInfo(id=str(c)) for c in range(classes)),
            paths=np.full(count, "", dtype=np.str_),
            targets=targets,
            probabilities=np.eye(classes)[labels],
            decisions=(Decision.PASS,) * count,
            distances=np.full(count, np.nan),
            parts=groups,
            groups=groups,
            seen=np.zeros(count, dtype=np.bool_),
        ),
        replicates=replicates,
        seed=seed,
    )
