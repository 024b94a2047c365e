"""What the tasks' loaders and modules have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from vision_ft.backbones.contract import Backbone
from vision_ft.bundle.threads import limit_cv2
from vision_ft.recipe.model import Recipe
from vision_ft.tasks.contract import FitData


def loader(dataset: Dataset[Any], sampler: Any, data: FitData) -> DataLoader[Any]:
    """Batches of a dataset that is asked for with rows and seeds.

    With loader processes OpenCV is limited to one thread in this process too, from here on.
    """
    if data.workers:
        # Before they are forked: a child cannot end the threads that its parent had, and would hang or crash.
        limit_cv2(1)
    return DataLoader(
        dataset,
        batch_size=data.recipe.trainer.batch_size,
        sampler=sampler,
        num_workers=data.workers,
        persistent_workers=data.workers > 0,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_one_core if data.workers else None,
    )


def drawn_items(shown: DataLoader[Any], row: int, seeds: Sequence[int]) -> list[tuple[NDArray[Any], ...]]:
    """The tensors of one row of a training loader's dataset, as each seed draws them."""
    items = [shown.dataset[(row, seed)] for seed in seeds]
    return [tuple(np.asarray(one) for one in item) for item in items]


def prepare_backbone(backbone: Backbone, recipe: Recipe) -> None:
    """Freeze layers and statistics as the recipe says."""
    if recipe.trainer.freeze_norm:
        backbone.freeze_norm_statistics()
    share = 1.0 if recipe.trainer.backbone_lr == 0 else recipe.trainer.freeze_layers
    backbone.freeze(round(share * len(backbone.layers())))


def _one_core(_: int) -> None:
    """Loader processes share the cores already; each would use all for every image where it inherits no limit."""
    limit_cv2(1)
