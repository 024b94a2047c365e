"""Training images, decoded and placed once, kept in memory within a budget."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.decode import decode
from vision_ft.bundle.manifest import InputSpec
from vision_ft.bundle.place import place
from vision_ft.bundle.threads import cpu_budget
from vision_ft.data.index import Sample


class PlacedImages:
    """The images of some samples at the model's input size, uint8 RGB [H, W, 3].

    They come from the same decode and place as in the service. As many as fit into
    `cache_mb` MiB stay in memory; the others are decoded again at each use.
    """

    def __init__(self, samples: Sequence[Sample], spec: InputSpec, *, cache_mb: int) -> None:
        self.samples = list(samples)
        self.spec = spec
        each = spec.height * spec.width * 3
        self._room = min(len(self.samples), cache_mb * 2**20 // each)
        self._cache: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def cached(self) -> int:
        """How many of the images are kept in memory."""
        return self._room

    def load(self) -> None:
        """Fill the cache, on as many threads as the process may use."""
        if self._cache is not None or not self._room:
            return
        cache = np.empty((self._room, self.spec.height, self.spec.width, 3), np.uint8)

        def fill(row: int) -> None:
            cache[row] = self._read(row)

        with ThreadPoolExecutor(cpu_budget()) as pool:
            list(pool.map(fill, range(self._room)))
        self._cache = cache

    def __getitem__(self, row: int) -> NDArray[np.uint8]:
        if self._cache is not None and row < len(self._cache):
            return self._cache[row]
        return self._read(row)

    def _read(self, row: int) -> NDArray[np.uint8]:
        data = self.samples[row].path.read_bytes()
        return place(decode(data, window=self.spec.window), self.spec)[0]
