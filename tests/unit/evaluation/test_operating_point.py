"""From an objective to a rule and a verdict in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from vision_ft.evaluation.decide import decided
from vision_ft.evaluation.escape import escapes
from vision_ft.evaluation.operating_point import ABSTAIN_BELOW, choose
from vision_ft.evaluation.table import PredictionTable
from vision_ft.evaluation.verdicts import judge_decisions
from vision_ft.recipe.objective import Objective

MakeTable = Callable[..., PredictionTable]


def scored(make_table: MakeTable, good: Sequence[float], bad: Sequence[float]) -> PredictionTable:
    """One image a part with these bad scores."""
    scores = [*good, *bad]
    return make_table([0] * len(good) + [1] * len(bad), [[1 - s, s] for s in scores], origin="out-of-fold")


def test_without_an_objective_the_most_probable_class_decides(random_table: MakeTable) -> None:
    point = choose(random_table())
    assert point.verdict == "no objective"
    assert point.rule.abstain_below == ABSTAIN_BELOW
    assert point.rule.pass_below is None
    assert "most probable class decides" in point.findings[0]
    stated = choose(random_table(), Objective(abstain_below=0.8))
    assert stated.rule.abstain_below == 0.8
    assert "0.80" in stated.findings[0]


def test_few_parts_without_an_escape_are_undecidable_and_say_how_many_it_takes(make_table: MakeTable) -> None:
    table = scored(make_table, np.linspace(0.01, 0.2, 30).tolist(), np.linspace(0.8, 0.99, 23).tolist())
    point = choose(table, Objective(max_escape_rate=0.05))
    assert point.verdict == "undecidable"
    assert (
        "0 escapes in 23 defective parts: at most 12 % (one-sided 95 %); 59 would be needed to show 5 %"
        in point.findings[0]
    )
    assert point.rule.pass_below == pytest.approx(0.5)
    assert "23 defective and 30 good parts" in point.rule.basis
    assert "out-of-fold" in point.rule.basis


def test_enough_parts_meet_the_objective(make_table: MakeTable) -> None:
    table = scored(make_table, np.linspace(0.01, 0.2, 60).tolist(), np.linspace(0.8, 0.99, 60).tolist())
    point = choose(table, Objective(max_escape_rate=0.05, max_overkill_rate=0.10))
    assert point.verdict == "met"
    assert point.judged == "cross-fitted"
    assert all("met." in finding for finding in point.findings[:2])


def test_scores_that_tell_nothing_do_not_meet_it(make_table: MakeTable) -> None:
    rng = np.random.default_rng(0)
    table = scored(make_table, rng.random(80).tolist(), rng.random(80).tolist())
    point = choose(table, Objective(max_escape_rate=0.3, max_overkill_rate=0.1))
    assert point.verdict == "not met"
    assert "Overkill rate: not met." in point.findings[1]
    assert any("cannot both be held" in finding for finding in point.findings)


def test_cross_fitting_takes_the_flattery_out(make_table: MakeTable) -> None:
    observed, crossed = 0.0, 0.0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        table = scored(make_table, rng.beta(2, 3, 40).tolist(), rng.beta(3, 2, 15).tolist())
        point = choose(table, Objective(max_escape_rate=0.07))
        observed += point.observed["escape_rate"].value or 0.0
        crossed += point.figures["escape_rate"].value or 0.0
        assert (point.observed["escape_rate"].value or 0.0) <= 0.07
    assert crossed > observed


def test_the_rule_gives_on_the_table_what_was_observed(random_table: MakeTable) -> None:
    table = random_table(parts=60, skill=1.5)
    point = choose(table, Objective(max_escape_rate=0.1, max_review_share=0.2))
    found = escapes(decided(table, point.rule)).named()
    for name, figure in point.observed.items():
        assert (figure.numerator, figure.denominator) == (found[name].numerator, found[name].denominator)


@pytest.mark.parametrize(
    ("good", "bad", "says"),
    [
        ([0.1, 0.2], [], "no defective part"),
        ([], [0.8, 0.9], "no good part"),
    ],
)
def test_one_kind_of_parts_is_undecidable_and_sets_no_threshold(
    make_table: MakeTable, good: list[float], bad: list[float], says: str
) -> None:
    point = choose(scored(make_table, good, bad), Objective(max_escape_rate=0.05))
    assert point.verdict == "undecidable"
    assert point.rule.pass_below is None
    assert point.rule.abstain_below is not None
    assert says in point.findings[0]


def test_without_a_good_class_an_objective_is_undecidable(random_table: MakeTable) -> None:
    point = choose(random_table(good=()), Objective(max_escape_rate=0.05))
    assert point.verdict == "undecidable"
    assert "no class is declared good" in point.findings[0]


def test_a_single_defective_part_is_judged_where_it_was_seen_and_says_so(make_table: MakeTable) -> None:
    point = choose(scored(make_table, [0.1, 0.2, 0.3], [0.9]), Objective(max_escape_rate=0.05))
    assert point.judged == "observed"
    assert point.verdict == "undecidable"
    assert any("flatter" in finding for finding in point.findings)


def test_costs_are_judged_against_doing_without_the_model(make_table: MakeTable) -> None:
    objective = Objective(cost_escape=100, cost_overkill=5, defect_rate=0.02)
    clear = scored(make_table, np.linspace(0.01, 0.2, 150).tolist(), np.linspace(0.8, 0.99, 150).tolist())
    point = choose(clear, objective)
    assert point.verdict == "met"
    assert "passing every part" in point.findings[0]
    rng = np.random.default_rng(1)
    blind = choose(scored(make_table, rng.random(60).tolist(), rng.random(60).tolist()), objective)
    assert blind.verdict != "met"


def test_saturated_scores_are_ties_not_thresholds(make_table: MakeTable) -> None:
    good = [0.0] * 20 + [1.0]
    bad = [1.0] * 20 + [1.0 - 1e-9]
    point = choose(scored(make_table, good, bad), Objective(max_escape_rate=0.2))
    assert point.rule.pass_below == pytest.approx(0.5)
    assert point.observed["overkill_rate"].numerator == 1


def test_decisions_as_they_are_can_be_judged(make_table: MakeTable) -> None:
    table = scored(make_table, [0.1] * 100, [0.9] * 100)
    point = choose(table, Objective(max_escape_rate=0.05))
    assert judge_decisions(decided(table, point.rule), Objective(max_escape_rate=0.05))[0] == "met"
    assert judge_decisions(table, Objective())[0] == "no objective"
    assert judge_decisions(scored(make_table, [0.1], []), Objective(max_escape_rate=0.05))[0] == "undecidable"


def test_the_point_is_strict_json(random_table: MakeTable) -> None:
    point = choose(random_table(), Objective(max_escape_rate=0.05, max_review_share=0.1))
    flat = json.loads(json.dumps(point.to_json(), allow_nan=False))
    assert {"verdict", "findings", "rule", "escape_rate", "escape_rate_low", "overkill_rate_high", "observed"} <= set(
        flat
    )
