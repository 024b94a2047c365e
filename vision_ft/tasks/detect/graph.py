"""What is exported: the uint8 batch in; at each cell scores and a box, and the embedding, out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vision_ft.tasks.detect.network import Detector


class DetectGraph(nn.Module):
    """The part of the graph that torch exports; `suppression` adds what makes detections of it.

    Input: `images` uint8 [N, H, W, 3], RGB. Outputs: `dense_boxes` float32 [N, P, 4] clipped to
    the input, `dense_scores` float32 [N, P, C] and `embeddings` float32 [N, D] (unit vectors).
    """

    temperature: Tensor
    offset: Tensor

    def __init__(self, network: Detector, *, temperature: float, offset: float) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("temperature", torch.tensor(float(temperature)))
        self.register_buffer("offset", torch.tensor(float(offset)))

    outputs = ("dense_boxes", "dense_scores", "embeddings")

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Outputs of a uint8 batch, in the order of `outputs`."""
        maps = self.network.backbone.maps(images.permute(0, 3, 1, 2).float())
        dense = self.network.dense(maps)
        scores = (dense.logits / self.temperature + self.offset).sigmoid()
        height, width = self.network.size
        limits = dense.boxes.new_tensor([width, height, width, height])
        boxes = torch.minimum(dense.boxes.clamp_min(0.0), limits)
        return boxes, scores, F.normalize(maps[-1].mean(dim=(2, 3)), dim=1)
