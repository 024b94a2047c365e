"""Classification, the torch half."""

from __future__ import annotations

from vision_ft.tasks.classify.task import ClassifyTask

TASK = ClassifyTask()
