"""Thresholds from an objective, and whether the objective is met."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.decision import Decision, DecisionRule
from vision_ft.evaluation.decide import decided
from vision_ft.evaluation.escape import escapes, rates
from vision_ft.evaluation.figures import Figure
from vision_ft.evaluation.folds import strata_folds
from vision_ft.evaluation.parts import Parts, parts_of
from vision_ft.evaluation.sentences import percent
from vision_ft.evaluation.table import SEVERITY, PredictionTable
from vision_ft.evaluation.thresholds import Pair, choose_pair, cuts_between
from vision_ft.evaluation.verdicts import Verdict, judge_parts, overall
from vision_ft.recipe.objective import Objective

ABSTAIN_BELOW = 0.5
"""Without an objective, answers less probable than this go to review: below one half, the label
is more likely wrong than right if the probabilities are honest."""
_FOLDS = 10
Judged = Literal["cross-fitted", "observed"]


@dataclass(frozen=True)
class OperatingPoint:
    """A decision rule (without its distance limit), what it rests on and what it achieves."""

    rule: DecisionRule
    verdict: Verdict
    findings: tuple[str, ...]
    """Sentences for the manifest and the report."""
    figures: dict[str, Figure] = field(default_factory=dict)
    """`escape_rate`, `overkill_rate`, `review_share`: what the objective is judged by."""
    observed: dict[str, Figure] = field(default_factory=dict)
    """The same at the final thresholds on the very parts that they were chosen on; they flatter."""
    judged: Judged = "observed"
    """cross-fitted: each part judged at thresholds chosen on other parts."""
    decisions: tuple[Decision, ...] | None = None
    """Decision on each image at the thresholds chosen on other parts [N]; None where they were not cross-fitted."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON: verdict, findings, thresholds and figures with intervals."""
        flat: dict[str, Any] = {"verdict": self.verdict, "findings": list(self.findings), "judged": self.judged}
        flat["rule"] = self.rule.model_dump(mode="json")
        for name, figure in self.figures.items():
            flat |= figure.to_json(name)
        flat["observed"] = {}
        for name, figure in self.observed.items():
            flat["observed"] |= figure.to_json(name)
        return flat


def choose(table: PredictionTable, objective: Objective | None = None) -> OperatingPoint:
    """Set `pass`, `reject` and `review` from predictions on parts that the model has not seen.

    `table` holds validation or out-of-fold predictions, made with the probabilities that the
    bundle will give. Rates are by part, a part's score being the highest bad score of its
    images. See `thresholds.choose_pair` for what is chosen. The thresholds fit the parts that
    they are chosen on, so the rates are cross-fitted: thresholds chosen on the other folds of
    groups, counted on the one left out. A tolerance is met when the one-sided 95 % upper
    bound of its rate is within it, not met when the one-sided 95 % lower bound is above it,
    else undecidable with so few parts.
    """
    objective = objective or Objective()
    if not objective.stated:
        return _most_probable(table, objective, "no objective", "No objective is stated")
    parts = parts_of(table)
    lack = _lack(table, parts)
    if lack or table.bad_scores is None:
        return _most_probable(table, objective, "undecidable", f"The objective cannot be decided: {lack}")
    rows = np.arange(len(parts))
    pair = _pair(table, parts, rows, objective)
    severity = _severity(parts.scores, pair)
    crossed = _cross_fitted(table, parts, objective)
    judged = severity if crossed is None else crossed
    findings = judge_parts(parts, judged, objective)
    sentences = [finding.sentence for finding in findings]
    if pair.compromised:
        sentences.append(
            "The tolerances cannot both be held on these parts within the review share; the one for escapes was."
        )
    sentences += _remarks(parts, severity)
    sentences.append(
        "Each part was judged at thresholds chosen on other parts."
        if crossed is not None
        else "Too few groups to judge parts at thresholds chosen on others: the rates flatter."
    )
    return OperatingPoint(
        rule=DecisionRule(
            pass_below=pair.pass_below, reject_from=pair.reject_from, basis=_basis(table, parts, objective)
        ),
        verdict=overall([finding.verdict for finding in findings]),
        findings=tuple(sentences),
        figures=rates(parts, judged).named(),
        observed=rates(parts, severity).named(),
        judged="observed" if crossed is None else "cross-fitted",
        # A part's verdict is that of its worst image, so its images may carry it alike.
        decisions=None if crossed is None else tuple(SEVERITY[level] for level in crossed[parts.of_image]),
    )


def _lack(table: PredictionTable, parts: Parts) -> str:
    if table.is_bad is None:
        return "no class is declared good"
    if not parts.is_bad.any():
        return "there is no defective part to count escapes on"
    if parts.is_bad.all():
        return "there is no good part to count overkill on"
    return ""


def _most_probable(table: PredictionTable, objective: Objective, verdict: Verdict, why: str) -> OperatingPoint:
    limit = ABSTAIN_BELOW if objective.abstain_below is None else objective.abstain_below
    sentence = f"{why}: the most probable class decides, and answers less probable than {limit:.2f} go to review."
    rule = DecisionRule(abstain_below=limit, basis=sentence)
    figures = escapes(decided(table, rule)).named()
    return OperatingPoint(rule, verdict, (sentence,), figures, figures)


def _pair(table: PredictionTable, parts: Parts, rows: NDArray[np.int64], objective: Objective) -> Pair:
    assert table.bad_scores is not None
    images = table.bad_scores[np.isin(parts.of_image, rows)]
    return choose_pair(cuts_between(parts.scores[rows], parts.is_bad[rows], images), objective)


def _severity(scores: NDArray[np.float64], pair: Pair) -> NDArray[np.int64]:
    """0 pass, 1 review, 2 reject for each part score."""
    return np.where(scores < pair.pass_below, 0, np.where(scores >= pair.reject_from, 2, 1)).astype(np.int64)


def _cross_fitted(table: PredictionTable, parts: Parts, objective: Objective) -> NDArray[np.int64] | None:
    """Severity of each part at thresholds chosen on other groups; None where groups do not suffice."""
    counts = [len(np.unique(parts.groups[which])) for which in (parts.is_bad, ~parts.is_bad)]
    k = min(_FOLDS, *counts)
    if k < 2:
        return None
    folds = strata_folds(parts.groups, k, parts.is_bad)
    severity = np.zeros(len(parts), dtype=np.int64)
    for fold in np.unique(folds):
        held = folds == fold
        bad = parts.is_bad[~held]
        if bad.all() or not bad.any():
            return None
        severity[held] = _severity(parts.scores[held], _pair(table, parts, np.flatnonzero(~held), objective))
    return severity


def _remarks(parts: Parts, severity: NDArray[np.int64]) -> list[str]:
    remarks = []
    if (severity == 0).all():
        remarks.append("At this objective every part passes: no score separates the defective parts well enough.")
    if not (severity[~parts.is_bad] == 0).any():
        remarks.append("At this objective no good part passes: no score separates them from the defective ones.")
    return remarks


def _basis(table: PredictionTable, parts: Parts, objective: Objective) -> str:
    aims = []
    if objective.max_escape_rate is not None:
        aims.append(f"at most {percent(objective.max_escape_rate)} escapes")
    if objective.max_overkill_rate is not None:
        aims.append(f"at most {percent(objective.max_overkill_rate)} overkill")
    if objective.cost_escape is not None:
        aims.append("the lowest expected cost")
    source = "out-of-fold" if table.origin == "out-of-fold" else "validation"
    bad = int(parts.is_bad.sum())
    return f"Set for {' and '.join(aims)} on {source} predictions: {bad} defective and {len(parts) - bad} good parts."
