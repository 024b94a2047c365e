"""What is exported: the uint8 batch in; labels, foreground, calibrated scores and embeddings out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vision_ft.tasks.segment.network import Looked, SegmentNetwork, enlarged, gated, labels_of

OUTPUTS = ("labels", "foreground", "scores", "embeddings")
LARGEST_LOGIT = 13.8
"""Scores are kept off 0 and 1 by a millionth, so that their logits can be had back."""
_SMOOTH = 3
"""Places of the finest level over which a class must hold to count: a single one says little."""


class SegmentGraph(nn.Module):
    """The graph of a bundle: pre- and post-processing around the network.

    Input: `images` uint8 [N, H, W, 3], RGB. Outputs: `labels` uint8 [N, H, W], `foreground`
    uint8 [N, h, w] in 255ths, `scores` float32 [N, K], `embeddings` float32 [N, F] (unit
    vectors). `flips` names the axes of a map [N, C, h, w] along which mirrored views are
    looked at too: none, (3,), (2,) or (3, 2).
    """

    temperature: Tensor
    offset: Tensor

    def __init__(
        self, network: SegmentNetwork, *, gate: float, flips: tuple[int, ...], temperature: float, offset: float
    ) -> None:
        super().__init__()
        self.network = network
        self.gate = gate
        self.turns = mirrored_axes(flips)
        self.register_buffer("temperature", torch.tensor(float(temperature)))
        self.register_buffer("offset", torch.tensor(float(offset)))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Outputs of a uint8 batch [N, H, W, 3], in the order of `OUTPUTS`."""
        pixels = images.permute(0, 3, 1, 2).float()
        looked = self._look(pixels)
        size = (int(images.shape[1]), int(images.shape[2]))
        labels = labels_of(enlarged(looked.foreground, size), enlarged(gated(looked, self.gate), size)).to(torch.uint8)
        foreground = (looked.foreground[:, 0].sigmoid() * 255.0).round().to(torch.uint8)
        scores = (image_logits(looked) / self.temperature + self.offset).sigmoid()
        return labels, foreground, scores, F.normalize(looked.features, dim=1)

    def _look(self, pixels: Tensor) -> Looked:
        """The mean over the image as it is and mirrored; its features are of the image as it is."""
        first: Looked = self.network(pixels)
        if not self.turns:
            return first
        foreground, classes, presence = [first.foreground], [first.classes], [first.presence]
        for axes in self.turns:
            other: Looked = self.network(pixels.flip(axes))
            foreground.append(other.foreground.flip(axes))
            classes.append(other.classes.flip(axes))
            presence.append(other.presence)
        return Looked(_mean(foreground), _mean(classes), _mean(presence), first.features)


def _mean(several: list[Tensor]) -> Tensor:
    return torch.stack(several).mean(dim=0)


def mirrored_axes(flips: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """The axes of each mirrored view: one alone, or both and both at once."""
    each = tuple((axis,) for axis in flips)
    return (*each, flips) if len(flips) > 1 else each


def image_logits(looked: Looked) -> Tensor:
    """Logits of each class to be in the image, float [N, K]: the mean of what both heads say.

    Of the pixels it is the highest probability of the class over a few places at once.
    """
    height, width = looked.foreground.shape[-2:]
    p = looked.foreground.sigmoid() * enlarged(looked.classes, (height, width)).softmax(dim=1)
    highest = F.avg_pool2d(p, _SMOOTH, stride=1, padding=_SMOOTH // 2).amax(dim=(2, 3)).logit(eps=1e-6)
    return (0.5 * (highest + looked.presence)).clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
