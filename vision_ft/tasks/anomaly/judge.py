"""How anomaly detection is judged: thresholds rest on good parts alone, defective ones are only tested."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from vision_ft.bundle.decision import DecisionRule
from vision_ft.bundle.manifest import Calibration, Manifest
from vision_ft.data.index import Index
from vision_ft.errors import DataError
from vision_ft.evaluation.escape import rates
from vision_ft.evaluation.folds import strata_folds
from vision_ft.evaluation.judging import FittedOn, Observer
from vision_ft.evaluation.operating_point import OperatingPoint
from vision_ft.evaluation.parts import Parts, parts_of
from vision_ft.evaluation.proportions import share
from vision_ft.evaluation.sentences import percent
from vision_ft.evaluation.table import SEVERITY, PredictionTable
from vision_ft.evaluation.verdicts import judge_parts, overall
from vision_ft.recipe.objective import Objective
from vision_ft.tasks.anomaly.labels import as_anomalies
from vision_ft.tasks.anomaly.observer import AnomalyObserver
from vision_ft.tasks.anomaly.threshold import DEFAULT_RATE, fewest, limit_at

_LEAST_SPREAD = 0.25
"""Of the logarithm of good parts' scores: a steeper bad score would be 1 for all that is well above the threshold."""
_FOLDS = 10
_EDGE = 1e-12


class AnomalyJudge:
    """See `evaluation.judging.TaskJudge`."""

    image_level = False
    out_of_fold = True
    headline = (
        "escape_rate",
        "overkill_rate",
        "review_share",
        "image_auroc",
        "image_ap",
        "pixel_auroc",
        "aupro",
        "false_alarm_area",
        "out_of_scope",
    )
    per_class = ("recall", "image_auroc")

    def labels(self, index: Index) -> Index:
        """Good and anomaly; only good images are trained and validated on."""
        return as_anomalies(index)

    def check_training(self, train: Index, usable: Index) -> None:
        """Good parts of two groups at least, and nothing else."""
        odd = [one for one in train.column("targets") if not set(one) <= set(train.train_on)]
        groups = len(set(train.column("group")))
        if odd or groups < 2:
            raise DataError(
                f"The training images of {train.root}",
                expected="good parts of at least two groups, and no others",
                got=f"{len(odd)} that are not good" if odd else f"{groups} group{'s' * (groups != 1)} of good parts",
                remedy="Place the groups anew (split.given ignore)." if odd else "Add images of good parts.",
            )

    def observer(self, manifest: Manifest) -> AnomalyObserver:
        """Keeps scores, and how the pixels' scores are distributed."""
        return AnomalyObserver(manifest)

    def calibrate(
        self, raw: PredictionTable, observer: Observer | None, fitted_on: FittedOn
    ) -> tuple[Calibration, PredictionTable]:
        """A bad score of a half where one good part in twenty is above; its slope from the spread of good parts.

        The bad score's logit is the logarithm of the raw score over the temperature, plus the offset.
        """
        parts = parts_of(raw)
        scores = _logs(parts.scores[~parts.is_bad])
        if not len(scores):
            raise DataError("No good part is left to set the threshold on", remedy="Add images of good parts.")
        spread = float(scores.std(ddof=1)) if len(scores) > 1 else 0.0
        temperature = max(spread, _LEAST_SPREAD)
        offset = -limit_at(scores / temperature, DEFAULT_RATE).at
        calibration = Calibration(
            temperature=temperature, offset=offset, fitted_on=fitted_on, images=len(raw), parts=len(parts)
        )
        assert raw.bad_scores is not None, "there is a good class"
        bad = expit(_logs(raw.bad_scores) / temperature + offset)
        return calibration, replace(raw, probabilities=np.where(raw.good[None, :], 1.0 - bad[:, None], bad[:, None]))

    def cross_fitted(self, table: PredictionTable, raw: PredictionTable) -> PredictionTable:
        """The table as it is: another scale changes no order, and the thresholds are cross-fitted already."""
        return table

    def choose(self, table: PredictionTable, objective: Objective, observer: Observer | None = None) -> OperatingPoint:
        """The threshold at which few enough good parts are rejected; of defective ones nothing is known here.

        With a review share, a person looks at that share of the good parts below the threshold.
        """
        parts = parts_of(table)
        good = ~parts.is_bad
        logits = _logs(parts.scores)
        rate = objective.max_overkill_rate or DEFAULT_RATE
        pair, counted = _pair(logits[good], rate, objective.max_review_share)
        severity = _severity(logits, pair)
        crossed = _cross_fitted(parts, logits, rate, objective.max_review_share)
        judged = severity if crossed is None else crossed
        findings = judge_parts(parts, judged, objective) if objective.stated else []
        sentences = [
            _expectation(parts, judged, rate),
            *(one.sentence for one in findings),
            "Nothing can be said about escapes before defective parts are judged.",
        ]
        if not counted:
            sentences.append(
                f"At least {fewest(rate)} good parts are needed to count out {percent(rate)}: the threshold takes "
                "the logarithms of these scores to be normally distributed."
            )
        basis = (
            f"Set for at most {percent(rate)} false rejects on {table.origin} answers: {int(good.sum())} good parts, "
            "no defective ones."
        )
        low, high = (float(expit(one)) for one in pair)
        return OperatingPoint(
            rule=DecisionRule(pass_below=low, reject_from=high, basis=basis),
            verdict=overall([one.verdict for one in findings]) if objective.stated else "no objective",
            findings=tuple(sentences),
            figures=rates(parts, judged).named(),
            observed=rates(parts, severity).named(),
            judged="observed" if crossed is None else "cross-fitted",
            decisions=None if crossed is None else tuple(SEVERITY[level] for level in crossed[parts.of_image]),
        )


