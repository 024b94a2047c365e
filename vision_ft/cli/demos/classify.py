"""Which defect does a part have? Generated parts in class folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vision_ft.cli.demos import Progress

RECIPE = "classify_defects"
CARD = "sample"
ROOT = Path("datasets/sample")
MAX_TIME = "150s"
CHANGES: Mapping[str, Any] = {"split.test": 0.25}
WHAT = "parts"


def generate(progress: Progress) -> None:
    """Write the generated set."""
    from vision_ft.data.synthetic import generate_surfaces

    generate_surfaces(ROOT, progress=progress)


def finish(bundle: Path, run: Path, seed: int, say: Callable[[str], None]) -> Path:
    """The bundle as it is."""
    return bundle
