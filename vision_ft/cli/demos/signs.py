"""Signs in road scenes: a detector finds them, a classifier of generated crops names them, one bundle does both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vision_ft.cli.demos import Progress

RECIPE = "detect_signs"
CARD = "road_scenes"
ROOT = Path("datasets/roads")
CROPS = Path("datasets/sign_crops")
MAX_TIME = "300s"
CLASSIFIER_TIME = "120s"
SCENES, TRACKS = 240, 10
CHANGES: Mapping[str, Any] = {"split.test": 0.2, "data.one_class": "sign"}
WHAT = "road scenes"


def generate(progress: Progress) -> None:
    """Write road scenes, and crops of signs for the classifier."""
    from vision_ft.data.synthetic import generate_roads, generate_signs

    generate_signs(CROPS, tracks_per_class=TRACKS)
    generate_roads(ROOT, scenes=SCENES, progress=progress)


def finish(bundle: Path, run: Path, seed: int, say: Callable[[str], None]) -> Path:
    """Train the classifier on the crops, and join both."""
    from vision_ft.export.join import join_bundles
    from vision_ft.recipe.load import load_recipe
    from vision_ft.training import train

    say("a classifier of single signs, trained on generated crops")
    recipe = load_recipe(
        "classify_signs",
        {
            "data.root": str(CROPS),
            "seed": seed,
            "trainer.max_time": CLASSIFIER_TIME,
            "input.height": 64,
            "input.width": 64,
        },
    )
    classifier = train(recipe, run=run.with_name(f"{run.name}-classifier"))
    return join_bundles(bundle, classifier.bundle, run / "pipeline", name="signs")