def _logs(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logits of scores in [0, 1]; of uncalibrated ones they are the logarithms of the raw scores."""
    return np.asarray(logit(np.clip(scores, _EDGE, 1.0 - _EDGE)), dtype=np.float64)


def _pair(scores: NDArray[np.float64], rate: float, reviewed: float) -> tuple[tuple[float, float], bool]:
    """Logits below which parts pass and from which they are rejected, and whether parts sufficed to count."""
    reject = limit_at(scores, rate)
    if not reviewed:
        return (reject.at, reject.at), reject.counted
    passed = limit_at(scores, min(rate + reviewed, 0.999))
    return (min(passed.at, reject.at), reject.at), reject.counted


def _severity(scores: NDArray[np.float64], pair: tuple[float, float]) -> NDArray[np.int64]:
    return np.where(scores < pair[0], 0, np.where(scores >= pair[1], 2, 1)).astype(np.int64)


def _cross_fitted(parts: Parts, logits: NDArray[np.float64], rate: float, reviewed: float) -> NDArray[np.int64] | None:
    """Severity of each part at thresholds set on the good parts of other groups; None with a single group."""
    folds = strata_folds(parts.groups, _FOLDS)
    severity = np.zeros(len(parts), dtype=np.int64)
    for fold in np.unique(folds):
        held = folds == fold
        others = logits[~held & ~parts.is_bad]
        if not len(others):
            return None
        severity[held] = _severity(logits[held], _pair(others, rate, reviewed)[0])
    return severity


def _expectation(parts: Parts, severity: NDArray[np.int64], rate: float) -> str:
    good = ~parts.is_bad
    found = share(severity[good] == 2, parts.groups[good], unit="good parts", none="")
    count = int(good.sum())
    return (
        f"Threshold set for {percent(rate)} false rejects on {count} good part{'s' * (count != 1)}: "
        f"{int(found.numerator or 0)} of them would have been rejected, and "
        f"{percent(found.low or 0.0)} to {percent(1.0 if found.high is None else found.high)} are to be expected."
    )


JUDGE = AnomalyJudge()
