"""Where are the defects? Boxes around the defects of generated parts."""

from __future__ import annotations

from vision_ft.cli.demos import Demo

DEMO = Demo(
    recipe="detect_defects",
    card="sample",
    max_time="240s",
    changes={"split.test": 0.25, "input.height": 192, "input.width": 256},
)
