"""Images and class numbers for training and for validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import albumentations as A  # noqa: N812
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from vision_ft.bundle.classes import ClassInfo
from vision_ft.errors import DataError
from vision_ft.tasks.augmentation import augment
from vision_ft.tasks.images import PlacedImages
from vision_ft.tasks.sampling import Draw
from vision_ft.tasks.transplant import transplant


@dataclass(frozen=True)
class Variation:
    """How training images are varied."""

    pipeline: A.Compose
    """For an image of the training set."""
    light: A.Compose
    """For an image that was made by a transplant: no geometry, which the transplant has varied."""
    transplant: float
    """Probability that a defect with a mask is shown on a good part."""


class ClassifyDataset(Dataset[tuple[Tensor, int]]):
    """Pairs of a uint8 RGB image [H, W, 3] and a class number.

    It is asked for with a row and a seed (see `EpochSampler`); without a variation the image
    comes as it is.
    """

    def __init__(self, images: PlacedImages, classes: Sequence[ClassInfo], variation: Variation | None) -> None:
        self.images = images
        self.targets = class_numbers(images, classes)
        self.variation = variation
        good = {number for number, c in enumerate(classes) if c.good}
        self._good = [row for row, target in enumerate(self.targets) if target in good]
        self._is_good = frozenset(self._good)
        defects = (row for row in range(len(images)) if row not in self._is_good)
        self._masked = [row for row in defects if images.samples[row].mask is not None]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, draw: Draw) -> tuple[Tensor, int]:
        row, seed = draw
        image = self.images[row]
        if self.variation is not None:
            made = self._transplanted(row, seed, self.variation.transplant)
            pipeline = self.variation.pipeline if made is None else self.variation.light
            image = augment(pipeline, image if made is None else made, seed)
        return torch.from_numpy(image), self.targets[row]

    def _transplanted(self, row: int, seed: int, chance: float) -> NDArray[np.uint8] | None:
        """A defect on a good part, or good on good, or None where that is not to be had."""
        if not chance or not self._good or not self._masked:
            return None
        rng = np.random.default_rng(seed)
        if rng.random() >= chance:
            return None
        other = self._good[int(rng.integers(len(self._good)))]
        if row not in self._is_good:
            mask = self.images.mask(row)
            return None if mask is None else transplant(self.images[other], self.images[row], mask, rng)
        mask = self.images.mask(self._masked[int(rng.integers(len(self._masked)))])
        return None if mask is None else transplant(self.images[row], self.images[other], mask, rng)


def class_numbers(images: PlacedImages, classes: Sequence[ClassInfo]) -> list[int]:
    """Number of each sample's class in `classes`; raises `DataError` for a sample of several classes."""
    numbers = {c.id: n for n, c in enumerate(classes)}
    found = []
    for sample in images.samples:
        if len(sample.targets) != 1:
            raise DataError(
                f"{sample.path}",
                expected="one class an image",
                got=", ".join(sample.targets) or "none",
                remedy="Give each image one label.",
            )
        found.append(numbers[sample.targets[0]])
    return found
