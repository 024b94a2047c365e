"""From scores to `pass`, `reject` or `review`, for one image and for one part."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Decision(StrEnum):
    """What the line does with a part."""

    PASS = "pass"
    REVIEW = "review"
    REJECT = "reject"


_SEVERITY = {Decision.PASS: 0, Decision.REVIEW: 1, Decision.REJECT: 2}


class DecisionRule(BaseModel):
    """The thresholds of a bundle. Scores are probabilities in [0, 1].

    The *bad score* of an image is one minus the summed probability of the good classes.
    With an objective, it alone decides: below `pass_below` the image passes, from
    `reject_from` on it is rejected, between the two a person looks. Without one, the most
    probable class decides, and `abstain_below` sends doubtful images to a person.
    Beyond `distance_limit` (see `novelty`) nothing passes and nothing is rejected: the
    image is unlike anything the model was trained on, and a person looks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    pass_below: float | None = Field(default=None, ge=0.0)
    """Bad scores below this pass. Set together with `reject_from`."""
    reject_from: float | None = Field(default=None, ge=0.0)
    """Bad scores from this on are rejected; at least `pass_below`."""
    abstain_below: float | None = Field(default=None, ge=0.0, le=1.0)
    """Top probabilities below this go to review (where no objective is stated)."""
    distance_limit: float | None = Field(default=None, ge=0.0)
    """Largest embedding distance at which a verdict is given."""
    basis: str = ""
    """One sentence: what the thresholds rest on."""

    @model_validator(mode="after")
    def _ordered(self) -> DecisionRule:
        if (self.pass_below is None) != (self.reject_from is None):
            raise ValueError("pass_below and reject_from are set together or not at all")
        if self.pass_below is not None and self.reject_from is not None and self.pass_below > self.reject_from:
            raise ValueError("pass_below is above reject_from")
        return self

    def decide(
        self, *, top_probability: float, top_is_good: bool, bad_score: float | None, distance: float | None
    ) -> tuple[Decision, tuple[str, ...]]:
        """Decide one image; the second value says why in words, empty where nothing stood out.

        `bad_score` is None where no class is declared good: then every label is an answer,
        and a confident one passes.
        """
        if not all(math.isfinite(v) for v in (top_probability, bad_score, distance) if v is not None):
            return Decision.REVIEW, ("the model gave no number",)
        if distance is not None and self.distance_limit is not None and distance > self.distance_limit:
            return Decision.REVIEW, (
                f"unlike the training images (distance {distance:.3f}, limit {self.distance_limit:.3f})",
            )
        if bad_score is not None and self.pass_below is not None and self.reject_from is not None:
            if bad_score < self.pass_below:
                return Decision.PASS, ()
            if bad_score >= self.reject_from:
                return Decision.REJECT, ()
            return Decision.REVIEW, (
                f"defect score {bad_score:.3f} lies between {self.pass_below:.3f} and {self.reject_from:.3f}",
            )
        if self.abstain_below is not None and top_probability < self.abstain_below:
            return Decision.REVIEW, (f"probability {top_probability:.3f} is below {self.abstain_below:.3f}",)
        if bad_score is None or top_is_good:
            return Decision.PASS, ()
        return Decision.REJECT, ()


def worst(decisions: Iterable[Decision]) -> Decision:
    """The verdict on a part from the decisions on its images: reject before review before pass.

    Raises ValueError for a part without images.
    """
    found = list(decisions)
    if not found:
        raise ValueError("a part without images has no verdict")
    return max(found, key=_SEVERITY.__getitem__)
