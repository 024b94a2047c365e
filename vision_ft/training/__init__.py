"""From a recipe to a run folder with a bundle.

The names are imported at their first use: torch and Lightning take seconds, and looking at
images needs neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vision_ft.training.api import RunResult, export, train
    from vision_ft.training.fit import Interrupted

__all__ = ["Interrupted", "RunResult", "export", "train"]

_HOMES = {"Interrupted": "fit", "RunResult": "api", "export": "api", "train": "api"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
