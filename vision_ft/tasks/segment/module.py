"""The LightningModule of segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor

from vision_ft.bundle.classes import ClassInfo, object_classes
from vision_ft.bundle.tasks.segment import SegmentOptions
from vision_ft.recipe.model import Recipe
from vision_ft.tasks.optimise import configured
from vision_ft.tasks.sampling import derive_seed
from vision_ft.tasks.segment.loss import pixel_losses, presence_loss
from vision_ft.tasks.segment.metrics import Overlap
from vision_ft.tasks.segment.network import Looked, SegmentNetwork, enlarged, gated, labels_of

Batch = tuple[Tensor, Tensor]
"""Images uint8 [N, H, W, 3] and masks uint8 [N, H, W]."""


class SegmentModule(pl.LightningModule):
    """Trains a `SegmentNetwork`. `steps` is the length of the schedule."""

    def __init__(self, network: SegmentNetwork, recipe: Recipe, classes: Sequence[ClassInfo], *, steps: int) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe
        self.options = recipe.options(SegmentOptions)
        self.classes = tuple(classes)
        self.steps = steps
        self._overlap = Overlap(len(object_classes(classes)))
        self._losses: list[float] = []

    @property
    def gate(self) -> float:
        """How far the second head counts; not at all where it is not trained."""
        return self.options.gate if self.options.presence_weight else 0.0

    def forward(self, images: Tensor) -> Looked:
        """Look at a uint8 RGB batch [N, H, W, 3]."""
        layout = torch.channels_last if self.recipe.trainer.channels_last else torch.contiguous_format
        looked: Looked = self.network(images.permute(0, 3, 1, 2).float().contiguous(memory_format=layout))
        return looked

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Make dropout depend on the seed and the step alone, so that resuming is exact."""
        torch.manual_seed(derive_seed(self.recipe.seed, "steps", self.current_epoch, batch_idx))

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """The weighted sum of the losses."""
        size = len(batch[0])
        losses = self._loss(self(batch[0]), batch[1])
        for name, value in losses.items():
            self.log(f"train/{name}", value, on_step=False, on_epoch=True, batch_size=size)
        return losses["loss"]

    def validation_step(self, batch: Batch, _: int) -> None:
        """Add up losses and overlaps for the end of the pass."""
        looked = Looked(*(one.float() for one in self(batch[0])))
        self._losses.append(float(self._loss(looked, batch[1])["loss"]))
        size = (int(batch[1].shape[1]), int(batch[1].shape[2]))
        answered = labels_of(enlarged(looked.foreground, size), enlarged(gated(looked, self.gate), size))
        self._overlap.add(answered, batch[1])

    def on_validation_epoch_end(self) -> None:
        """Log the figures of the whole pass."""
        if not self._losses:
            return
        figures = {**self._overlap.figures(), "loss": float(np.mean(self._losses))}
        # The loss breaks ties while nothing is found yet.
        figures["objective"] = figures["mean_iou"] - 0.01 * figures["loss"]
        self._overlap = Overlap(len(object_classes(self.classes)))
        self._losses.clear()
        self.log_dict({f"val/{name}": value for name, value in figures.items()}, prog_bar=False)

    def configure_optimizers(self) -> Any:
        """AdamW with layer-wise rates; warm-up and cosine by step."""
        return configured(
            self.network.backbone, self.network.head_parameters(), self.recipe.trainer, lambda: self.steps
        )

    def _loss(self, looked: Looked, mask: Tensor) -> dict[str, Tensor]:
        options = self.options
        size = (int(mask.shape[1]), int(mask.shape[2]))
        with torch.autocast(mask.device.type, enabled=False):
            foreground = enlarged(looked.foreground.float(), size)
            pixels = pixel_losses(foreground, enlarged(looked.classes.float(), size), mask, gamma=options.focal_gamma)
            presence = presence_loss(looked.presence.float(), mask)
            total = (
                options.focal_weight * pixels.focal
                + options.dice_weight * pixels.dice
                + options.class_weight * pixels.classes
                + options.presence_weight * presence
            )
        return {"loss": total, **pixels._asdict(), "presence": presence}
