"""Which pixels are defective? Masks of the defects of generated parts."""

from __future__ import annotations

from vision_ft.cli.demos import Demo

# The parts are no larger, and a backbone that stays as it was makes more of little time.
_QUICK = {"input.height": 320, "input.width": 320, "trainer.freeze_layers": 1.0}
DEMO = Demo(recipe="segment_defects", card="sample", max_time="300s", changes={"split.test": 0.25, **_QUICK})
