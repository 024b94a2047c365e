"""Answers as a bundle's task completes them: the envelope of `schemas`, and in it what the task adds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from pydantic import BaseModel, create_model

from serving.schemas import VERDICT, BatchAnswer, BatchEntry, BatchProblem, PredictionAnswer
from vision_ft.bundle.tasks import TASKS, answer_model

REFERENCE = "#/components/schemas/{model}"


@dataclass(frozen=True, slots=True)
class Answers:
    """The shapes of what one task answers with."""

    one: type[PredictionAnswer]
    batch: type[BatchAnswer]
    """With its `results`."""
    example: dict[str, Any]
    """An answer on one image."""


@cache
def answers_of(task: str) -> Answers:
    """The complete answers of a task. Raises `BundleError` when this version does not know it."""
    result = answer_model(task)
    title = task.capitalize()
    one = create_model(f"{title}Answer", __base__=(result, PredictionAnswer), __doc__=PredictionAnswer.__doc__)
    entry = create_model(f"{title}BatchEntry", __base__=(result, BatchEntry), __doc__=BatchEntry.__doc__)
    batch = create_model(
        f"{title}BatchAnswer",
        __base__=BatchAnswer,
        __doc__=BatchAnswer.__doc__,
        results=(list[entry | BatchProblem], ...),
    )
    example = result.model_json_schema()["examples"][0]
    return Answers(cast(type[PredictionAnswer], one), batch, {**VERDICT, **example})


def every_answer() -> list[Answers]:
    """Those of all tasks that this version knows."""
    return [answers_of(task) for task in TASKS]


def describe_answers(description: dict[str, Any], answers: list[Answers]) -> None:
    """Put answers into an OpenAPI description: what /v1/predict answers with is any of them."""
    schemas: dict[str, Any] = description["components"]["schemas"]
    for path, models in (
        ("/v1/predict", [one.one for one in answers]),
        ("/v1/predict/batch", [one.batch for one in answers]),
    ):
        references = [{"$ref": REFERENCE.format(model=_add(schemas, model))} for model in models]
        content = description["paths"][path]["post"]["responses"]["200"]["content"]
        content["application/json"] = {"schema": references[0] if len(references) == 1 else {"anyOf": references}}
    for one in answers:
        schemas[one.one.__name__]["examples"] = [one.example]


def _add(schemas: dict[str, Any], model: type[BaseModel]) -> str:
    """Add a model, and what it refers to, to an OpenAPI description's schemas; its name there."""
    schema = model.model_json_schema(ref_template=REFERENCE)
    schemas.update(schema.pop("$defs", {}))
    # A part's example speaks of that part alone.
    schema.pop("examples", None)
    schemas[model.__name__] = schema
    return model.__name__
