"""Images and boxes for training and for validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import albumentations as A  # noqa: N812
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from vision_ft.bundle.classes import ClassInfo, object_classes
from vision_ft.bundle.place import Geometry, geometry_of
from vision_ft.bundle.tiles import region_of
from vision_ft.tasks.augmentation import augment_boxes
from vision_ft.tasks.detect.compose import View, mosaic, paste, rare_object
from vision_ft.tasks.detect.labels import IGNORED, Objects, in_view, objects_of, padded
from vision_ft.tasks.images import PlacedImages
from vision_ft.tasks.sampling import Draw

Item = tuple[Tensor, Tensor, Tensor]
_MOST = 1024
"""Objects of an image that a batch has room for; of more, the smallest are left out."""
_AROUND_OBJECT = 0.75
"""Share of tiles that are cut around an object rather than anywhere."""


@dataclass(frozen=True)
class Variation:
    """How training images are varied."""

    pipeline: A.Compose
    mosaic: float
    copy_paste: float


class DetectDataset(Dataset[Item]):
    """A uint8 RGB image [H, W, 3], boxes float32 [M, 4] in its pixels and labels int64 [M], padded with -1.

    It is asked for with a row and a seed (see `EpochSampler`); without a variation the image
    comes as it is, and of an image in tiles the first tile that holds an object.
    """

    def __init__(self, images: PlacedImages, classes: Sequence[ClassInfo], variation: Variation | None) -> None:
        self.images = images
        self.variation = variation
        self.objects = [objects_of(sample, classes) for sample in images.samples]
        counts = np.bincount(
            np.concatenate([one.labels[one.labels >= 0] for one in self.objects] or [np.zeros(0, np.int64)]),
            minlength=len(object_classes(classes)),
        )
        self._frequency = counts / max(1, counts.sum())
        self._donors = np.array([row for row, one in enumerate(self.objects) if len(one)], dtype=np.int64)
        four = 4 if variation is not None and variation.mosaic else 1
        most = max((len(one) for one in self.objects), default=0)
        self._most = int(min(_MOST, max(1, four * most + 2)))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, draw: Draw) -> Item:
        row, seed = draw
        rng = np.random.default_rng([seed, 7])
        image, objects = self._varied(row, rng, seed) if self.variation is not None else self.view(row, None)
        boxes, labels = padded(objects, self._most)
        return torch.from_numpy(image), torch.from_numpy(boxes), torch.from_numpy(labels)

    def _varied(self, row: int, rng: np.random.Generator, seed: int) -> View:
        variation = self.variation
        assert variation is not None
        image, objects = self.view(row, rng)
        if rng.random() < variation.mosaic and len(self) > 1:
            first, second, third = (self.view(int(other), rng) for other in rng.integers(len(self), size=3))
            image, objects = mosaic(((image, objects), first, second, third), rng)
        if rng.random() < variation.copy_paste and len(self._donors):
            found = rare_object(lambda other: self.view(other, rng), self._donors, self._frequency, rng)
            if found is not None:
                image, objects = paste((image, objects), *found, rng)
        image, boxes, labels = augment_boxes(variation.pipeline, image, objects.boxes, objects.labels, seed)
        return image, Objects(boxes, labels).clipped(image.shape[1], image.shape[0])

    def view(self, row: int, rng: np.random.Generator | None) -> View:
        """The image at the input's size with its objects; of a large one a tile, drawn where `rng` is given."""
        sample, spec = self.images.samples[row], self.images.spec
        if spec.tile is None:
            return self.images[row], in_view(self.objects[row], geometry_of(sample.width, sample.height, spec))
        geometry = self._tile(row, rng)
        return self.images.cut(row, geometry), in_view(self.objects[row], geometry)

    def _tile(self, row: int, rng: np.random.Generator | None) -> Geometry:
        sample, spec = self.images.samples[row], self.images.spec
        assert spec.tile is not None
        left, top, across, down = region_of(sample.width, sample.height, spec)
        wide, high = min(spec.tile.size, across), min(spec.tile.size, down)
        real = np.flatnonzero(self.objects[row].labels != IGNORED)
        x, y = (across - wide) / 2, (down - high) / 2
        if len(real) and (rng is None or rng.random() < _AROUND_OBJECT):
            box = self.objects[row].boxes[real[0] if rng is None else int(rng.choice(real))]
            # Anywhere that the object's middle is in the tile.
            share = (0.5, 0.5) if rng is None else (rng.random(), rng.random())
            x = (box[0] + box[2]) / 2 - left - share[0] * wide
            y = (box[1] + box[3]) / 2 - top - share[1] * high
        elif rng is not None:
            x, y = rng.random() * (across - wide), rng.random() * (down - high)
        x, y = round(min(max(x, 0), across - wide)), round(min(max(y, 0), down - high))
        size = (max(1, round(wide * spec.width / spec.tile.size)), max(1, round(high * spec.height / spec.tile.size)))
        return Geometry(
            sample.width, sample.height, (left + x, top + y, wide, high), (0, 0, *size), spec.width, spec.height
        )


def image_of(item: Item) -> NDArray[np.uint8]:
    """The picture of an item, uint8 [H, W, 3]."""
    return np.asarray(item[0].numpy(), dtype=np.uint8)
