"""A few tiny runs, trained once for all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.one_thread import one_thread
from tests.support.tiny_parts import write_tiny_parts
from vision_ft.recipe import Recipe, load_recipe
from vision_ft.tasks.contract import FitData
from vision_ft.tasks.registry import task_judge
from vision_ft.training import RunResult, train
from vision_ft.training.prepare import Prepared, prepare, read_images
from vision_ft.training.run_folder import open_run

MakeRecipe = Callable[..., Recipe]
Prepare = Callable[..., tuple[Prepared, FitData]]

BASE: dict[str, Any] = {
    "objective.good": ["good"],
    "model.backbone": "test_efficientnet",
    "model.pretrained": False,
    "input.height": 64,
    "input.width": 64,
    "trainer.batch_size": 8,
    "trainer.max_epochs": 2,
    "trainer.backbone_lr": 3e-3,
    "task.probe_draws": 1,
    "task.probe_penalty": 0.01,
    "export.parity_images": 12,
}
ONE_SPLIT: dict[str, Any] = {"split.folds": 0, "split.test": 0.25, "split.val": 0.25}


@dataclass(frozen=True)
class Trained:
    """A finished run, and how to start it again."""

    recipe: Recipe
    result: RunResult
    said: tuple[str, ...]

    @property
    def run(self) -> Path:
        """Its folder."""
        return self.result.run


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight good parts and six scratched ones, two pictures each, with masks."""
    return write_tiny_parts(tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="session")
def make_recipe(table: Path) -> MakeRecipe:
    """A recipe on the tiny parts, with dotted keys changed (`__` for the dot)."""

    def make(**changes: Any) -> Recipe:
        given = {key.replace("__", "."): value for key, value in changes.items()}
        return load_recipe(None, {"data.csv": str(table), **BASE, **ONE_SPLIT, **given})

    return make


@pytest.fixture
def prepared(make_recipe: MakeRecipe, tmp_path: Path) -> Prepare:
    """Images of a recipe, split, and the data of a fit over them."""

    def make(recipe: Recipe) -> tuple[Prepared, FitData]:
        run = open_run(tmp_path / "prepared", resume=False)
        found = prepare(recipe, run, read_images(recipe), task_judge(recipe.task.name))
        return found, FitData(recipe, found.index.classes, found.spec, found.train, found.val, 0)

    return make


@pytest.fixture(scope="session")
def plain_run(make_recipe: MakeRecipe, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Three epochs with one validation and one test split."""
    recipe = make_recipe(trainer__max_epochs=3)
    result = train(recipe, run=tmp_path_factory.mktemp("runs") / "plain")
    return Trained(recipe, result, tuple((result.run / "log.txt").read_text().splitlines()))
