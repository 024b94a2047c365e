"""What a good model is: tolerances, or costs that belong together."""

from __future__ import annotations

from typing import Any

import pytest

from vision_ft.errors import RecipeError
from vision_ft.recipe import Objective, load_recipe


def _objective(**values: Any) -> Objective:
    return load_recipe(None, {"objective": values}).objective


@pytest.mark.parametrize(
    "values",
    [
        {"max_escape_rate": 0.01},
        {"max_overkill_rate": 0.05},
        {"max_escape_rate": 0.01, "max_overkill_rate": 0.05, "max_review_share": 0.1},
        {"cost_escape": 100, "cost_overkill": 1, "defect_rate": 0.02},
        {"cost_escape": 100, "cost_overkill": 1, "cost_review": 0.5, "defect_rate": 0.02, "max_review_share": 1},
    ],
)
def test_tolerances_or_costs_state_an_objective(values: dict[str, Any]) -> None:
    assert _objective(**values).stated


@pytest.mark.parametrize("values", [{}, {"good": ["a", "b"]}, {"abstain_below": 0.6}, {"max_review_share": 0.1}])
def test_nothing_else_does(values: dict[str, Any]) -> None:
    assert not _objective(**values).stated


@pytest.mark.parametrize("lonely", ["cost_escape", "cost_overkill"])
def test_costs_are_stated_together(lonely: str) -> None:
    with pytest.raises(RecipeError, match="objective: cost_escape and cost_overkill are stated together"):
        _objective(**{lonely: 2.0, "defect_rate": 0.1})


def test_costs_need_the_defect_rate() -> None:
    with pytest.raises(RecipeError, match="objective: costs need defect_rate"):
        _objective(cost_escape=2.0, cost_overkill=1.0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_escape_rate", 0),
        ("max_escape_rate", 1),
        ("max_overkill_rate", -0.1),
        ("cost_escape", 0),
        ("cost_review", -1),
        ("defect_rate", 1.0),
        ("max_review_share", 1.1),
        ("abstain_below", 1.1),
    ],
)
def test_what_is_no_rate_or_cost(key: str, value: float) -> None:
    with pytest.raises(RecipeError, match=rf"objective\.{key}: expected a value (greater|less) than"):
        _objective(**{key: value})
