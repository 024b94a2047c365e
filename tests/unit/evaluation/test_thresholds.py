"""Thresholds: never on a score, within the tolerance, and no other pair does better."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vision_ft.evaluation.thresholds import RESOLUTION, Cuts, Pair, choose_pair, cuts_between
from vision_ft.recipe.objective import Objective

# A coarse grid makes ties, the free floats make tight gaps and scores at the very ends.
SCORE = st.one_of(st.integers(0, 12).map(lambda i: i / 12), st.floats(0.0, 1.0))
PARTS = st.tuples(
    st.lists(st.tuples(SCORE, st.booleans()), min_size=2, max_size=14),
    st.lists(SCORE, max_size=6),
).filter(lambda drawn: len({bad for _, bad in drawn[0]}) == 2)
Drawn = tuple[list[tuple[float, bool]], list[float]]


def arrays(drawn: Drawn) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    scores = np.array([s for s, _ in drawn[0]])
    # A part's other images score no higher than the part.
    images = np.concatenate([scores, [min(s, scores.max()) for s in drawn[1]]])
    return scores, np.array([b for _, b in drawn[0]]), images


def rates(scores: NDArray[np.float64], bad: NDArray[np.bool_], pair: Pair) -> tuple[float, float, float]:
    passed, rejected = scores < pair.pass_below, scores >= pair.reject_from
    return float(passed[bad].mean()), float(rejected[~bad].mean()), float((~passed & ~rejected).mean())


@given(PARTS)
def test_no_image_sits_on_a_cut(drawn: Drawn) -> None:
    scores, bad, images = arrays(drawn)
    cuts = cuts_between(scores, bad, images)
    distance = np.abs(cuts.at[:, None] - images[None, :]).min(axis=1)
    inner = cuts.gap > 0
    np.testing.assert_array_less(RESOLUTION / 3, distance[inner])
    assert np.all(np.diff(cuts.at) > 0)
    assert np.all(np.diff(cuts.bad + cuts.good) > 0)
    assert (cuts.bad[0], cuts.good[0]) == (0, 0)
    assert (cuts.bad[-1], cuts.good[-1]) == (bad.sum(), (~bad).sum())


@given(PARTS, st.floats(0.01, 0.9), st.sampled_from([0.0, 0.1, 0.4]))
def test_a_tolerance_for_escapes_is_held_as_observed(drawn: Drawn, tolerance: float, review: float) -> None:
    scores, bad, images = arrays(drawn)
    objective = Objective(max_escape_rate=tolerance, max_review_share=review)
    pair = choose_pair(cuts_between(scores, bad, images), objective)
    escaped, _, reviewed = rates(scores, bad, pair)
    assert pair.pass_below <= pair.reject_from
    assert escaped <= tolerance + 1e-9
    assert reviewed <= review + 1e-6
    assert not pair.compromised


@given(PARTS, st.floats(0.01, 0.45), st.floats(0.01, 0.45))
def test_a_looser_tolerance_never_rejects_more_good_parts(drawn: Drawn, tolerance: float, more: float) -> None:
    scores, bad, images = arrays(drawn)
    cuts = cuts_between(scores, bad, images)
    tight = rates(scores, bad, choose_pair(cuts, Objective(max_escape_rate=tolerance)))
    loose = rates(scores, bad, choose_pair(cuts, Objective(max_escape_rate=tolerance + more)))
    assert loose[0] >= tight[0]
    assert loose[1] <= tight[1]


OBJECTIVES = [
    Objective(max_escape_rate=0.2),
    Objective(max_overkill_rate=0.2),
    Objective(max_escape_rate=0.3, max_review_share=0.3),
    Objective(max_escape_rate=0.3, max_overkill_rate=0.3, max_review_share=0.2),
    Objective(cost_escape=50, cost_overkill=3, cost_review=1, defect_rate=0.1, max_review_share=0.5),
    Objective(cost_escape=5, cost_overkill=3, defect_rate=0.4),
]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: ",".join(sorted(o.model_fields_set)))
@given(drawn=PARTS)
def test_no_other_pair_does_better(objective: Objective, drawn: Drawn) -> None:
    scores, bad, images = arrays(drawn)
    cuts = cuts_between(scores, bad, images)
    pair = choose_pair(cuts, objective)
    allowed = [
        found
        for i, j in itertools.combinations_with_replacement(range(len(cuts.at)), 2)
        if (found := outcome(cuts, scores, bad, objective, i, j)) is not None
    ]
    if pair.compromised:
        assert not allowed
        return
    mine = aim(objective, *rates(scores, bad, pair), share(scores, bad, objective, pair))
    assert mine <= min(allowed) + 1e-6


def share(scores: NDArray[np.float64], bad: NDArray[np.bool_], objective: Objective, pair: Pair) -> float:
    between = (scores >= pair.pass_below) & (scores < pair.reject_from)
    rate = bad.mean() if objective.defect_rate is None else objective.defect_rate
    return float(rate * between[bad].mean() + (1 - rate) * between[~bad].mean())


def outcome(
    cuts: Cuts, scores: NDArray[np.float64], bad: NDArray[np.bool_], objective: Objective, i: int, j: int
) -> float | None:
    pair = Pair(float(cuts.at[i]), float(cuts.at[j]))
    escaped, killed, _ = rates(scores, bad, pair)
    reviewed = share(scores, bad, objective, pair)
    if objective.max_escape_rate is not None and escaped > objective.max_escape_rate + 1e-9:
        return None
    if objective.max_overkill_rate is not None and killed > objective.max_overkill_rate + 1e-9:
        return None
    if reviewed > objective.max_review_share + 1e-9:
        return None
    return aim(objective, escaped, killed, 0.0, reviewed)


def aim(objective: Objective, escaped: float, killed: float, _: float, reviewed: float) -> float:
    if objective.cost_escape is not None and objective.cost_overkill is not None:
        rate = objective.defect_rate or 0.0
        return (
            objective.cost_escape * rate * escaped
            + objective.cost_overkill * (1 - rate) * killed
            + objective.cost_review * reviewed
        )
    if objective.max_review_share == 0.0 and objective.max_overkill_rate is None:
        return killed
    if objective.max_review_share == 0.0 and objective.max_escape_rate is None:
        return escaped
    return escaped + killed


def test_well_parted_scores_are_cut_in_the_middle_of_the_gap() -> None:
    scores = np.array([0.02, 0.1, 0.8, 0.9, 0.95])
    bad = np.array([False, False, True, True, True])
    for objective in OBJECTIVES:
        pair = choose_pair(cuts_between(scores, bad, scores), objective)
        assert (pair.pass_below, pair.reject_from) == pytest.approx((0.45, 0.45))


def test_a_tolerance_is_used_only_as_far_as_it_helps() -> None:
    # One of four escapes is tolerable and buys both good parts between 0.3 and 0.5; a second would buy nothing.
    scores = np.array([0.3, 0.6, 0.7, 0.9, 0.1, 0.4, 0.5])
    bad = np.array([True, True, True, True, False, False, False])
    pair = choose_pair(cuts_between(scores, bad, scores), Objective(max_escape_rate=0.5))
    assert pair.pass_below == pytest.approx(0.55)


def test_two_tolerances_that_exclude_each_other_hold_the_one_for_escapes() -> None:
    scores = np.array([0.2, 0.9, 0.5, 0.6])
    bad = np.array([True, True, False, False])
    objective = Objective(max_escape_rate=0.1, max_overkill_rate=0.1)
    pair = choose_pair(cuts_between(scores, bad, scores), objective)
    assert pair.compromised
    assert rates(scores, bad, pair)[:2] == (0.0, 1.0)
    aided = choose_pair(cuts_between(scores, bad, scores), objective.model_copy(update={"max_review_share": 0.75}))
    assert not aided.compromised
    assert rates(scores, bad, aided) == (0.0, 0.0, 0.75)


def test_a_threshold_needs_both_kinds_of_parts() -> None:
    scores = np.array([0.2, 0.9])
    with pytest.raises(ValueError, match="defective and good"):
        choose_pair(cuts_between(scores, np.array([True, True]), scores), Objective(max_escape_rate=0.1))
