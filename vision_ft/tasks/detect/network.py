"""Backbone, feature pyramid and an anchor-free head: at each cell a score for every class, and a box.

The pyramid is that of Lin et al. (arXiv 1612.03144), the head that of FCOS (arXiv 1904.01355)
with one score that stands for class and box alike (arXiv 2006.04388) in the place of centre-ness.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vision_ft.backbones.contract import Backbone, BackboneInfo

_PRIOR = 0.01
"""Score that every cell starts with: nearly all of them see no object (arXiv 1708.02002)."""


class Dense(NamedTuple):
    """What the network says at each of P cells, over all levels."""

    logits: Tensor
    """Score of each object class, float [N, P, C]."""
    boxes: Tensor
    """Left, top, right, bottom in input pixels, float [N, P, 4]; not clipped."""


class Pyramid(nn.Module):
    """Maps of one width at the strides that are asked for, each knowing of the coarser ones.

    A level takes the deepest of the backbone's maps at its stride; where there is none (a plain
    transformer has one stride), the map of the nearest stride is resampled, as in ViTDet (arXiv 2203.16527).
    """

    def __init__(self, info: BackboneInfo, strides: Sequence[int], width: int) -> None:
        super().__init__()
        self.sources = [nearest_map(info.strides, stride) for stride in strides]
        self.strides = tuple(strides)
        self.laterals = nn.ModuleList(
            nn.Sequential(nn.Conv2d(info.channels[source], width, 1, bias=False), nn.GroupNorm(8, width))
            for source in self.sources
        )
        self.smooth = nn.ModuleList(_block(width) for _ in strides)

    def forward(self, maps: Sequence[Tensor], size: tuple[int, int]) -> list[Tensor]:
        """Maps float [N, width, h, w] of each level, for an input of `size` (height, width)."""
        levels: list[Tensor] = []
        for lateral, source, stride in zip(self.laterals, self.sources, self.strides, strict=True):
            wanted = (-(-size[0] // stride), -(-size[1] // stride))
            level = lateral(maps[source])
            if tuple(level.shape[2:]) != wanted:
                level = F.interpolate(level, size=wanted, mode="bilinear", align_corners=False)
            levels.append(level)
        for number in range(len(levels) - 2, -1, -1):
            shape = (int(levels[number].shape[2]), int(levels[number].shape[3]))
            levels[number] = levels[number] + F.interpolate(levels[number + 1], size=shape, mode="nearest")
        return [smooth(level) for smooth, level in zip(self.smooth, levels, strict=True)]


class Detector(nn.Module):
    """From images to a score and a box at each cell of the pyramid."""

    def __init__(
        self,
        backbone: Backbone,
        classes: int,
        *,
        size: tuple[int, int],
        strides: Sequence[int],
        width: int,
        convs: int,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.size = size
        self.strides = tuple(strides)
        self.pyramid = Pyramid(backbone.info, strides, width)
        self.class_tower = nn.Sequential(*(_block(width) for _ in range(convs)))
        self.box_tower = nn.Sequential(*(_block(width) for _ in range(convs)))
        self.class_head = nn.Conv2d(width, classes, 3, padding=1)
        self.box_head = nn.Conv2d(width, 4, 3, padding=1)
        self.scales = nn.Parameter(torch.full((len(self.strides),), 2.0))
        nn.init.normal_(self.class_head.weight, std=0.01)
        nn.init.constant_(self.class_head.bias, -math.log((1 - _PRIOR) / _PRIOR))  # type: ignore[arg-type]
        nn.init.normal_(self.box_head.weight, std=0.01)
        nn.init.constant_(self.box_head.bias, 1.0)  # type: ignore[arg-type]
        centres, cells = cell_centres(size, self.strides)
        self.register_buffer("centres", centres, persistent=False)
        self.register_buffer("cells", cells, persistent=False)

    centres: Tensor
    """Centre x, y of each cell in input pixels, float [P, 2]."""
    cells: Tensor
    """Stride of each cell, float [P]."""

    def head_parameters(self) -> list[nn.Parameter]:
        """Every parameter that is not the backbone's."""
        inside = {id(p) for p in self.backbone.parameters()}
        return [p for p in self.parameters() if id(p) not in inside]

    def forward(self, images: Tensor) -> Dense:
        """Scores and boxes of RGB images, float [N, 3, H, W] in [0, 255]."""
        return self.dense(self.backbone.maps(images))

    def dense(self, maps: Sequence[Tensor]) -> Dense:
        """The same from the backbone's maps."""
        logits, boxes = [], []
        for number, level in enumerate(self.pyramid(maps, self.size)):
            logits.append(self.class_head(self.class_tower(level)).flatten(2).transpose(1, 2))
            sides = F.softplus(self.box_head(self.box_tower(level)) * self.scales[number])
            boxes.append(sides.flatten(2).transpose(1, 2))
        distances = torch.cat(boxes, dim=1) * self.cells[None, :, None]
        corners = torch.cat([self.centres - distances[..., :2], self.centres + distances[..., 2:]], dim=2)
        return Dense(torch.cat(logits, dim=1), corners)


def nearest_map(strides: Sequence[int], wanted: int) -> int:
    """Number of the deepest map at the stride nearest to `wanted` (as a ratio)."""
    return min(range(len(strides)), key=lambda k: (abs(math.log2(strides[k] / wanted)), -k))


def cell_centres(size: tuple[int, int], strides: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Centres x, y of all cells, float [P, 2], and their strides, float [P], for an input (height, width)."""
    points, cells = [], []
    for stride in strides:
        rows = (torch.arange(-(-size[0] // stride)) + 0.5) * stride
        columns = (torch.arange(-(-size[1] // stride)) + 0.5) * stride
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        points.append(torch.stack([x, y], dim=-1).reshape(-1, 2))
        cells.append(torch.full((len(points[-1]),), float(stride)))
    return torch.cat(points), torch.cat(cells)


def _block(width: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.GroupNorm(8, width), nn.SiLU())
