"""What is unlike good parts? Learned from the good ones among generated parts alone."""

from __future__ import annotations

from vision_ft.cli.demos import Demo

DEMO = Demo(recipe="find_anomalies", card="sample_good", max_time="150s")
