"""The recipe: one typed tree for the YAML file, the flags and the Python API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import Field, field_validator, model_validator

from vision_ft.bundle.tasks.anomaly import AnomalyOptions
from vision_ft.bundle.tasks.classify import ClassifyOptions
from vision_ft.bundle.tasks.detect import DetectOptions
from vision_ft.bundle.tasks.segment import SegmentOptions
from vision_ft.recipe.augment import AugmentSection
from vision_ft.recipe.base import Section
from vision_ft.recipe.objective import Objective
from vision_ft.recipe.sections import (
    DataSection,
    ExportSection,
    InputSection,
    ModelSection,
    SplitSection,
    TileSection,
    TrainerSection,
)

SCHEMA_VERSION: Final = 1

Options = TypeVar("Options", ClassifyOptions, DetectOptions, SegmentOptions, AnomalyOptions)
TaskOptions = Annotated[ClassifyOptions | DetectOptions | SegmentOptions | AnomalyOptions, Field(discriminator="name")]


class Recipe(Section):
    """Everything that decides what a training run does."""

    schema_version: Literal[1] = SCHEMA_VERSION
    """Version of this tree."""
    task: TaskOptions = ClassifyOptions()
    """The task and its options; the bare name is enough."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """The one seed: split, sampling, augmentation, initial head."""
    data: DataSection = DataSection()
    split: SplitSection = SplitSection()
    objective: Objective = Objective()
    model: ModelSection = ModelSection()
    input: InputSection = InputSection()
    tile: TileSection | None = None
    """Large images are looked at in tiles; None: as a whole."""
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
        if isinstance(value, str):
            return {"name": value}
        # Options alone are those of the task that is there without a name.
        return {"name": "classify", **value} if isinstance(value, Mapping) else value

    def options(self, kind: type[Options]) -> Options:
        """The task's options as those of one task; raises TypeError where the recipe is of another."""
        if not isinstance(self.task, kind):
            raise TypeError(f"the recipe's task is {self.task.name}, not one with {kind.__name__}")
        return self.task

    def plain(self) -> dict[str, Any]:
        """The resolved tree as JSON types, every default filled in."""
        return self.model_dump(mode="json")
