"""Signs in road scenes: a detector finds them, a classifier of generated crops names them, one bundle does both."""

from __future__ import annotations

from pathlib import Path

from vision_ft.cli.demos import Demo, Progress, Say

_CROPS = Path("datasets/sign_crops")
_CLASSIFIER_TIME = "120s"
_SCENES, _TRACKS = 240, 10


def _generate(root: Path, progress: Progress) -> None:
    """Write road scenes, and crops of signs for the classifier."""
    from vision_ft.data.synthetic import generate_roads, generate_signs

    generate_signs(_CROPS, tracks_per_class=_TRACKS)
    generate_roads(root, scenes=_SCENES, progress=progress)


def _finish(bundle: Path, run: Path, seed: int, say: Say) -> Path:
    """Train the classifier on the crops, and join both."""
    from vision_ft.export.join import join_bundles
    from vision_ft.recipe.load import load_recipe
    from vision_ft.training import train

    say("a classifier of single signs, trained on generated crops")
    recipe = load_recipe(
        "classify_signs",
        {
            "data.root": str(_CROPS),
            "data.card": "sign_crops",
            "seed": seed,
            "trainer.max_time": _CLASSIFIER_TIME,
            "input.height": 64,
            "input.width": 64,
        },
    )
    classifier = train(recipe, run=run.with_name(f"{run.name}-classifier"))
    return join_bundles(bundle, classifier.bundle, run / "pipeline", name="signs")


DEMO = Demo(
    recipe="detect_signs",
    card="road_scenes",
    max_time="300s",
    # Half the recipe's pixels, or there would be one epoch in this time.
    changes={
        "split.test": 0.2,
        "data.one_class": "sign",
        "input.height": 256,
        "input.width": 352,
        "task.mosaic": 0.2,
    },
    root=Path("datasets/roads"),
    what="road scenes",
    generate=_generate,
    finish=_finish,
)
