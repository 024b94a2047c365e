"""Images and class numbers, and defects shown on good parts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from vision_ft.bundle.manifest import InputSpec
from vision_ft.data.index import Index
from vision_ft.errors import DataError
from vision_ft.recipe.augment import AugmentSection
from vision_ft.tasks.augmentation import build_augmentation
from vision_ft.tasks.classify.dataset import ClassifyDataset, Variation
from vision_ft.tasks.classify.task import TASK
from vision_ft.tasks.images import PlacedImages

from ..conftest import MakeData

NONE = build_augmentation(AugmentSection.model_validate("none"), square=True)


def _images(index: Index) -> PlacedImages:
    images = PlacedImages(list(index.samples()), InputSpec(height=64, width=64), cache_mb=8)
    images.load()
    return images


def test_without_a_variation_the_image_comes_as_it_is(index: Index) -> None:
    images = _images(index)
    dataset = ClassifyDataset(images, index.classes, None)
    assert len(dataset) == len(index)
    for row in range(len(dataset)):
        image, target = dataset[row, 17]
        assert image.dtype == torch.uint8
        assert np.array_equal(image.numpy(), images[row])
        assert index.classes[target].id == images.samples[row].targets[0]


def test_an_image_of_two_classes_is_refused_in_one_sentence(index: Index) -> None:
    images = _images(index)
    images.samples[3] = replace(images.samples[3], targets=("good", "scratch"))
    with pytest.raises(DataError, match=r"one class an image, got good, scratch\. Give each image one label\.") as told:
        ClassifyDataset(images, index.classes, None)
    assert "\n" not in str(told.value)
    assert images.samples[3].path.name in str(told.value)


def test_defects_are_shown_on_good_parts(index: Index) -> None:
    """A transplanted image keeps its label; good images get good pasted in, never a defect."""
    images = _images(index)
    dataset = ClassifyDataset(images, index.classes, Variation(NONE, NONE, transplant=1.0))
    never = ClassifyDataset(images, index.classes, Variation(NONE, NONE, transplant=0.0))

    def yellow(image: torch.Tensor) -> int:
        pixels = image.numpy().astype(int)
        return int(((pixels[..., 0] - pixels[..., 2]) > 80).sum())

    moved = 0
    for row in range(len(dataset)):
        is_good = images.samples[row].targets[0] == "good"
        for seed in range(3):
            image, target = dataset[row, seed]
            plain, same = never[row, seed]
            assert target == same
            assert np.array_equal(plain.numpy(), images[row])
            moved += not torch.equal(image, plain)
            assert (yellow(image) == 0) == is_good
            again, _ = dataset[row, seed]
            assert torch.equal(image, again)
    assert moved > 0.8 * 3 * len(dataset)


def test_nothing_is_transplanted_without_good_parts_or_masks(index: Index) -> None:
    nothing_good = tuple(c.model_copy(update={"good": False}) for c in index.classes)
    images = _images(index)
    without_masks = _images(index)
    without_masks.samples = [replace(s, mask=None) for s in without_masks.samples]
    for dataset in (
        ClassifyDataset(images, nothing_good, Variation(NONE, NONE, transplant=1.0)),
        ClassifyDataset(without_masks, index.classes, Variation(NONE, NONE, transplant=1.0)),
    ):
        for row in range(len(dataset)):
            assert np.array_equal(dataset[row, row][0].numpy(), images[row])


def test_masks_can_be_left_out_by_the_recipe(make_data: MakeData) -> None:
    for changes, chance in (({}, 0.3), ({"data__masks": False}, 0.0), ({"augment": "none"}, 0.0)):
        loader, _ = TASK.loaders(make_data(task__transplant=0.3, **changes))
        dataset = loader.dataset
        assert isinstance(dataset, ClassifyDataset)
        assert dataset.variation is not None
        assert dataset.variation.transplant == chance
