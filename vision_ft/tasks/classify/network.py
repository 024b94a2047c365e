"""Backbone, statistics pooling over its deep stages, and one linear layer.

Every deep stage is pooled to its mean, maximum and standard deviation: a small defect moves
the maximum and the deviation of a texture's features far more than their mean. A linear
layer over pooled maps keeps each location's share of a logit exact (see `evidence`).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vision_ft.backbones.contract import Backbone

_EPS = 1e-6


class Pooled(NamedTuple):
    """What the network computes before the classifier."""

    features: Tensor
    """Standardised pooled features, float [N, F]."""
    maps: tuple[Tensor, ...]
    """The stages that were pooled, float [N, C_i, h_i, w_i]."""


class PooledClassifier(nn.Module):
    """Classifier over the last `taps` stages of a backbone.

    `mean` and `scale` standardise the pooled features; `fit_standardisation` sets them from
    training features, and they stay fixed afterwards.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, backbone: Backbone, classes: int, *, taps: int, dropout: float) -> None:
        super().__init__()
        self.backbone = backbone
        channels = backbone.info.channels[-taps:]
        self.taps = len(channels)
        width = 3 * sum(channels)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(width, classes)
        nn.init.zeros_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    @property
    def width(self) -> int:
        """Number of pooled features."""
        return self.classifier.in_features

    def pool(self, images: Tensor) -> Pooled:
        """Standardised pooled features of RGB images, float [N, 3, H, W] in [0, 255]."""
        maps = self.backbone(images).maps[-self.taps :]
        pooled = torch.cat([statistics(one) for one in maps], dim=1)
        return Pooled((pooled - self.mean) * self.scale, maps)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, float [N, classes], of RGB images, float [N, 3, H, W] in [0, 255]."""
        logits: Tensor = self.classifier(self.dropout(self.pool(images).features))
        return logits

    @torch.no_grad()
    def fit_standardisation(self, features: Tensor) -> None:
        """Set `mean` and `scale` from features that were pooled with the present ones, float [N, F]."""
        raw = features / self.scale + self.mean
        spread = raw.std(dim=0)
        self.mean.copy_(raw.mean(dim=0))
        # Features that hardly vary in training would otherwise be blown up on the first unusual part.
        floor = 0.1 * spread.mean() + _EPS
        # The common factor gives the feature vector about the same length whatever its width.
        self.scale.copy_(10.0 / (spread + floor) / self.width**0.5)

    def evidence(self, pooled: Pooled) -> Tensor:
        """Share of each location in each class's logit, float [N, classes, h, w] on the finest stage's grid.

        The shares sum exactly to the logit without its bias: a mean's share lies evenly on
        its locations' values, a maximum's on the location that holds it, and a deviation's
        on the squared distance to the mean.
        """
        finest = max((one.shape[-2:] for one in pooled.maps), key=lambda s: s[0] * s[1])
        weight = self.classifier.weight * self.scale
        total: Tensor | None = None
        start = 0
        for one in pooled.maps:
            channels = one.shape[1]
            parts = [weight[:, start + k * channels : start + (k + 1) * channels] for k in range(3)]
            means = [self.mean[start + k * channels : start + (k + 1) * channels].view(1, -1, 1, 1) for k in range(3)]
            start += 3 * channels
            share = self._shares(one, parts, means)
            if one.shape[-2:] != finest:
                exact = total_of(share)
                ratio = (one.shape[-2] * one.shape[-1]) / (finest[0] * finest[1])
                share = F.interpolate(share, size=(int(finest[0]), int(finest[1])), mode="nearest") * ratio
                if finest[0] % one.shape[-2] or finest[1] % one.shape[-1]:
                    # Where the grids do not divide evenly some cells are repeated more often than others.
                    share = share + (exact - total_of(share)) / (finest[0] * finest[1])
            total = share if total is None else total + share
        assert total is not None
        return total

    @staticmethod
    def _shares(one: Tensor, parts: list[Tensor], means: list[Tensor]) -> Tensor:
        area = one.shape[-2] * one.shape[-1]
        average = one.mean(dim=(2, 3), keepdim=True)
        highest = one.amax(dim=(2, 3), keepdim=True)
        squares = (one - average).square()
        deviation = (squares.mean(dim=(2, 3), keepdim=True) + _EPS).sqrt()
        holds = (one == highest).to(one.dtype)
        at_mean = (one - means[0]) / area
        at_max = holds / holds.sum(dim=(2, 3), keepdim=True) * (highest - means[1])
        at_deviation = (squares + _EPS) / (area * deviation * deviation) * (deviation - means[2])
        values = torch.cat([at_mean, at_max, at_deviation], dim=1)
        return F.conv2d(values, torch.cat(parts, dim=1)[:, :, None, None])


def total_of(maps: Tensor) -> Tensor:
    """Sum over the locations, keeping the dimensions."""
    return maps.sum(dim=(2, 3), keepdim=True)


def statistics(features: Tensor) -> Tensor:
    """Mean, maximum and standard deviation over the locations, float [N, 3 C] of a map [N, C, h, w]."""
    average = features.mean(dim=(2, 3))
    centred = features - average[:, :, None, None]
    deviation = (centred.square().mean(dim=(2, 3)) + _EPS).sqrt()
    return torch.cat([average, features.amax(dim=(2, 3)), deviation], dim=1)
