"""Samples of tiny parts on disk, and the data of a fit over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.tiny_parts import write_tiny_parts
from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.manifest import InputSpec
from vision_ft.data.index import Index, Sample
from vision_ft.data.load import load_index
from vision_ft.recipe import Recipe, load_recipe
from vision_ft.tasks.contract import FitData

MakeData = Callable[..., FitData]
MakeSample = Callable[..., Sample]

BASE: dict[str, Any] = {
    "model.backbone": "test_efficientnet",
    "model.pretrained": False,
    "input.height": 64,
    "input.width": 64,
    "trainer.batch_size": 8,
    "task.probe_draws": 1,
    "task.probe_penalty": 0.01,
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Five good parts and three scratched ones, two pictures each, with masks."""
    root = tmp_path_factory.mktemp("parts")
    table = write_tiny_parts(root, {"good": 5, "scratch": 3})
    return load_index(root=root, csv=table, good=("good",))


@pytest.fixture
def make_data(index: Index) -> MakeData:
    """The data of a fit: dotted recipe keys, and how many of the last samples are for validation."""

    def make(*, val: int = 0, **changes: Any) -> FitData:
        recipe: Recipe = load_recipe(None, {**BASE, **{k.replace("__", "."): v for k, v in changes.items()}})
        spec = InputSpec(height=recipe.input.height, width=recipe.input.width)
        samples = tuple(index.samples())
        return FitData(recipe, index.classes, spec, samples[: len(samples) - val], samples[len(samples) - val :], 0)

    return make


@pytest.fixture
def make_sample() -> MakeSample:
    """A sample without a file behind it."""

    def make(target: str, part: str, number: int = 0, *, targets: tuple[str, ...] = ()) -> Sample:
        name = f"{target}/{part}_{number}.png"
        return Sample(Path("/nowhere") / name, targets or (target,), part, part, None, None, {}, name)

    return make


CLASSES = (ClassInfo(id="good", good=True), ClassInfo(id="scratch"), ClassInfo(id="stain"))
