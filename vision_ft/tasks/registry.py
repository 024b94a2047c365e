"""The tasks there are: one line each."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from vision_ft.errors import RecipeError
from vision_ft.evaluation.judging import TaskJudge

if TYPE_CHECKING:
    from vision_ft.tasks.contract import TorchTask

TASKS = {
    "classify": "vision_ft.tasks.classify",
    "detect": "vision_ft.tasks.detect",
    "segment": "vision_ft.tasks.segment",
    "anomaly": "vision_ft.tasks.anomaly",
}


def torch_task(name: str) -> TorchTask:
    """The torch half of a task, with caches of its own; raises `RecipeError` for an unknown one."""
    return cast("TorchTask", type(import_module(f"{_package(name)}.task").TASK)())


def task_judge(name: str) -> TaskJudge:
    """How a task's answers are judged, free of torch; raises `RecipeError` for an unknown one."""
    return cast(TaskJudge, import_module(f"{_package(name)}.judge").JUDGE)


def _package(name: str) -> str:
    if name not in TASKS:
        raise RecipeError(f"task {name!r}", expected=f"one of {', '.join(TASKS)}")
    return TASKS[name]
