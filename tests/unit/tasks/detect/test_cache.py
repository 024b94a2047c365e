"""Decoded images that tiles are cut from, and the memory they may take in all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tiny_parts import write_tiny_parts
from vision_ft.bundle.manifest import InputSpec, TileSpec
from vision_ft.data.background import with_background
from vision_ft.data.load import load_index
from vision_ft.recipe import load_recipe
from vision_ft.tasks.contract import FitData
from vision_ft.tasks.detect.dataset import DetectDataset
from vision_ft.tasks.detect.task import TASK


@pytest.mark.parametrize(("workers", "val", "least"), [(0, 0, 5), (0, 6, 4), (1, 6, 4), (2, 6, 4), (2, 0, 4)])
def test_decoded_images_of_all_loader_processes_keep_to_the_budget(
    tmp_path: Path, workers: int, val: int, least: int
) -> None:
    side = 256  # of which 1 MiB holds five images
    table = write_tiny_parts(tmp_path, {"good": 4, "scratch": 4}, size=(side, side))
    index = with_background(load_index(root=tmp_path, csv=table, good=("good",)))
    recipe = load_recipe(None, {"task": "detect", "data.cache_mb": 1, "augment": "none"})
    spec = InputSpec(height=64, width=64, tile=TileSpec(size=64, overlap=0.2))
    samples = tuple(index.samples())
    data = FitData(recipe, index.classes, spec, samples[val:], samples[:val], workers)
    held = 0
    for one in TASK.loaders(data):
        if one is not None:
            dataset = one.dataset
            assert isinstance(dataset, DetectDataset)
            for row in range(len(dataset)):
                dataset[row, 0]
            # What is in this process now each loader process would hold.
            held += max(1, workers) * dataset.images.cached
    assert least <= held <= 2**20 // (3 * side * side)
