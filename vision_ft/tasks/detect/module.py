"""The LightningModule of detection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.tasks.detect import DetectOptions
from vision_ft.recipe.model import Recipe
from vision_ft.tasks.detect.average_precision import Found
from vision_ft.tasks.detect.decode import decode_dense
from vision_ft.tasks.detect.labels import NONE, for_each_class
from vision_ft.tasks.detect.loss import detection_loss
from vision_ft.tasks.detect.metrics import validation_metrics
from vision_ft.tasks.detect.network import Dense, Detector
from vision_ft.tasks.optimise import configured
from vision_ft.tasks.sampling import derive_seed

Batch = tuple[Tensor, Tensor, Tensor]
"""Images uint8 [N, H, W, 3], boxes float [N, M, 4], labels int64 [N, M]."""


class DetectModule(pl.LightningModule):
    """Trains a `Detector`. `steps` is the length of the schedule."""

    def __init__(self, network: Detector, recipe: Recipe, classes: Sequence[ClassInfo], *, steps: int) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe
        self.classes = tuple(classes)
        self.steps = steps
        self._seen: list[Found] = []
        self._losses: list[float] = []

    def forward(self, images: Tensor) -> Dense:
        """Scores and boxes at each cell of a uint8 RGB batch [N, H, W, 3]."""
        layout = torch.channels_last if self.recipe.trainer.channels_last else torch.contiguous_format
        dense: Dense = self.network(images.permute(0, 3, 1, 2).float().contiguous(memory_format=layout))
        return dense

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Make what is drawn in a step depend on the seed and the step alone, so that resuming is exact."""
        torch.manual_seed(derive_seed(self.recipe.seed, "steps", self.current_epoch, batch_idx))

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """The summed loss of scores and boxes."""
        scores, boxes = self._loss(self(batch[0]), batch)
        size = len(batch[0])
        self.log("train/loss", scores + boxes, on_step=False, on_epoch=True, batch_size=size)
        self.log("train/score_loss", scores, on_step=False, on_epoch=True, batch_size=size)
        self.log("train/box_loss", boxes, on_step=False, on_epoch=True, batch_size=size)
        return scores + boxes

    def validation_step(self, batch: Batch, _: int) -> None:
        """Keep detections and objects for the end of the pass."""
        options = self.recipe.options(DetectOptions)
        dense = self(batch[0])
        dense = Dense(dense.logits.float(), dense.boxes.float())
        scores, boxes = self._loss(dense, batch)
        self._losses.append(float(scores + boxes))
        found = decode_dense(
            dense,
            self.network.size,
            floor=options.score_floor,
            iou=options.nms_iou,
            most=options.max_detections,
            temperature=1.0,
            offset=0.0,
        )
        for row in range(len(batch[0])):
            count = int(found.counts[row])
            wanted = batch[2][row] != NONE
            truth, labels, ignored = for_each_class(
                batch[1][row][wanted].double().cpu().numpy(),
                batch[2][row][wanted].cpu().numpy(),
                self.network.class_head.out_channels,
            )
            self._seen.append(
                Found(
                    truth,
                    labels,
                    ignored,
                    found.boxes[row, :count].double().cpu().numpy(),
                    found.labels[row, :count].cpu().numpy(),
                    found.scores[row, :count].double().cpu().numpy(),
                )
            )

    def on_validation_epoch_end(self) -> None:
        """Log the figures of the whole pass."""
        if not self._seen:
            return
        loss = float(np.mean(self._losses))
        figures = validation_metrics(self._seen, self.network.class_head.out_channels, loss)
        self._seen.clear()
        self._losses.clear()
        self.log_dict({f"val/{name}": value for name, value in figures.items()}, prog_bar=False)

    def configure_optimizers(self) -> Any:
        """AdamW with layer-wise rates; warm-up and cosine by step."""
        return configured(
            self.network.backbone, self.network.head_parameters(), self.recipe.trainer, lambda: self.steps
        )

    def _loss(self, dense: Dense, batch: Batch) -> tuple[Tensor, Tensor]:
        options = self.recipe.options(DetectOptions)
        with torch.autocast(self.device.type, enabled=False):
            return detection_loss(
                dense,
                self.network.centres,
                batch[1],
                batch[2],
                candidates=options.candidates,
                box_weight=options.box_weight,
            )
