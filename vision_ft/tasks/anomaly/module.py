"""The LightningModule of anomaly detection: it holds the network, and has nothing to train by gradients."""

from __future__ import annotations

from collections.abc import Sequence

import lightning.pytorch as pl
from torch import Tensor

from vision_ft.bundle.classes import ClassInfo
from vision_ft.tasks.anomaly.network import AnomalyNetwork, Scored


class AnomalyModule(pl.LightningModule):
    """Holds an `AnomalyNetwork`; what is learned are its buffers, so a checkpoint has them."""

    def __init__(self, network: AnomalyNetwork, classes: Sequence[ClassInfo]) -> None:
        super().__init__()
        self.network = network
        self.classes = tuple(classes)

    def forward(self, images: Tensor) -> Scored:
        """Scores, maps and embeddings of a uint8 RGB batch [N, H, W, 3]."""
        found: Scored = self.network(images.permute(0, 3, 1, 2).float())
        return found
