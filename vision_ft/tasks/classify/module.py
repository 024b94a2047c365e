"""The LightningModule of classification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from torchvision.transforms import v2

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.tasks.classify import ClassifyOptions
from vision_ft.recipe.model import Recipe
from vision_ft.tasks.classify.metrics import validation_metrics
from vision_ft.tasks.classify.network import PooledClassifier
from vision_ft.tasks.optimise import configured
from vision_ft.tasks.sampling import derive_seed

Batch = tuple[Tensor, Tensor]


class ClassifyModule(pl.LightningModule):
    """Trains a `PooledClassifier`.

    `prior` is the share of each class in the training images, float [C]; it is used where
    the recipe asks for logit adjustment. `steps` is the length of the schedule.
    """

    log_prior: Tensor

    def __init__(
        self,
        network: PooledClassifier,
        recipe: Recipe,
        classes: Sequence[ClassInfo],
        *,
        prior: Sequence[float],
        steps: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe
        self.classes = tuple(classes)
        self.steps = steps
        self.register_buffer("log_prior", torch.tensor(prior, dtype=torch.float32).clamp_min(1e-6).log())
        self._seen: list[tuple[Tensor, Tensor]] = []
        mixes: list[Any] = []
        if recipe.options(ClassifyOptions).mixup:
            mixes.append(v2.MixUp(num_classes=len(classes), alpha=recipe.options(ClassifyOptions).mixup))
        if recipe.options(ClassifyOptions).cutmix:
            mixes.append(v2.CutMix(num_classes=len(classes), alpha=recipe.options(ClassifyOptions).cutmix))
        self._mix = v2.RandomChoice(mixes) if mixes else None

    def forward(self, images: Tensor) -> Tensor:
        """Logits, float [N, C], of a uint8 RGB batch [N, H, W, 3]."""
        logits: Tensor = self.network(self._float(images))
        return logits

    def _float(self, images: Tensor) -> Tensor:
        layout = torch.channels_last if self.recipe.trainer.channels_last else torch.contiguous_format
        return images.permute(0, 3, 1, 2).float().contiguous(memory_format=layout)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Make dropout and mixing depend on the seed and the step alone, so that resuming is exact.

        Between two epochs the loaders draw from the same generator, and not as often after a resume.
        """
        torch.manual_seed(derive_seed(self.recipe.seed, "steps", self.current_epoch, batch_idx))

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """Cross-entropy with label smoothing and, where asked for, logit adjustment."""
        images, targets = batch
        pixels = self._float(images)
        labels: Tensor = targets
        if self._mix is not None:
            pixels, labels = self._mix(pixels, targets)
        logits = self.network(pixels)
        if self.recipe.options(ClassifyOptions).imbalance == "logit_adjustment":
            logits = logits + self.log_prior
        loss = F.cross_entropy(logits, labels, label_smoothing=self.recipe.options(ClassifyOptions).label_smoothing)
        hits = (logits.argmax(dim=1) == targets).float().mean()
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(targets))
        self.log("train/accuracy", hits, on_step=False, on_epoch=True, batch_size=len(targets))
        return loss

    def validation_step(self, batch: Batch, _: int) -> None:
        """Keep the logits for the end of the pass."""
        images, targets = batch
        self._seen.append((self(images).float().cpu(), targets.cpu()))

    def on_validation_epoch_end(self) -> None:
        """Log the figures of the whole pass."""
        if not self._seen:
            return
        logits = torch.cat([one for one, _ in self._seen])
        targets = torch.cat([one for _, one in self._seen])
        self._seen.clear()
        probabilities = logits.double().softmax(dim=1).numpy()
        figures = validation_metrics(
            probabilities, targets.numpy().astype(np.int64), self.classes, self.recipe.objective
        )
        self.log_dict({f"val/{name}": value for name, value in figures.items()}, prog_bar=False)

    def configure_optimizers(self) -> Any:
        """AdamW with layer-wise rates; warm-up and cosine by step."""
        return configured(
            self.network.backbone, self.network.classifier.parameters(), self.recipe.trainer, lambda: self.steps
        )
