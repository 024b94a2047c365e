"""Which defect does a part have? Generated parts in class folders."""

from __future__ import annotations

from vision_ft.cli.demos import Demo

DEMO = Demo(recipe="classify_defects", card="sample", max_time="300s")
