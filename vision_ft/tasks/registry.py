"""The tasks there are: one line each."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from vision_ft.errors import RecipeError
from vision_ft.tasks.contract import TorchTask

TASKS = {
    "classify": "vision_ft.tasks.classify",
}


def torch_task(name: str) -> TorchTask:
    """The torch half of a task, with caches of its own; raises `RecipeError` for an unknown one."""
    if name not in TASKS:
        raise RecipeError(f"task {name!r}", expected=f"one of {', '.join(TASKS)}")
    return cast(TorchTask, type(import_module(TASKS[name]).TASK)())
