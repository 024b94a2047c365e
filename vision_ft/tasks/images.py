"""Training images, decoded and placed once, kept in memory within a budget."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.decode import decode
from vision_ft.bundle.manifest import InputSpec
from vision_ft.bundle.place import geometry_of, place, place_mask
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
        self._masks: dict[int, NDArray[np.uint8] | None] = {}

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
        if self._cache is None or row >= len(self._cache):
            return self._read(row)
        image: NDArray[np.uint8] = self._cache[row]
        return image

    def mask(self, row: int) -> NDArray[np.uint8] | None:
        """The defect mask of a sample at the input size, uint8 [H, W]; None where it has none, or an empty one.

        An index lists no image whose mask is of another size.
        """
        if row not in self._masks:
            self._masks[row] = self._read_mask(row)
        return self._masks[row]

    def _read_mask(self, row: int) -> NDArray[np.uint8] | None:
        path = self.samples[row].mask
        if path is None:
            return None
        mask = decode(path.read_bytes())[:, :, 0]
        placed = place_mask(mask, geometry_of(mask.shape[1], mask.shape[0], self.spec))
        return placed if placed.any() else None

    def _read(self, row: int) -> NDArray[np.uint8]:
        data = self.samples[row].path.read_bytes()
        return place(decode(data, window=self.spec.window), self.spec)[0]
