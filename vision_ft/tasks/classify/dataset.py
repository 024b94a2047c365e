"""Images and class numbers for training and for validation."""

from __future__ import annotations

from collections.abc import Sequence

import albumentations as A  # noqa: N812
import torch
from torch import Tensor
from torch.utils.data import Dataset

from vision_ft.bundle.classes import ClassInfo
from vision_ft.errors import DataError
from vision_ft.tasks.augmentation import augment
from vision_ft.tasks.images import PlacedImages
from vision_ft.tasks.sampling import Draw


class ClassifyDataset(Dataset[tuple[Tensor, int]]):
    """Pairs of a uint8 RGB image [H, W, 3] and a class number.

    It is asked for with a row and a seed (see `EpochSampler`); without a pipeline the image
    comes as it is.
    """

    def __init__(self, images: PlacedImages, classes: Sequence[ClassInfo], pipeline: A.Compose | None) -> None:
        self.images = images
        self.targets = class_numbers(images, classes)
        self.pipeline = pipeline

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, draw: Draw) -> tuple[Tensor, int]:
        row, seed = draw
        image = self.images[row]
        if self.pipeline is not None:
            image = augment(self.pipeline, image, seed)
        return torch.from_numpy(image), self.targets[row]


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
