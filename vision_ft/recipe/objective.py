"""What a good model is, stated before training."""

from __future__ import annotations

from pydantic import Field, model_validator

from vision_ft.recipe.base import Section


class Objective(Section):
    """The errors that are tolerable on the line.

    Either tolerances (`max_escape_rate`, `max_overkill_rate`) or costs (`cost_escape`,
    `cost_overkill` with the `defect_rate` expected on the line). Nothing stated: the most
    probable class decides, and the report says so.
    """

    good: tuple[str, ...] = ()
    """Ids of the classes that are good parts; empty: what the data card or the index says."""
    max_escape_rate: float | None = Field(default=None, gt=0.0, lt=1.0)
    """Tolerable share of defective parts that pass."""
    max_overkill_rate: float | None = Field(default=None, gt=0.0, lt=1.0)
    """Tolerable share of good parts that are rejected."""
    cost_escape: float | None = Field(default=None, gt=0.0)
    """Cost of one defective part that passes, in any unit."""
    cost_overkill: float | None = Field(default=None, gt=0.0)
    """Cost of one good part that is rejected, in the same unit."""
    cost_review: float = Field(default=0.0, ge=0.0)
    """Cost of a person looking at one part, in the same unit."""
    defect_rate: float | None = Field(default=None, gt=0.0, lt=1.0)
    """Share of defective parts expected on the line; needed with costs."""
    max_review_share: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of all parts that a person may be asked to look at."""
    abstain_below: float | None = Field(default=None, ge=0.0, le=1.0)
    """Without tolerances or costs: answers less probable than this go to review."""

    @property
    def stated(self) -> bool:
        """Whether tolerances or costs are given."""
        return (
            self.max_escape_rate is not None
            or self.max_overkill_rate is not None
            or (self.cost_escape is not None and self.cost_overkill is not None)
        )

    @model_validator(mode="after")
    def _complete(self) -> Objective:
        if (self.cost_escape is None) != (self.cost_overkill is None):
            raise ValueError("cost_escape and cost_overkill are stated together")
        if self.cost_escape is not None and self.defect_rate is None:
            raise ValueError("costs need defect_rate, the share of defective parts expected on the line")
        return self
