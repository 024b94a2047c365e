"""From a recipe to a run folder with a bundle."""

from __future__ import annotations

from vision_ft.training.api import RunResult, export, train
from vision_ft.training.fit import Interrupted

__all__ = ["Interrupted", "RunResult", "export", "train"]
