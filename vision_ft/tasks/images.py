"""Training images, decoded and placed once, kept in memory within a budget."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.decode import decode
from vision_ft.bundle.manifest import InputSpec
from vision_ft.bundle.place import Geometry, geometry_of, place, place_mask, place_view
from vision_ft.bundle.threads import cpu_budget
from vision_ft.data.index import Sample
from vision_ft.data.object_masks import IGNORED, known_mask


class PlacedStore:
    """Placed images by digest, shared by the fits of a run: folds show most of their images alike."""

    def __init__(self) -> None:
        self._spec: InputSpec | None = None
        self._images: dict[str, NDArray[np.uint8]] = {}

    def load(self, samples: Sequence[Sample], spec: InputSpec, cache_mb: int) -> list[NDArray[np.uint8] | None]:
        """The images of the samples, as far as all that is kept fits into `cache_mb` MiB; else None."""
        if spec != self._spec:
            self._spec, self._images = spec, {}
        room = cache_mb * 2**20 // (spec.height * spec.width * 3) - len(self._images)
        missing = list({s.digest: s for s in samples if s.digest not in self._images}.values())[: max(0, room)]
        with ThreadPoolExecutor(cpu_budget()) as pool:
            for sample, image in zip(missing, pool.map(lambda one: _placed(one, spec), missing), strict=True):
                self._images[sample.digest] = image
        return [self._images.get(sample.digest) for sample in samples]


class PlacedImages:
    """The images of some samples at the model's input size, uint8 RGB [H, W, 3].

    They come from the same decode and place as in the service. As many as fit into
    `cache_mb` MiB stay in memory, in `store` where one is given; the others are decoded again
    at each use. Whole images that views are cut from are kept by whoever cuts: `sharers` is how many
    do so side by side (each process of each loader), and each keeps its part of `cache_mb`.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        spec: InputSpec,
        *,
        cache_mb: int,
        store: PlacedStore | None = None,
        sharers: int = 1,
    ) -> None:
        self.samples = list(samples)
        self.spec = spec
        self._cache_mb = cache_mb
        self._store = store or PlacedStore()
        self._kept: list[NDArray[np.uint8] | None] = [None] * len(self.samples)
        self._masks: dict[int, NDArray[np.uint8] | None] = {}
        self._whole: dict[int, NDArray[np.uint8]] = {}
        self._whole_bytes = 0
        self._whole_room = cache_mb * 2**20 // sharers
        self._last: tuple[int, NDArray[np.uint8]] | None = None

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def cached(self) -> int:
        """How many of the images are kept in this process's memory, placed or whole."""
        return sum(image is not None for image in self._kept) + len(self._whole)

    def load(self) -> None:
        """Fill the cache, on as many threads as the process may use; images in tiles are read as they are cut."""
        if self.spec.tile is not None:
            return
        self._kept = self._store.load(self.samples, self.spec, self._cache_mb)

    def __getitem__(self, row: int) -> NDArray[np.uint8]:
        kept = self._kept[row]
        return _placed(self.samples[row], self.spec) if kept is None else kept

    def cut(self, row: int, geometry: Geometry) -> NDArray[np.uint8]:
        """A view of a sample's full-resolution image at the input size, uint8 [H, W, 3].

        Decoded images are kept too, as far as they fit into this process's part of `cache_mb` MiB, and the last one
        in any case: views are mostly asked for image by image.
        """
        if row in self._whole:
            image = self._whole[row]
        elif self._last is not None and self._last[0] == row:
            image = self._last[1]
        else:
            image = decode(self.samples[row].path.read_bytes(), window=self.spec.window)
            if self._whole_bytes + image.nbytes <= self._whole_room:
                self._whole[row] = image
                self._whole_bytes += image.nbytes
            else:
                self._last = (row, image)
        return place_view(image, geometry, pad=self.spec.pad)

    def mask(self, row: int) -> NDArray[np.uint8] | None:
        """Where a sample's mask shows its class, uint8 [H, W] of 0 and 1 at the input size; None where nowhere.

        What is to be ignored is left out. An index lists no image whose mask is of another size.
        """
        if row not in self._masks:
            self._masks[row] = self._read_mask(row)
        return self._masks[row]

    def _read_mask(self, row: int) -> NDArray[np.uint8] | None:
        sample = self.samples[row]
        if sample.mask is None:
            return None
        # An image here has one class, which is all that its mask shows; of all classes there may be more than values.
        known = known_mask(sample, (ClassInfo(id=sample.targets[0]),))
        mask = ((known > 0) & (known != IGNORED)).astype(np.uint8)
        placed = place_mask(mask, geometry_of(mask.shape[1], mask.shape[0], self.spec))
        return placed if placed.any() else None


def _placed(sample: Sample, spec: InputSpec) -> NDArray[np.uint8]:
    return place(decode(sample.path.read_bytes(), window=spec.window), spec)[0]
