"""In which order training images are shown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from vision_ft.data.index import Sample

Draw = tuple[int, int]
"""Row of the sample, and the seed of its augmentation."""


def derive_seed(*parts: object) -> int:
    """A seed in [0, 2**31) from any values; the same on every machine."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big") >> 1


def sample_weights(samples: Sequence[Sample]) -> NDArray[np.float64]:
    """Chance of each sample where class, then part, then image are drawn evenly; sums to one.

    An image of several classes counts for the one of the fewest parts, so that a class which is never alone has
    its share; of equals for the first.
    """
    shown: dict[str, set[str]] = {}
    for sample in samples:
        for target in sample.targets:
            shown.setdefault(target, set()).add(sample.part)
    rows_of: dict[str, dict[str, list[int]]] = {}
    for row, sample in enumerate(samples):
        rarest = min(sample.targets, key=lambda target: len(shown[target]))
        rows_of.setdefault(rarest, {}).setdefault(sample.part, []).append(row)
    weights = np.zeros(len(samples))
    for parts in rows_of.values():
        for rows in parts.values():
            weights[rows] = 1.0 / (len(rows_of) * len(parts) * len(rows))
    return weights


class EpochSampler(Sampler[Draw]):
    """Draws a training epoch, decided by the seed and the epoch's number alone.

    With `weights` each epoch draws that distribution by systematic resampling (every sample
    comes its expected number of times, rounded up or down); without, every sample comes once.
    """

    def __init__(self, count: int, *, seed: int, weights: NDArray[np.float64] | None = None) -> None:
        self.count = count
        self.seed = seed
        self.weights = weights
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; Lightning calls it before each one."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Draw]:
        rng = np.random.default_rng(derive_seed(self.seed, "epoch", self.epoch))
        if self.weights is None:
            rows = rng.permutation(self.count)
        else:
            edges = np.cumsum(self.weights) / self.weights.sum()
            points = (np.arange(self.count) + rng.random()) / self.count
            rows = rng.permutation(np.minimum(np.searchsorted(edges, points), len(self.weights) - 1))
        seeds = rng.integers(0, 2**31, size=len(rows))
        return iter([(int(row), int(seed)) for row, seed in zip(rows, seeds, strict=True)])
