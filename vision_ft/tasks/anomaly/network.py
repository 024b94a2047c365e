"""A frozen backbone, and how far each place of an image is from what good parts have shown there.

Patches are locally averaged features of a few stages of the backbone, side by side on the
finest one's grid (PatchCore, Roth et al., arXiv 2106.08265), in the coordinates of their
scaled principal components. A patch's distance is that to the nearest patch of the memory; for
a normal distribution (after PaDiM, Defard et al., arXiv 2011.08785) the components are scaled
to unit variance and the memory is their mean alone, so the distance is Mahalanobis'. Distances
are then divided by what good parts have at the same place: borders and other places that are
always a little unusual do not stand out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from vision_ft.backbones.contract import Backbone

_LEAST = 1e-6
_SIGMA = 1.0
"""Smoothing of the map, in places."""
_FITTED = ("mean", "components", "memory", "usual")


class Scored(NamedTuple):
    """What the network says of a batch."""

    scores: Tensor
    """How far from good the most unusual place is, above 0, float [N]."""
    maps: Tensor
    """The same of each place; its highest value is the score, float [N, h, w]."""
    embeddings: Tensor
    """Unit vectors: the mean of the patches' features, float [N, D]."""


class AnomalyNetwork(nn.Module):
    """See the module's text. `memory` and the other buffers are set by `fit`; their sizes are those of a checkpoint."""

    mean: Tensor
    """Mean of the patches' features, float [D]."""
    components: Tensor
    """From features to coordinates, float [D, K]."""
    memory: Tensor
    """Coordinates of the patches that are kept, float [M, K]."""
    usual: Tensor
    """Mean distance of good patches at each place, float [h, w]."""
    bell: Tensor

    def __init__(self, backbone: Backbone, *, stages: int, relative: float) -> None:
        super().__init__()
        self.backbone = backbone
        count = len(backbone.info.channels)
        self.stages = tuple(range(max(0, count - 1 - stages), max(1, count - 1)))
        self.relative = relative
        self.width = sum(backbone.info.channels[stage] for stage in self.stages)
        self.register_buffer("mean", torch.zeros(self.width))
        self.register_buffer("components", torch.eye(self.width))
        self.register_buffer("memory", torch.zeros(1, self.width))
        self.register_buffer("usual", torch.ones(1, 1))
        reach = int(3 * _SIGMA + 0.5)
        bell = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / _SIGMA).square())
        self.register_buffer("bell", bell / bell.sum(), persistent=False)

    def patches(self, images: Tensor) -> Tensor:
        """Features of the patches, float [N, D, h, w], of RGB images, float [N, 3, H, W] in [0, 255]."""
        maps = self.backbone.maps(images)
        chosen = [F.avg_pool2d(maps[stage], 3, 1, 1, count_include_pad=False) for stage in self.stages]
        height, width = max((one.shape[-2:] for one in chosen), key=lambda size: size[0] * size[1])
        grid = (int(height), int(width))
        return torch.cat(
            [
                one if one.shape[-2:] == grid else F.interpolate(one, size=grid, mode="bilinear", align_corners=False)
                for one in chosen
            ],
            dim=1,
        )

    def coordinates(self, patches: Tensor) -> Tensor:
        """Components of patches [N, D, h, w], float [N, h * w, K]."""
        return (patches.flatten(2).transpose(1, 2) - self.mean) @ self.components

    def distances(self, coordinates: Tensor) -> Tensor:
        """Distance to the nearest patch of the memory, float [N, P], of coordinates [N, P, K]."""
        memory = self.memory
        products = coordinates @ memory.T
        nearest = (memory.square().sum(dim=1) - 2.0 * products).amin(dim=2)
        return (coordinates.square().sum(dim=2) + nearest).clamp_min(0.0).sqrt()

    def smooth(self, maps: Tensor) -> Tensor:
        """Maps [N, h, w] under a bell of one place's width, borders repeated."""
        reach = len(self.bell) // 2
        padded = F.pad(maps[:, None], (reach, reach, reach, reach), mode="replicate")
        return F.conv2d(F.conv2d(padded, self.bell.view(1, 1, 1, -1)), self.bell.view(1, 1, -1, 1))[:, 0]

    def forward(self, images: Tensor) -> Scored:
        """Scores, maps and embeddings of RGB images, float [N, 3, H, W] in [0, 255]."""
        patches = self.patches(images)
        coordinates = self.coordinates(patches)
        height, width = int(patches.shape[2]), int(patches.shape[3])
        maps = self.smooth(self.distances(coordinates).reshape(-1, height, width))
        maps = maps / self.usual
        if self.relative:
            flat = maps.flatten(1)
            # The upper half in falling order ends with the median.
            middle = flat.topk(height * width // 2 + 1, dim=1).values[:, -1]
            maps = maps - self.relative * middle[:, None, None]
        scores = maps.flatten(1).amax(dim=1).clamp_min(_LEAST)
        return Scored(scores, maps, F.normalize(patches.mean(dim=(2, 3)), dim=1))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Take the sizes of what was fitted from the checkpoint."""
        for name in _FITTED:
            saved = state_dict.get(prefix + name)
            if saved is not None:
                own: Tensor = getattr(self, name)
                setattr(self, name, own.new_empty(saved.shape))
        super()._load_from_state_dict(state_dict, prefix, *args)
