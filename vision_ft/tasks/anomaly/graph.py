"""What is exported: the uint8 batch in; scores, embeddings and the map of scores out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vision_ft.bundle.manifest import Calibration
from vision_ft.bundle.tasks.anomaly import raw_at
from vision_ft.tasks.anomaly.network import AnomalyNetwork


class AnomalyGraph(nn.Module):
    """The graph of a bundle: pre- and post-processing around the network.

    Input: `images` uint8 [N, H, W, 3], RGB. Outputs: `scores` float32 [N] in [0, 1] (logistic
    of the raw score's logarithm over the temperature, plus the offset), `raw_scores` float32 [N],
    `embeddings` float32 [N, D] (unit vectors) and, with `heatmap`, `map` float32 [N, h, w] (raw
    scores over that whose bad score is a half).
    """

    temperature: Tensor
    offset: Tensor
    unit: Tensor

    def __init__(self, network: AnomalyNetwork, *, calibration: Calibration, heatmap: bool) -> None:
        super().__init__()
        self.network = network
        self.with_heatmap = heatmap
        self.register_buffer("temperature", torch.tensor(float(calibration.temperature)))
        self.register_buffer("offset", torch.tensor(float(calibration.offset)))
        self.register_buffer("unit", torch.tensor(raw_at(0.5, calibration)))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""
        return ("scores", "raw_scores", "embeddings", *(("map",) if self.with_heatmap else ()))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Outputs of a uint8 batch [N, H, W, 3], in the order of `outputs`."""
        found = self.network(images.permute(0, 3, 1, 2).float())
        scores = (found.scores.log() / self.temperature + self.offset).sigmoid()
        if not self.with_heatmap:
            return scores, found.scores, found.embeddings
        return scores, found.scores, found.embeddings, found.maps / self.unit
