"""Which pixels are defective? Masks of the defects of generated parts."""

from __future__ import annotations

from vision_ft.cli.demos import Demo

DEMO = Demo(recipe="segment_defects", card="sample", max_time="240s")
