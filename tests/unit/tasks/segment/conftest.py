"""Data of a segmentation fit over tiny parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vision_ft.bundle.manifest import InputSpec, TileSpec
from vision_ft.data.background import with_background
from vision_ft.data.index import Index
from vision_ft.recipe import load_recipe
from vision_ft.tasks.contract import FitData

MakeData = Callable[..., FitData]

BASE: dict[str, Any] = {
    "task": "segment",
    "model.backbone": "test_efficientnet",
    "model.pretrained": False,
    "input.height": 64,
    "input.width": 64,
    "input.placement": "letterbox",
    "trainer.batch_size": 8,
    "task.decoder": 32,
}


@pytest.fixture(scope="session")
def labelled(index: Index) -> Index:
    """Five good parts and three scratched ones, two pictures each, with masks and a background class."""
    return with_background(index)


@pytest.fixture
def make_data(labelled: Index) -> MakeData:
    """The data of a fit: dotted recipe keys, and how many of the last samples are for validation."""

    def make(*, val: int = 0, tile: int | None = None, **changes: Any) -> FitData:
        recipe = load_recipe(None, {**BASE, **{k.replace("__", "."): v for k, v in changes.items()}})
        spec = InputSpec(
            height=recipe.input.height,
            width=recipe.input.width,
            placement=recipe.input.placement,
            tile=None if tile is None else TileSpec(size=tile, overlap=0.25),
        )
        samples = tuple(labelled.samples())
        return FitData(recipe, labelled.classes, spec, samples[: len(samples) - val], samples[len(samples) - val :], 0)

    return make
