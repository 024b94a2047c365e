"""A picture of what training sees: originals beside augmented ones."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.decode import decode
from vision_ft.data.background import with_background
from vision_ft.data.drawing import draw_truth
from vision_ft.data.index import Sample
from vision_ft.errors import UsageError
from vision_ft.recipe.model import Recipe
from vision_ft.tasks.augmentation import augment, build_augmentation
from vision_ft.tasks.images import PlacedImages
from vision_ft.tasks.registry import task_judge
from vision_ft.tasks.sampling import derive_seed
from vision_ft.training.prepare import input_spec, read_images

_GAP, _CAPTION, _LONGEST, _LABELLED = 6, 22, 256, 320


def write_preview(recipe: Recipe, file: Path, *, rows: int, columns: int) -> None:
    """Write a PNG: on each row an image as it is placed, then `columns` augmented views of it.

    Of a task that says where something is, all of them are originals with their labels drawn.
    The images are of each class in turn. Raises `UsageError` where the picture cannot be
    written.
    """
    if rows < 1 or columns < 1:
        raise UsageError("The preview", expected="at least one row and one column", got=f"{rows} by {columns}")
    index = read_images(recipe)
    if task_judge(recipe.task.name).image_level:
        picture = _augmented(recipe, _in_turn(recipe, list(index.samples()))[:rows], columns)
    else:
        index = with_background(index)
        chosen = _in_turn(recipe, list(index.samples()))[: rows * (columns + 1)]
        picture = _labelled(chosen, index.classes, columns + 1)
    if not cv2.imwrite(str(file), picture[:, :, ::-1]):
        raise UsageError(f"{file} cannot be written", expected="a name that ends in .png, in a folder that exists")


def _in_turn(recipe: Recipe, samples: Sequence[Sample]) -> list[Sample]:
    """The samples, shuffled by the seed, one of each class (by first target) in turn."""
    by_class: dict[str, list[int]] = {}
    for number in sorted(range(len(samples)), key=lambda n: derive_seed(recipe.seed, samples[n].digest)):
        by_class.setdefault(samples[number].targets[0], []).append(number)
    order = [n for turn in zip_longest(*(by_class[c] for c in sorted(by_class))) for n in turn if n is not None]
    return [samples[number] for number in order]


def _augmented(recipe: Recipe, chosen: Sequence[Sample], columns: int) -> NDArray[np.uint8]:
    images = PlacedImages(chosen, input_spec(recipe), cache_mb=0)
    square = recipe.input.height == recipe.input.width
    pipeline = build_augmentation(recipe.augment, square=square)
    bands = []
    for row, sample in enumerate(chosen):
        original = images[row]
        views = [augment(pipeline, original, derive_seed(recipe.seed, row, c)) for c in range(columns)]
        bands.append(_band([original, *views], ", ".join(sample.targets)))
    return np.concatenate(bands)


def _labelled(chosen: Sequence[Sample], classes: Sequence[ClassInfo], columns: int) -> NDArray[np.uint8]:
    side = _LABELLED + _GAP
    rows = -(-len(chosen) // columns)
    picture = np.full((rows * (side + _CAPTION), min(columns, len(chosen)) * side + _GAP, 3), 255, np.uint8)
    for number, sample in enumerate(chosen):
        image = decode(sample.path.read_bytes())
        scale = _LABELLED / max(image.shape[:2])
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)
        if sample.objects is not None or sample.mask is not None:
            small = draw_truth(small, sample, classes)
        top, left = (number // columns) * (side + _CAPTION), (number % columns) * side + _GAP
        _caption(picture[top : top + _CAPTION, left : left + _LABELLED], ", ".join(sample.targets))
        picture[top + _CAPTION : top + _CAPTION + size[1], left : left + size[0]] = small
    return picture


def _caption(strip: NDArray[np.uint8], text: str) -> None:
    """Write into a strip of the picture, which cuts what is too long."""
    drawn = np.ascontiguousarray(strip)
    cv2.putText(drawn, text, (0, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (40, 40, 40), 1, cv2.LINE_AA)
    strip[:] = drawn


def _band(images: list[NDArray[np.uint8]], caption: str) -> NDArray[np.uint8]:
    height, width = images[0].shape[:2]
    scale = min(1.0, _LONGEST / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in images]
    band = np.full((size[1] + _CAPTION + _GAP, (size[0] + _GAP) * len(small) + _GAP, 3), 255, np.uint8)
    cv2.putText(band, caption, (_GAP, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (40, 40, 40), 1, cv2.LINE_AA)
    for number, image in enumerate(small):
        left = _GAP + number * (size[0] + _GAP)
        band[_CAPTION : _CAPTION + size[1], left : left + size[0]] = image
    return band
