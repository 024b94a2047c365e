"""Met, not met, or not decidable with so few parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vision_ft.evaluation.escape import NO_GOOD_CLASS, rates
from vision_ft.evaluation.figures import Figure
from vision_ft.evaluation.parts import Parts, parts_of
from vision_ft.evaluation.proportions import LEVEL, lower_bound, share, upper_bound
from vision_ft.evaluation.sentences import at_least, at_most, percent
from vision_ft.evaluation.table import PredictionTable
from vision_ft.evaluation.thresholds import mix
from vision_ft.recipe.objective import Objective

Verdict = Literal["met", "not met", "undecidable", "no objective"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence on one aim; the verdict is None where it only informs."""

    verdict: Verdict | None
    sentence: str


def overall(verdicts: Sequence[Verdict | None]) -> Verdict:
    """One verdict from those on each aim: not met if any is not, met if all are, else undecidable."""
    given = [v for v in verdicts if v is not None]
    if "not met" in given:
        return "not met"
    return "met" if given and all(v == "met" for v in given) else "undecidable"


def judge_decisions(table: PredictionTable, objective: Objective) -> tuple[Verdict, tuple[str, ...]]:
    """Judge the decisions in a table, as they are, by an objective: the verdict, and why in sentences."""
    if not objective.stated:
        return "no objective", ("No objective is stated: there is nothing to be met.",)
    if table.is_bad is None:
        return "undecidable", (f"The objective cannot be decided: {NO_GOOD_CLASS}.",)
    parts = parts_of(table)
    findings = judge_parts(parts, parts.severity, objective)
    return overall([f.verdict for f in findings]), tuple(f.sentence for f in findings)


def judge_parts(parts: Parts, severity: NDArray[np.int64], objective: Objective) -> list[Finding]:
    """Judge decisions on parts (0 pass, 1 review, 2 reject [P]) by each aim of a stated objective."""
    found = rates(parts, severity)
    findings = []
    if objective.max_escape_rate is not None:
        findings.append(judge_rate("Escape rate", found.escape_rate, objective.max_escape_rate, "escape", "escapes"))
    if objective.max_overkill_rate is not None:
        findings.append(
            judge_rate("Overkill rate", found.overkill_rate, objective.max_overkill_rate, "reject", "rejects")
        )
    bad, good = (
        share(np.asarray(severity[which] == 1), parts.groups[which], unit="parts", none="there is no such part")
        for which in (parts.is_bad, ~parts.is_bad)
    )
    if objective.cost_escape is not None:
        findings.append(judge_costs(found.escape_rate, found.overkill_rate, (bad, good), objective))
    limit = objective.max_review_share or 0.0
    if limit > 0.0 and bad.value is not None and good.value is not None:
        asked = float(mix(bad.value, good.value, objective, int(bad.denominator or 0), int(good.denominator or 0)))
        mixed = "at the stated defect rate" if objective.defect_rate is not None else "of these parts"
        than = "more than the" if asked > limit else "within the"
        findings.append(
            Finding(None, f"Review: {percent(asked)} {mixed} would go to a person, {than} {percent(limit)} allowed.")
        )
    return findings


def judge_rate(name: str, figure: Figure, limit: float, one: str, many: str) -> Finding:
    """Judge a rate against its tolerance by one-sided 95 % bounds, in a sentence."""
    if figure.value is None or figure.trials is None:
        return Finding("undecidable", f"{name}: not decidable, for {figure.reason}.")
    events = figure.value * figure.trials
    if upper_bound(events, figure.trials) <= limit:
        return Finding("met", f"{name}: met. {at_most(figure, limit, one, many)}; {percent(limit)} are tolerable.")
    if lower_bound(events, figure.trials) > limit:
        return Finding("not met", f"{name}: not met. {at_least(figure, one, many)}; {percent(limit)} are tolerable.")
    return Finding("undecidable", f"{name}: not decidable with so few parts. {at_most(figure, limit, one, many)}.")


def judge_costs(escape: Figure, overkill: Figure, reviewed: Sequence[Figure], objective: Objective) -> Finding:
    """Judge the expected cost of a part against doing without the model, in a sentence.

    Without it every part passes, or every part is rejected, whichever is cheaper (or all are
    reviewed, where the objective allows that). Met when even the upper bound of the cost is
    below that. The bounds put each rate at its one-sided bound, at levels that hold together
    (Bonferroni). `reviewed` are the review shares of defective and of good parts.
    """
    assert objective.cost_escape is not None
    assert objective.cost_overkill is not None
    if escape.value is None or overkill.value is None:
        return Finding("undecidable", f"Expected cost: not decidable, for {escape.reason or overkill.reason}.")
    rate = objective.defect_rate or 0.0
    terms = [
        (objective.cost_escape * rate, escape),
        (objective.cost_overkill * (1.0 - rate), overkill),
        (objective.cost_review * rate, reviewed[0]),
        (objective.cost_review * (1.0 - rate), reviewed[1]),
    ]
    terms = [(price, figure) for price, figure in terms if price > 0.0]
    level = 1.0 - (1.0 - LEVEL) / len(terms)
    cost = low = high = 0.0
    for price, figure in terms:
        value, trials = figure.value or 0.0, figure.trials or 0.0
        cost += price * value
        low += price * lower_bound(value * trials, trials, level)
        high += price * upper_bound(value * trials, trials, level)
    without = {
        "passing every part": objective.cost_escape * rate,
        "rejecting every part": objective.cost_overkill * (1.0 - rate),
    }
    if objective.max_review_share >= 1.0:
        without["reviewing every part"] = objective.cost_review
    way = min(without, key=without.__getitem__)
    against = f"{way}, the cheapest way without the model, costs {without[way]:.3g}"
    head = f"{cost:.3g} a part"
    if high < without[way]:
        return Finding("met", f"Expected cost: met. {head}, at most {high:.3g} (one-sided 95 %); {against}.")
    if low > without[way]:
        return Finding("not met", f"Expected cost: not met. {head}, at least {low:.3g} (one-sided 95 %); {against}.")
    return Finding(
        "undecidable",
        f"Expected cost: not decidable with so few parts. {head}, between {low:.3g} and {high:.3g}; {against}.",
    )
