"""Data of an anomaly fit over tiny parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vision_ft.bundle.manifest import InputSpec
from vision_ft.data.index import Index
from vision_ft.recipe import load_recipe
from vision_ft.tasks.anomaly.labels import as_anomalies
from vision_ft.tasks.contract import FitData

MakeData = Callable[..., FitData]

BASE: dict[str, Any] = {
    "task": "anomaly",
    "model.backbone": "test_efficientnet",
    "model.pretrained": False,
    "input.height": 64,
    "input.width": 64,
    "trainer.batch_size": 4,
    "task.memory": 50,
    "task.dimensions": 16,
}


@pytest.fixture(scope="session")
def labelled(index: Index) -> Index:
    """Five good parts and three scratched ones, two pictures each, with masks, as good and anomaly."""
    return as_anomalies(index)


@pytest.fixture
def make_data(labelled: Index) -> MakeData:
    """The data of a fit on all images, good or not; dotted recipe keys."""

    def make(**changes: Any) -> FitData:
        recipe = load_recipe(None, {**BASE, **{k.replace("__", "."): v for k, v in changes.items()}})
        spec = InputSpec(height=recipe.input.height, width=recipe.input.width)
        return FitData(recipe, labelled.classes, spec, tuple(labelled.samples()), (), 0)

    return make
