"""The recipe: one typed tree for the YAML file, the flags and the Python API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from vision_ft.bundle.tasks.classify import ClassifyOptions
from vision_ft.recipe.augment import AugmentSection
from vision_ft.recipe.base import Section
from vision_ft.recipe.objective import Objective
from vision_ft.recipe.sections import (
    DataSection,
    ExportSection,
    InputSection,
    ModelSection,
    SplitSection,
    TrainerSection,
)

SCHEMA_VERSION: Final = 1


class Recipe(Section):
    """Everything that decides what a training run does."""

    schema_version: Literal[1] = SCHEMA_VERSION
    """Version of this tree."""
    task: ClassifyOptions = ClassifyOptions()
    """The task and its options; the bare name is enough."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """The one seed: split, sampling, augmentation, initial head."""
    data: DataSection = DataSection()
    split: SplitSection = SplitSection()
    objective: Objective = Objective()
    model: ModelSection = ModelSection()
    input: InputSection = InputSection()
    augment: AugmentSection = AugmentSection()
    trainer: TrainerSection = TrainerSection()
    export: ExportSection = ExportSection()

    @model_validator(mode="before")
    @classmethod
    def _empty_sections(cls, values: Any) -> Any:
        # A section whose keys are all commented out is null in YAML.
        if not isinstance(values, Mapping):
            return values
        return {key: value for key, value in values.items() if value is not None or key not in cls.model_fields}

    @field_validator("task", mode="before")
    @classmethod
    def _bare_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    def plain(self) -> dict[str, Any]:
        """The resolved tree as JSON types, every default filled in."""
        return self.model_dump(mode="json")
