"""Which pixels are defective? Masks of the defects of generated parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vision_ft.cli.demos import Progress

RECIPE = "segment_defects"
CARD = "sample"
ROOT = Path("datasets/sample")
MAX_TIME = "240s"
CHANGES: Mapping[str, Any] = {"split.test": 0.25}
WHAT = "parts"


def generate(progress: Progress) -> None:
    """Write the generated set."""
    from vision_ft.data.synthetic import generate_surfaces

    generate_surfaces(ROOT, progress=progress)


def finish(bundle: Path, run: Path, seed: int, say: Callable[[str], None]) -> Path:
    """The bundle as it is."""
    return bundle
