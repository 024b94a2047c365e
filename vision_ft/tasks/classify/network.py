"""Backbone, statistics pooling over its deep stages, and one linear layer.

Every deep stage is pooled to statistics over its locations, by default maximum and standard
deviation: a small defect moves those of a texture's features far more than their mean. A
linear layer over pooled maps keeps each location's share of a logit exact (see `evidence`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

    def __init__(
        self, backbone: Backbone, classes: int, *, taps: int, statistics: Sequence[str], dropout: float
    ) -> None:
        super().__init__()
        self.backbone = backbone
        channels = backbone.info.channels[-taps:]
        self.taps = len(channels)
        self.statistics = tuple(dict.fromkeys(statistics))
        width = len(self.statistics) * sum(channels)
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
        maps = self.backbone.maps(images)[-self.taps :]
        pooled = torch.cat([_STATISTICS[name](one) for one in maps for name in self.statistics], dim=1)
        return Pooled((pooled - self.mean) * self.scale, maps)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, float [N, classes], of RGB images, float [N, 3, H, W] in [0, 255]."""
        logits: Tensor = self.classifier(self.dropout(self.pool(images).features))
        return logits

    @torch.no_grad()
    def fit_standardisation(self, features: Tensor) -> None:
        """Set `mean` and `scale` from features that were pooled with the present ones, float [N, F]."""
        raw = features.to(self.mean.device) / self.scale + self.mean
        spread = raw.std(dim=0)
        self.mean.copy_(raw.mean(dim=0))
        # Features that hardly vary in training would otherwise be blown up on the first unusual part.
        floor = 0.1 * spread.mean() + _EPS
        # The common factor gives the feature vector about the same length whatever its width.
        self.scale.copy_(10.0 / (spread + floor) / self.width**0.5)

    def evidence(self, pooled: Pooled) -> Tensor:
        """Share of each location in each class's logit, float [N, classes, h, w] on the finest stage's grid.

        The shares sum exactly to the logit without its bias (of standardised features): a
        mean's share is each location's own value, a maximum's lies on the location that
        holds it, and a deviation's on the squared distances to the mean.
        """
        finest = max((one.shape[-2:] for one in pooled.maps), key=lambda s: s[0] * s[1])
        weight = self.classifier.weight * self.scale
        total: Tensor | None = None
        start = 0
        for one in pooled.maps:
            end = start + len(self.statistics) * one.shape[1]
            share = self._shares(one, weight[:, start:end], self.mean[start:end])
            start = end
            if one.shape[-2:] != finest:
                exact = _total(share)
                ratio = (one.shape[-2] * one.shape[-1]) / (finest[0] * finest[1])
                share = F.interpolate(share, size=(int(finest[0]), int(finest[1])), mode="nearest") * ratio
                if finest[0] % one.shape[-2] or finest[1] % one.shape[-1]:
                    # Where the grids do not divide evenly some cells are repeated more often than others.
                    share = share + (exact - _total(share)) / (finest[0] * finest[1])
            total = share if total is None else total + share
        assert total is not None
        return total

    def _shares(self, one: Tensor, weight: Tensor, mean: Tensor) -> Tensor:
        """Shares of one stage; they sum to the weighted, centred statistics."""
        channels = one.shape[1]
        shares = []
        for number, name in enumerate(self.statistics):
            centre = mean[number * channels : (number + 1) * channels].view(1, -1, 1, 1)
            if name == "mean":
                shares.append((one - centre) / (one.shape[-2] * one.shape[-1]))
            else:
                value = _STATISTICS[name](one)[:, :, None, None]
                shares.append(_LOCATIONS[name](one, value) * (value - centre))
        return F.conv2d(torch.cat(shares, dim=1), weight[:, :, None, None])


def _mean(features: Tensor) -> Tensor:
    return features.mean(dim=(2, 3))


def _maximum(features: Tensor) -> Tensor:
    return features.amax(dim=(2, 3))


def _deviation(features: Tensor) -> Tensor:
    centred = features - features.mean(dim=(2, 3), keepdim=True)
    return (centred.square().mean(dim=(2, 3)) + _EPS).sqrt()


def _at_maximum(features: Tensor, highest: Tensor) -> Tensor:
    holds = (features == highest).to(features.dtype)
    return holds / _total(holds)


def _by_distance(features: Tensor, _: Tensor) -> Tensor:
    squares = (features - features.mean(dim=(2, 3), keepdim=True)).square() + _EPS
    return squares / _total(squares)


def _total(maps: Tensor) -> Tensor:
    return maps.sum(dim=(2, 3), keepdim=True)


_STATISTICS: dict[str, Callable[[Tensor], Tensor]] = {"mean": _mean, "max": _maximum, "deviation": _deviation}
"""From a map [N, C, h, w] to one value a channel [N, C]."""
_LOCATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "max": _at_maximum,
    "deviation": _by_distance,
}
"""Each location's share of that value, [N, C, h, w], summing to one over the locations; a mean has a value at each."""
