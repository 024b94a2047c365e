"""From scores to a verdict."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vision_ft.bundle import Decision, DecisionRule, worst

OBJECTIVE = {"pass_below": 0.2, "reject_from": 0.7}
PLAIN = {"top_probability": 0.9, "top_is_good": False, "bad_score": None, "distance": None}
unit_interval = st.floats(0, 1)


@pytest.mark.parametrize(
    ("rule", "image", "expected", "reason"),
    [
        (OBJECTIVE, {"bad_score": 0.1999}, "pass", ""),
        (OBJECTIVE, {"bad_score": 0.2}, "review", "between 0.200 and 0.700"),
        (OBJECTIVE, {"bad_score": 0.6999}, "review", "between"),
        (OBJECTIVE, {"bad_score": 0.7}, "reject", ""),
        (OBJECTIVE, {"bad_score": 0.1, "top_probability": 0.1}, "pass", ""),
        (OBJECTIVE | {"distance_limit": 0.3}, {"bad_score": 0.0, "distance": 0.31}, "review", "unlike the training"),
        (OBJECTIVE | {"distance_limit": 0.3}, {"bad_score": 1.0, "distance": 0.31}, "review", "unlike the training"),
        (OBJECTIVE | {"distance_limit": 0.3}, {"bad_score": 0.0, "distance": 0.3}, "pass", ""),
        (OBJECTIVE | {"distance_limit": 0.3}, {"bad_score": 0.0, "distance": None}, "pass", ""),
        ({}, {"bad_score": 0.4, "top_is_good": True}, "pass", ""),
        ({}, {"bad_score": 0.6, "top_is_good": False}, "reject", ""),
        ({}, {"bad_score": None}, "pass", ""),
        ({"abstain_below": 0.95}, {"bad_score": 0.6}, "review", "probability 0.900 is below 0.950"),
        ({"abstain_below": 0.9}, {"bad_score": 0.6}, "reject", ""),
        (OBJECTIVE | {"abstain_below": 0.95}, {"bad_score": None}, "review", "below 0.950"),
        ({"pass_below": 0.5, "reject_from": 0.5}, {"bad_score": 0.5}, "reject", ""),
    ],
)
def test_table(rule: dict[str, float], image: dict[str, Any], expected: str, reason: str) -> None:
    decision, reasons = DecisionRule(**rule).decide(**(PLAIN | image))
    assert decision == expected
    assert bool(reasons) == bool(reason)
    assert reason in "".join(reasons)


@given(unit_interval, unit_interval, unit_interval, unit_interval)
def test_a_worse_score_never_gives_a_better_verdict(a: float, b: float, low: float, high: float) -> None:
    rule = DecisionRule(pass_below=min(a, b), reject_from=max(a, b))

    def verdict(score: float) -> Decision:
        return rule.decide(top_probability=0.5, top_is_good=True, bad_score=score, distance=None)[0]

    better, poorer = verdict(min(low, high)), verdict(max(low, high))
    assert worst([better, poorer]) == poorer


@pytest.mark.parametrize(
    "rule",
    [
        {"pass_below": 0.5},
        {"reject_from": 0.5},
        {"pass_below": 0.6, "reject_from": 0.5},
        {"abstain_below": 1.5},
        {"distance_limit": -1.0},
        {"threshold": 0.5},
    ],
)
def test_rules_that_contradict_themselves(rule: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        DecisionRule.model_validate(rule)


def test_the_worst_image_decides_a_part() -> None:
    assert worst([Decision.PASS, Decision.PASS]) is Decision.PASS
    assert worst([Decision.PASS, Decision.REVIEW]) is Decision.REVIEW
    assert worst([Decision.REJECT, Decision.REVIEW, Decision.PASS]) is Decision.REJECT
    with pytest.raises(ValueError, match="without images"):
        worst([])
