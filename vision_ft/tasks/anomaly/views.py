"""What is looked at of good images: each as a whole, or a few of its tiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.manifest import InputSpec
from vision_ft.bundle.place import Geometry
from vision_ft.bundle.tiles import views_of
from vision_ft.data.index import Sample
from vision_ft.tasks.images import PlacedImages
from vision_ft.tasks.sampling import derive_seed

_ALL = 4_000
"""Tiles of all images that are about enough: the patches that are compared are far fewer than theirs."""
_LEAST, _MOST = 4, 32
"""Tiles of one image that are learned from, where it has as many."""


class GoodViews:
    """Views of images at the model's input size, uint8 RGB [H, W, 3], in the order of the images.

    Of an image in tiles they are some that are drawn by its digest, so that folds which share it
    share them.
    """

    def __init__(self, images: PlacedImages) -> None:
        self.images = images
        self._views: list[tuple[int, Geometry | None]] = []
        each = _each(len(images))
        for row, sample in enumerate(images.samples):
            if images.spec.tile is None:
                self._views.append((row, None))
                continue
            tiles = views_of(sample.width, sample.height, images.spec)
            drawn = np.random.default_rng(derive_seed(0, "tiles", sample.digest)).permutation(len(tiles))[:each]
            self._views += [(row, tiles[number]) for number in sorted(drawn)]

    @property
    def spec(self) -> InputSpec:
        """How images become views."""
        return self.images.spec

    @property
    def samples(self) -> list[Sample]:
        """The image of each view."""
        return [self.images.samples[row] for row, _ in self._views]

    def key(self, number: int) -> str:
        """What the view shows: the same in every fit of a run."""
        row, tile = self._views[number]
        return f"{self.images.samples[row].digest} {'' if tile is None else tile.crop}"

    def __len__(self) -> int:
        return len(self._views)

    def __getitem__(self, number: int) -> NDArray[np.uint8]:
        row, tile = self._views[number]
        return self.images[row] if tile is None else self.images.cut(row, tile)


def _each(images: int) -> int:
    """Tiles an image: a power of two, so that folds of nearly as many images draw the same."""
    wanted = min(_MOST, max(_LEAST, _ALL // max(1, images)))
    return 1 << (wanted.bit_length() - 1)
