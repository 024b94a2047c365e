"""Loader processes."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys

import pytest

_SCRIPT = """
import cv2
import numpy as np
import torch

from tests.unit.tasks.test_loading import Resized
from vision_ft.bundle.manifest import InputSpec
from vision_ft.recipe import load_recipe
from vision_ft.tasks.contract import FitData
from vision_ft.tasks.loading import loader

# What reading the images does on a machine of several cores: OpenCV starts threads of its own.
cv2.setNumThreads(4)
cv2.GaussianBlur(np.zeros((2000, 2000, 3), np.uint8), (31, 31), 5)

recipe = load_recipe(None, {"trainer.batch_size": 2})
data = FitData(recipe, (), InputSpec(height=64, width=64), (), (), 2)
print(sum(len(batch) for batch in loader(Resized(), [(row, 0) for row in range(8)], data)))
"""


class Resized:
    """Images that OpenCV would use threads for."""

    def __getitem__(self, draw: tuple[int, int]) -> object:
        import cv2
        import numpy as np

        return cv2.resize(np.full((900, 900, 3), draw[0], np.uint8), (1200, 1200))

    def __len__(self) -> int:
        return 8


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs processes that are forked")
def test_loader_processes_survive_the_threads_of_their_parent() -> None:
    script = "import torch.multiprocessing as m; m.set_start_method('fork')" + _SCRIPT
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "8"), done.stderr
