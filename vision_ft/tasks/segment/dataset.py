"""Crops with class masks for training, whole views for validation."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import albumentations as A  # noqa: N812
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from vision_ft.bundle.classes import ClassInfo, background_of
from vision_ft.bundle.place import Geometry, place_mask, place_view
from vision_ft.bundle.threads import cpu_budget
from vision_ft.bundle.tiles import views_of
from vision_ft.data.index import Sample
from vision_ft.data.object_masks import IGNORED
from vision_ft.tasks.sampling import Draw, sample_weights
from vision_ft.tasks.segment.crops import Crop, cut, draw_window
from vision_ft.tasks.segment.pictures import Picture, Pictures
from vision_ft.tasks.transplant import transplanted

Item = tuple[Tensor, Tensor]
_TRIES = 8
"""Images among which one of about the same size is looked for."""
_ALIKE = 0.8
"""Sides of two images of about the same size differ by no more than this factor."""
_RIM = 6
"""Pixels of a donor around a shape that may come along with it: those that `transplanted` moves, and what
they are in a donor that is shrunk."""
_VIEWS = 4
"""Tiles of an image that are validated on."""


@dataclass(frozen=True)
class Variation:
    """How training crops are drawn and varied."""

    pipeline: A.Compose
    size: tuple[int, int]
    """Height and width of a crop."""
    zoom: tuple[float, float]
    focus: float
    transplant: float


class CropDataset(Dataset[Item]):
    """Pairs of a uint8 RGB crop [h, w, 3] and its mask uint8 [h, w], asked for with a row and a seed."""

    def __init__(self, pictures: Pictures, classes: Sequence[ClassInfo], variation: Variation) -> None:
        self.pictures = pictures
        self.variation = variation
        nothing = background_of(classes).id
        empty = [sample.targets[0] == nothing for sample in pictures.samples]
        self._empty = [row for row, bare in enumerate(empty) if bare]
        self._shown = [row for row, bare in enumerate(empty) if not bare]

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, draw: Draw) -> Item:
        row, seed = draw
        rng = np.random.default_rng(seed)
        picture = self._transplanted(row, rng) or self.pictures[row]
        image, mask = augment_masked(self.variation.pipeline, *self._crop(picture, rng), seed)
        return torch.from_numpy(image), torch.from_numpy(mask)

    def _crop(self, picture: Picture, rng: np.random.Generator) -> Crop:
        variation = self.variation
        low, high = np.log(variation.zoom)
        zoom = float(np.exp(rng.uniform(low, high)))
        place = None
        if picture.defects and rng.random() < variation.focus:
            points = picture.defects[int(rng.integers(len(picture.defects)))]
            place = points[int(rng.integers(len(points)))]
        window = draw_window(picture.frame, variation.size, zoom, place, rng)
        return cut(picture, window, pad=self.pictures.spec.pad)

    def _transplanted(self, row: int, rng: np.random.Generator) -> Picture | None:
        """A defect on a good image, or good on good, or None where that is not to be had."""
        if not self._empty or not self._shown or rng.random() >= self.variation.transplant:
            return None
        other = self._alike(row, rng)
        if other is None:
            return None
        donor, recipient = (self.pictures[row], self.pictures[other])
        mask = donor.mask
        if not donor.defects:
            shape = self.pictures[self._shown[int(rng.integers(len(self._shown)))]].mask
            mask = ((shape > 0) & (shape != IGNORED)).astype(np.uint8)
        size = recipient.image.shape[1::-1]
        image = np.asarray(cv2.resize(donor.image, size, interpolation=cv2.INTER_AREA), np.uint8)
        mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
        if not donor.defects and _meets_ignored(mask, donor.mask):
            # It may be a defect that is labelled nowhere, and would be taught as background.
            return None
        # What is ignored stays where it is.
        made = transplanted(recipient.image, image, np.where(mask == IGNORED, 0, mask).astype(np.uint8), rng)
        if made is None:
            return None
        moved = made[1] if donor.defects else np.zeros_like(made[1])
        rows, columns = np.nonzero(moved)
        moved = np.where((moved == 0) & (recipient.mask == IGNORED), IGNORED, moved).astype(np.uint8)
        places = (np.stack([columns, rows], axis=1).astype(np.int64),) if len(rows) else ()
        return replace(recipient, image=made[0], mask=moved, defects=places)

    def _alike(self, row: int, rng: np.random.Generator) -> int | None:
        """A good image of about the same size."""
        width, height = self.pictures.size(row)
        for _ in range(_TRIES):
            other = self._empty[int(rng.integers(len(self._empty)))]
            across, down = self.pictures.size(other)
            likeness = min(width / across, across / width, height / down, down / height)
            if other != row and likeness >= _ALIKE:
                return other
        return None


class ViewDataset(Dataset[Item]):
    """Images as they will be looked at, with their masks at the same size; of an image in tiles a few of them.

    They are made by this call, and kept up to `cache_mb` MiB; others are made again at each use.
    """

    def __init__(self, pictures: Pictures, *, cache_mb: int) -> None:
        self.pictures = pictures
        spec = pictures.spec
        self.views: list[tuple[int, Geometry]] = []
        self._room = cache_mb * 2**20 // (4 * spec.height * spec.width)
        self._kept: dict[int, Item] = {}
        with ThreadPoolExecutor(cpu_budget()) as pool:
            for row, items in enumerate(pool.map(self._every, range(len(pictures)))):
                for view, item in items:
                    if len(self._kept) < self._room:
                        self._kept[len(self.views)] = item
                    self.views.append((row, view))

    def __len__(self) -> int:
        return len(self.views)

    def __getitem__(self, draw: Draw) -> Item:
        kept = self._kept.get(draw[0])
        if kept is not None:
            return kept
        row, view = self.views[draw[0]]
        return self._placed(self.pictures[row], view)

    def _every(self, row: int) -> list[tuple[Geometry, Item]]:
        picture = self.pictures[row]
        height, width = picture.mask.shape
        chosen = _telling(views_of(width, height, self.pictures.spec), picture.mask)
        return [(view, self._placed(picture, view)) for view in chosen]

    def _placed(self, picture: Picture, view: Geometry) -> Item:
        image = place_view(picture.image, view, pad=self.pictures.spec.pad)
        return torch.from_numpy(image), torch.from_numpy(place_mask(picture.mask, view))


def augment_masked(pipeline: A.Compose, image: NDArray[np.uint8], mask: NDArray[np.uint8], seed: int) -> Crop:
    """One augmented image with its mask, uint8 of the same shapes; the same seed gives the same pixels."""
    pipeline.set_random_state(np.random.default_rng([seed, 1]), random.Random(seed))
    made = pipeline(image=image, mask=mask)
    return np.ascontiguousarray(made["image"]), np.ascontiguousarray(made["mask"])


def crop_weights(samples: Sequence[Sample], classes: Sequence[ClassInfo], background: float) -> NDArray[np.float64]:
    """Chance of each sample: classes, parts and images evenly, and the background with a share of its own."""
    weights = sample_weights(samples)
    empty = np.array([sample.targets[0] == background_of(classes).id for sample in samples])
    if empty.all() or not empty.any():
        return weights
    weights[empty] *= background / weights[empty].sum()
    weights[~empty] *= (1.0 - background) / weights[~empty].sum()
    return weights


def _meets_ignored(shape: NDArray[np.uint8], labels: NDArray[np.uint8]) -> bool:
    """Whether a shape, uint8 [H, W], lies on or next to what is ignored in a donor's labels, uint8 [h, w]."""
    ignored = (labels == IGNORED).astype(np.uint8)
    if not ignored.any():
        return False
    near = cv2.dilate(ignored, np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8))
    return bool(cv2.resize(near, shape.shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT)[shape > 0].any())


def _telling(views: Sequence[Geometry], mask: NDArray[np.uint8]) -> list[Geometry]:
    """At most `_VIEWS` of the views: those that show most of the labels first, then in their order."""
    if len(views) <= _VIEWS:
        return list(views)
    shown = []
    for left, top, width, height in (view.crop for view in views):
        own = mask[top : top + height, left : left + width]
        shown.append(np.count_nonzero((own > 0) & (own != IGNORED)))
    return [views[number] for number in np.argsort(-np.array(shown), kind="stable")[:_VIEWS]]
