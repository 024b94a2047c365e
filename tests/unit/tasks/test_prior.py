"""The shares that a bundle says it was trained with."""

from __future__ import annotations

from pathlib import Path

import pytest

from vision_ft.bundle.classes import ClassInfo
from vision_ft.data.index import Sample
from vision_ft.recipe.load import load_recipe
from vision_ft.tasks.registry import torch_task

CLASSES = (ClassInfo(id="good", good=True), ClassInfo(id="dent"), ClassInfo(id="scratch"))


def _sample(name: str, *targets: str) -> Sample:
    return Sample(Path("/nowhere") / name, targets, name, name, None, None, {}, name)


@pytest.mark.parametrize("recipe", ["detect_defects", "segment_defects"])
def test_an_image_counts_for_every_class_that_it_shows(recipe: str) -> None:
    chosen = load_recipe(recipe)
    shown = [_sample("a", "good"), _sample("b", "dent", "scratch"), _sample("c", "dent"), _sample("d", "good")]
    prior = torch_task(chosen.task.name).prior(chosen, shown, CLASSES)
    assert prior == {"good": 0.5, "dent": 0.5, "scratch": 0.25}
