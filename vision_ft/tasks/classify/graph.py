"""What is exported: the uint8 batch in; calibrated probabilities, embeddings and heatmaps out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vision_ft.tasks.classify.network import PooledClassifier


class ClassifyGraph(nn.Module):
    """The graph of a bundle: pre- and post-processing around the network.

    Input: `images` uint8 [N, H, W, 3], RGB. Outputs: `probabilities` float32 [N, C]
    (softmax of the logits over the temperature), `embeddings` float32 [N, D] (unit vectors)
    and, with `heatmap`, float32 [N, C, h, w].
    """

    temperature: Tensor

    def __init__(self, network: PooledClassifier, *, temperature: float, heatmap: bool) -> None:
        super().__init__()
        self.network = network
        self.with_heatmap = heatmap
        self.register_buffer("temperature", torch.tensor(float(temperature)))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""
        return ("probabilities", "embeddings", "heatmap") if self.with_heatmap else ("probabilities", "embeddings")

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Outputs of a uint8 batch [N, H, W, 3], in the order of `outputs`."""
        pooled = self.network.pool(images.permute(0, 3, 1, 2).float())
        logits = self.network.classifier(pooled.features)
        probabilities = (logits / self.temperature).softmax(dim=1)
        embeddings = F.normalize(pooled.features, dim=1)
        if not self.with_heatmap:
            return probabilities, embeddings
        return probabilities, embeddings, self.network.evidence(pooled)
