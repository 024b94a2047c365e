"""A backbone, a U-Net decoder down to fine maps, and a second head that looks at the whole image.

The decoder (Ronneberger et al., arXiv 1505.04597) is made of segmentation-models-pytorch's
blocks, with group normalisation in them (arXiv 1803.08494): batches are small, crops are not
like whole images, and averaged weights have no statistics of their own. Maps of one stride
count as one level, so a plain transformer is one level; at finer levels, of which a backbone
has no map, the decoder is shown the image itself in their place.

Where a defect is and of what class it is are answered apart. The first is easy from a handful
of parts and wants fine maps; the second is hard, and is read off a coarser level, which sees
more around each place and has more channels. A second head pools the deepest maps to maximum
and deviation over their places and says which classes the image shows: that of a defect shows
in more than its own pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from segmentation_models_pytorch.base.modules import Conv2dReLU
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoderBlock
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vision_ft.backbones.contract import Backbone

_TAPS = 3
"""Maps that the second head pools."""
_NARROWEST = 16
_CLASS_STRIDE = 8
"""Classes are answered at the finest level that is no finer than this."""
_RARE = 0.05
"""Probability of a defect at each pixel before anything is learned (arXiv 1708.02002, 4.1): low, or the many good
pixels rule the first steps, but not so low that Dice has no slope to climb."""
_EPS = 1e-6


class Looked(NamedTuple):
    """What the network sees in N images."""

    foreground: Tensor
    """Logits of a defect, of whatever class, at the finest level, float [N, 1, h, w]."""
    classes: Tensor
    """Logits of each object class, given that there is a defect, at a coarser level, float [N, K, h', w']."""
    presence: Tensor
    """Logits of each object class to be in the image, float [N, K]."""
    features: Tensor
    """Standardised pooled features, float [N, F]."""


class SegmentNetwork(nn.Module):
    """From RGB images to `Looked`. `classes` is K; `stride` that of the finest level.

    `mean` and `scale` standardise the pooled features; `fit_standardisation` sets them from
    training crops, and they stay fixed afterwards.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, backbone: Backbone, classes: int, *, decoder: int, stride: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.backbone = backbone
        channels, strides = backbone.info.channels, backbone.info.strides
        self.levels = levels_of(strides, stride)
        widths = [_width(decoder, one) for one in self.levels]
        self._maps = [[number for number, one in enumerate(strides) if one == level] for level in self.levels]
        self.lateral = nn.ModuleList(
            _grouped(Conv2dReLU(sum(channels[number] for number in own), width, 1) if own else _look(width))
            for own, width in zip(self._maps, widths, strict=True)
        )
        self.blocks = nn.ModuleList(
            _grouped(UnetDecoderBlock(above, width, width, interpolation_mode="bilinear"))
            for above, width in pairwise(widths)
        )
        self._class_level = max((n for n, one in enumerate(self.levels) if one >= _CLASS_STRIDE), default=0)
        self.class_head = nn.Conv2d(widths[self._class_level], classes, 3, padding=1)
        self.foreground_head = nn.Conv2d(widths[-1], 1, 3, padding=1)
        assert self.foreground_head.bias is not None
        nn.init.constant_(self.foreground_head.bias, math.log(_RARE / (1 - _RARE)))
        self.width = 2 * sum(channels[-_TAPS:])
        self.register_buffer("mean", torch.zeros(self.width))
        self.register_buffer("scale", torch.ones(self.width))
        self.dropout = nn.Dropout(dropout)
        self.presence_head = nn.Linear(self.width, classes)
        nn.init.zeros_(self.presence_head.weight)
        nn.init.constant_(self.presence_head.bias, -math.log(max(2, classes)))

    def forward(self, images: Tensor) -> Looked:
        """Look at RGB images, float [N, 3, H, W] in [0, 255]."""
        maps = self.backbone.maps(images)
        pooled = torch.cat([pool(one) for one in maps[-_TAPS:] for pool in (_maximum, _deviation)], dim=1)
        features = (pooled - self.mean) * self.scale
        foreground, classes = self._decode(images, maps)
        return Looked(foreground, classes, self.presence_head(self.dropout(features)), features)

    @torch.no_grad()
    def fit_standardisation(self, features: Tensor) -> None:
        """Set `mean` and `scale` from features that were pooled with the present ones, float [N, F]."""
        raw = features.to(self.mean.device) / self.scale + self.mean
        spread = raw.std(dim=0)
        self.mean.copy_(raw.mean(dim=0))
        # Features that hardly vary in training would otherwise be blown up on the first unusual part.
        self.scale.copy_(1.0 / (spread + 0.1 * spread.mean() + _EPS))

    def head_parameters(self) -> Iterator[nn.Parameter]:
        """All parameters but the backbone's."""
        for name, module in self.named_children():
            if name != "backbone":
                yield from module.parameters()

    def _decode(self, images: Tensor, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        decoded: list[Tensor] = []
        for level, own, lateral in zip(self.levels, self._maps, self.lateral, strict=True):
            if own:
                shown = torch.cat([maps[one] for one in own], dim=1)
            else:
                size = tuple(round(side / level) for side in images.shape[-2:])
                shown = F.interpolate(self.backbone.normalise(images), size=size, mode="bilinear", antialias=False)
            skip = lateral(shown)
            if decoded:
                height, width = skip.shape[-2:]
                skip = self.blocks[len(decoded) - 1](decoded[-1], height, width, skip_connection=skip)
            decoded.append(skip)
        return self.foreground_head(decoded[-1]), self.class_head(decoded[self._class_level])


def levels_of(strides: Sequence[int], finest: int) -> tuple[float, ...]:
    """Strides of the decoder's levels, coarsest first: the maps' own, then halves down to about `finest`."""
    own: list[float] = sorted({float(one) for one in strides if one >= finest} or {float(max(strides))}, reverse=True)
    while own[-1] / 2 >= finest:
        own.append(own[-1] / 2)
    return tuple(own)


def gated(looked: Looked, gate: float) -> Tensor:
    """The classes' logits with the whole image's answer counted in, float [N, K, h', w'].

    Each class is multiplied by its probability to be in the image, to the power of `gate`. Where
    the defects are stays as it is.
    """
    if not gate:
        return looked.classes
    return looked.classes + gate * F.logsigmoid(looked.presence)[:, :, None, None]


def enlarged(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Logits [N, C, h, w] at another size (height, width)."""
    return F.interpolate(logits, size=size, mode="bilinear", align_corners=False)


def labels_of(foreground: Tensor, classes: Tensor) -> Tensor:
    """The label map int64 [N, H, W] of logits [N, 1, H, W] and [N, K, H, W]: 0 is background.

    First whether there is a defect, then of which class: a defect whose class is in doubt is one still.
    """
    return torch.where(foreground[:, 0] > 0, classes.argmax(dim=1) + 1, 0)


def _width(widest: int, stride: float) -> int:
    return min(widest, max(_NARROWEST, 8 * round(widest * stride / 16 / 8)))


def _look(width: int) -> nn.Module:
    """What is seen of the image itself at a level."""
    return nn.Sequential(Conv2dReLU(3, width, 3, padding=1), Conv2dReLU(width, width, 3, padding=1))


def _grouped(block: nn.Module) -> nn.Module:
    """The block with group normalisation, 8 channels a group, in the place of batch normalisation."""
    for name, child in block.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(block, name, nn.GroupNorm(child.num_features // 8, child.num_features))
        else:
            _grouped(child)
    return block


def _maximum(features: Tensor) -> Tensor:
    return features.amax(dim=(2, 3))


def _deviation(features: Tensor) -> Tensor:
    centred = features - features.mean(dim=(2, 3), keepdim=True)
    return (centred.square().mean(dim=(2, 3)) + _EPS).sqrt()
