"""Features of the training images' patches, batch by batch; what fits is kept in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from vision_ft.tasks.anomaly.network import AnomalyNetwork
from vision_ft.tasks.anomaly.views import GoodViews

View = tuple[int, bool]
"""Number of a view (see `GoodViews`), and whether it is mirrored."""


class FeatureCache:
    """Features by view, kept between the fits of a run: folds share most of their images."""

    def __init__(self) -> None:
        self._network = ""
        self._kept: dict[tuple[str, bool], Tensor] = {}
        self._bytes = 0

    def of(self, network: AnomalyNetwork, views: GoodViews) -> dict[tuple[str, bool], Tensor]:
        """What is kept of this network and input size, by `GoodViews.key` and mirroring."""
        weights = [float(p.detach().double().sum()) for p in network.backbone.parameters()]
        now = f"{views.spec.model_dump_json()} {network.stages} {weights}"
        if now != self._network:
            self._network, self._kept, self._bytes = now, {}, 0
        return self._kept

    def keep(self, key: tuple[str, bool], features: Tensor, room: int) -> None:
        """Keep features [D, h, w] of a view in half precision, unless all that is kept outgrows `room` bytes."""
        kept = features.half().cpu()
        size = kept.numel() * kept.element_size()
        if key not in self._kept and self._bytes + size <= room:
            self._kept[key] = kept.clone()
            self._bytes += size


class PatchSource:
    """The features of some views, as often as they are asked for.

    They are rounded to half precision, whether they are kept or computed anew: that is far
    less than what two images of a part differ by.
    """

    def __init__(
        self, network: AnomalyNetwork, shown: GoodViews, cache: FeatureCache, *, batch_size: int, cache_mb: int
    ) -> None:
        self._network = network
        self._shown = shown
        self._cache = cache
        self._batch = batch_size
        self._room = cache_mb * 2**20

    def __len__(self) -> int:
        return len(self._shown)

    @torch.no_grad()
    def batches(self, views: Sequence[View]) -> Iterator[tuple[Sequence[View], Tensor]]:
        """Views with their features, float [n, D, h, w], a batch at a time."""
        kept = self._cache.of(self._network, self._shown)
        keys = [self._shown.key(number) for number in range(len(self))]
        device = self._network.mean.device
        for start in range(0, len(views), self._batch):
            some = views[start : start + self._batch]
            missing = [view for view in some if (keys[view[0]], view[1]) not in kept]
            fresh: dict[View, Tensor] = {}
            if missing:
                pictures = [self._shown[row][:, ::-1] if mirror else self._shown[row] for row, mirror in missing]
                pixels = torch.from_numpy(np.ascontiguousarray(np.stack(pictures)))
                features = self._network.patches(pixels.to(device).permute(0, 3, 1, 2).float())
                fresh = dict(zip(missing, features, strict=True))
                for (row, mirror), one in fresh.items():
                    self._cache.keep((keys[row], mirror), one, self._room)
            yield (
                some,
                torch.stack(
                    [
                        (fresh[view].half() if view in fresh else kept[keys[view[0]], view[1]]).to(device).float()
                        for view in some
                    ]
                ),
            )
