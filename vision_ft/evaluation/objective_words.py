"""An objective in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vision_ft.evaluation.sentences import percent
from vision_ft.recipe.objective import Objective


def objective_of(stored: Mapping[str, Any] | None) -> Objective:
    """The objective that a manifest stores as plain JSON; an empty one where it stores none."""
    return Objective.model_validate(dict(stored)) if stored else Objective()


def objective_words(objective: Objective) -> str:
    """The aims in one sentence."""
    aims = []
    if objective.max_escape_rate is not None:
        aims.append(f"at most {percent(objective.max_escape_rate)} of the defective parts may pass")
    if objective.max_overkill_rate is not None:
        aims.append(f"at most {percent(objective.max_overkill_rate)} of the good parts may be rejected")
    if objective.cost_escape is not None and objective.cost_overkill is not None and objective.defect_rate is not None:
        review = f", a review {objective.cost_review:g}" if objective.cost_review else ""
        aims.append(
            f"the cost is to be low where an escape costs {objective.cost_escape:g}, a rejected good part "
            f"{objective.cost_overkill:g}{review}, and {percent(objective.defect_rate)} of the parts are defective"
        )
    if not aims:
        return "No objective was stated."
    if objective.max_review_share:
        aims.append(f"a person may be asked to look at {percent(objective.max_review_share)} of the parts")
    text = "; ".join(aims)
    return text[0].upper() + text[1:] + "."
