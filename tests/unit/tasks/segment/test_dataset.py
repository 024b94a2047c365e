"""Crops with masks: seeded, placed on defects, transplanted; and whole views for validation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from vision_ft.bundle.place import geometry_of, place, place_mask
from vision_ft.data.index import Index
from vision_ft.data.object_masks import IGNORED, class_mask, known_mask
from vision_ft.recipe.augment import AugmentSection
from vision_ft.tasks.augmentation import build_augmentation
from vision_ft.tasks.segment.dataset import CropDataset, Variation, ViewDataset, augment_masked, crop_weights
from vision_ft.tasks.segment.pictures import Pictures, PictureStore
from vision_ft.tasks.segment.task import TASK

from .conftest import MakeData

NONE = build_augmentation(AugmentSection.model_validate("none"), square=True)
SURFACE = build_augmentation(AugmentSection(), square=True)


def _pictures(labelled: Index, make_data: MakeData, *, tile: int | None = None, cache_mb: int = 8) -> Pictures:
    data = make_data(tile=tile)
    return PictureStore().load(data.train, labelled.classes, data.spec, zoom=1.5, cache_mb=cache_mb)


def _crops(pictures: Pictures, labelled: Index, **changes: object) -> CropDataset:
    plain = Variation(NONE, (48, 48), (1.0, 1.0), focus=1.0, transplant=0.0)
    return CropDataset(pictures, labelled.classes, replace(plain, **changes))  # type: ignore[arg-type]


def _yellow(image: torch.Tensor) -> torch.Tensor:
    """Where a scratch is: nothing else in these pictures is yellow."""
    pixels = image.numpy().astype(int)
    return torch.from_numpy((pixels[..., 0] > 170) & (pixels[..., 2] < 120))


def test_a_crop_of_a_defective_image_shows_the_defect_under_its_mask(labelled: Index, make_data: MakeData) -> None:
    dataset = _crops(_pictures(labelled, make_data), labelled)
    for row, sample in enumerate(dataset.pictures.samples):
        image, mask = dataset[row, 11 + row]
        assert (image.shape, mask.shape) == ((48, 48, 3), (48, 48))
        assert image.dtype == mask.dtype == torch.uint8
        assert bool(mask.any()) == (sample.targets[0] == "scratch")
        if mask.any():
            yellow = _yellow(image)
            assert float((yellow & (mask == 1)).sum()) > 0.8 * float(yellow.sum())


def test_the_seed_decides_everything(labelled: Index, make_data: MakeData) -> None:
    dataset = _crops(
        _pictures(labelled, make_data), labelled, pipeline=SURFACE, zoom=(0.7, 1.5), focus=0.5, transplant=0.5
    )
    for row in (0, 12):
        first, again, other = dataset[row, 5], dataset[row, 5], dataset[row, 6]
        assert torch.equal(first[0], again[0])
        assert torch.equal(first[1], again[1])
        assert not torch.equal(first[0], other[0])


def test_what_is_not_kept_is_decoded_again_and_is_the_same(labelled: Index, make_data: MakeData) -> None:
    kept, bare = _pictures(labelled, make_data), _pictures(labelled, make_data, cache_mb=0)
    for row in (0, 12):
        assert np.array_equal(kept[row].image, bare[row].image)
        assert np.array_equal(kept[row].mask, bare[row].mask)


def test_defects_are_shown_on_good_parts_with_their_mask(labelled: Index, make_data: MakeData) -> None:
    dataset = _crops(_pictures(labelled, make_data), labelled, transplant=1.0)
    rows = [row for row, sample in enumerate(dataset.pictures.samples) if sample.targets[0] == "scratch"]
    moved = 0
    for row in rows:
        before = dataset.pictures[row]
        for seed in range(8):
            made = dataset._transplanted(row, np.random.default_rng(seed))
            if made is None:
                continue
            moved += 1
            assert not np.array_equal(made.image, before.image)
            assert 0.5 < (made.mask == 1).sum() / (before.mask == 1).sum() < 2
            yellow = _yellow(torch.from_numpy(made.image)).numpy()
            assert (yellow & (made.mask == 1)).sum() >= 0.8 * yellow.sum()
    assert moved > 8


def test_good_stays_good_where_good_is_pasted_onto_it(labelled: Index, make_data: MakeData) -> None:
    dataset = _crops(_pictures(labelled, make_data), labelled, transplant=1.0)
    made = [dataset._transplanted(0, np.random.default_rng(seed)) for seed in range(8)]
    assert any(one is not None for one in made)
    assert all(one is None or not one.mask.any() for one in made)


def test_large_images_are_kept_no_larger_than_crops_need(labelled: Index, make_data: MakeData) -> None:
    data = make_data(input__height=32, input__width=32)
    pictures = PictureStore().load(data.train, labelled.classes, data.spec, zoom=1.0, cache_mb=8)
    picture = pictures[12]  # 72 x 80 pixels, of which the input shows 32
    assert picture.image.shape[:2] == picture.mask.shape
    assert max(picture.mask.shape) == 32
    assert picture.mask.any()
    assert pictures.size(12) == (80, 72)


def test_a_defective_image_that_shows_nothing_is_ignored(labelled: Index) -> None:
    samples = list(labelled.samples())
    sample = next(one for one in samples if one.targets[0] == "scratch")
    blank = next(one for one in samples if one.targets[0] == "good")
    assert (known_mask(replace(sample, mask=blank.mask), labelled.classes) == IGNORED).all()
    assert not known_mask(blank, labelled.classes).any()


def test_the_background_has_its_share(labelled: Index) -> None:
    samples = list(labelled.samples())
    weights = crop_weights(samples, labelled.classes, 0.25)
    empty = np.array([one.targets[0] == "good" for one in samples])
    assert weights.sum() == pytest.approx(1)
    assert weights[empty].sum() == pytest.approx(0.25)
    only = [one for one in samples if one.targets[0] == "good"]
    assert crop_weights(only, labelled.classes, 0.25).sum() == pytest.approx(1)


def test_validation_shows_images_as_the_service_sees_them(labelled: Index, make_data: MakeData) -> None:
    data = make_data(val=4)
    _, loader = TASK.loaders(data)
    assert loader is not None
    images, masks = next(iter(loader))
    for row, sample in enumerate(data.val):
        from vision_ft.bundle.decode import decode

        image = decode(sample.path.read_bytes())
        assert np.array_equal(images[row].numpy(), place(image, data.spec)[0])
        geometry = geometry_of(image.shape[1], image.shape[0], data.spec)
        assert np.array_equal(masks[row].numpy(), place_mask(class_mask(sample, data.classes), geometry))


def test_of_tiles_those_with_labels_are_validated_on(labelled: Index, make_data: MakeData) -> None:
    pictures = _pictures(labelled, make_data, tile=32)
    dataset = ViewDataset(pictures, cache_mb=1)
    assert len(dataset) == 4 * len(pictures)
    shown = {row for number, (row, _) in enumerate(dataset.views) if dataset[number, 0][1].any()}
    assert shown == {row for row, sample in enumerate(pictures.samples) if sample.targets[0] == "scratch"}
    again = ViewDataset(pictures, cache_mb=0)
    assert torch.equal(dataset[50, 0][0], again[50, 0][0])


def test_masks_go_with_their_images_through_the_augmentation() -> None:
    rng = np.random.default_rng(0)
    mask = np.zeros((64, 64), np.uint8)
    mask[10:30, 20:50] = 3
    image = np.full((64, 64, 3), 40, np.uint8)
    image[mask > 0] = 220
    for seed in rng.integers(0, 10_000, 10):
        moved, labels = augment_masked(SURFACE, image, mask, int(seed))
        assert set(np.unique(labels)) <= {0, 3}
        assert moved[labels == 3].mean() > moved[labels == 0].mean() + 60


def test_what_a_good_part_ignores_stays_ignored_under_a_defect(labelled: Index, make_data: MakeData) -> None:
    dataset = _crops(_pictures(labelled, make_data), labelled, transplant=1.0)
    pictures = dataset.pictures
    for digest, picture in list(pictures._kept.items()):
        if not picture.defects:
            mask = picture.mask.copy()
            mask[:6] = IGNORED
            pictures._kept[digest] = replace(picture, mask=mask)
    row = next(row for row, sample in enumerate(pictures.samples) if sample.targets[0] == "scratch")
    made = [dataset._transplanted(row, np.random.default_rng(seed)) for seed in range(8)]
    assert any(one is not None for one in made)
    for one in made:
        if one is not None:
            assert ((one.mask[:6] == IGNORED) | (one.mask[:6] == 1)).all()
            assert not (one.mask[6:] == IGNORED).any()


def _relabelled(pictures: Pictures, row: int, ignored: np.ndarray) -> None:
    """Ignore some pixels of a picture, bool [H, W]."""
    picture = pictures[row]
    mask = np.where(ignored, IGNORED, picture.mask).astype(np.uint8)
    defects = picture.defects if (mask == 1).any() else ()
    pictures._kept[pictures.samples[row].digest] = replace(picture, mask=mask, defects=defects)


def test_a_defect_that_is_labelled_nowhere_is_not_taught_as_background(labelled: Index, make_data: MakeData) -> None:
    dataset = _crops(_pictures(labelled, make_data), labelled, transplant=1.0)
    row = next(row for row, sample in enumerate(dataset.pictures.samples) if sample.targets[0] == "scratch")
    _relabelled(dataset.pictures, row, np.ones((72, 80), np.bool_))
    for seed in range(32):
        _, mask = dataset[row, seed]
        assert (mask == IGNORED).any(), seed


def test_what_a_good_part_ignores_is_not_pasted_as_background(labelled: Index, make_data: MakeData) -> None:
    """The ignored region is a strip where one other part has its defect."""
    dataset = _crops(_pictures(labelled, make_data), labelled, transplant=1.0)
    pictures = dataset.pictures
    bottom = max(
        int(np.flatnonzero((pictures[row].mask == 1).any(axis=1)).max(initial=0)) for row in range(len(pictures))
    )
    ignored = np.zeros((72, 80), np.bool_)
    ignored[bottom - 4 : bottom] = True
    donor = pictures[0]
    assert not donor.defects
    # Stripes that blending cannot hide, for it keeps differences of neighbours.
    striped = np.where(np.arange(80)[None, :, None] // 2 % 2, 255, 0)
    image = np.where(ignored[:, :, None], striped, donor.image).astype(np.uint8)
    pictures._kept[pictures.samples[0].digest] = replace(donor, image=image)
    _relabelled(pictures, 0, ignored)
    made = [dataset._transplanted(0, np.random.default_rng(seed)) for seed in range(64)]
    assert any(one is not None for one in made), "where nothing ignored is near, good is still pasted onto good"
    for one in made:
        if one is not None:
            assert np.abs(np.diff(one.image.astype(int), axis=1)).max() < 60
