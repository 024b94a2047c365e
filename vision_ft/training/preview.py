"""A picture of what training sees: labelled originals beside what is made of them."""

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
from vision_ft.tasks.contract import FitData
from vision_ft.tasks.registry import task_judge, torch_task
from vision_ft.tasks.sampling import derive_seed
from vision_ft.training.prepare import input_spec, read_images

_GAP, _CAPTION, _SIDE = 6, 22, 288
_POOL = 64
"""Images that others can be put together with."""


def write_preview(recipe: Recipe, file: Path, *, rows: int, columns: int) -> None:
    """Write a PNG: on each row a labelled original, then `columns` pictures that training makes of it.

    The images are of each class in turn. Of an image that nothing is learned from there is the
    original alone. Raises `UsageError` where the picture cannot be written.
    """
    if rows < 1 or columns < 1:
        raise UsageError("The preview", expected="at least one row and one column", got=f"{rows} by {columns}")
    task, judge = torch_task(recipe.task.name), task_judge(recipe.task.name)
    index = read_images(recipe)
    learned = judge.labels(index)
    if not judge.image_level:
        index = with_background(index)
    originals = _in_turn(recipe, list(index.samples()))
    by_digest = {sample.digest: sample for sample in learned.samples()}
    pool = tuple(by_digest[one.digest] for one in originals[: max(rows, _POOL)] if one.digest in by_digest)
    data = FitData(recipe, learned.classes, input_spec(recipe), pool, (), 0)
    bands = []
    for original in originals[:rows]:
        seeds = [derive_seed(recipe.seed, original.digest, column) for column in range(columns)]
        sample = by_digest.get(original.digest)
        made = [] if sample is None else task.preview(data, sample, seeds)
        caption = ", ".join(original.targets) + ("" if made else " (nothing is learned from it)")
        bands.append(_band([_labelled(original, index.classes), *made], columns + 1, caption))
    if not cv2.imwrite(str(file), np.concatenate(bands)[:, :, ::-1]):
        raise UsageError(f"{file} cannot be written", expected="a name that ends in .png, in a folder that exists")


def _in_turn(recipe: Recipe, samples: Sequence[Sample]) -> list[Sample]:
    """The samples, shuffled by the seed, one of each class (by first target) in turn."""
    by_class: dict[str, list[int]] = {}
    for number in sorted(range(len(samples)), key=lambda n: derive_seed(recipe.seed, samples[n].digest)):
        by_class.setdefault(samples[number].targets[0], []).append(number)
    order = [n for turn in zip_longest(*(by_class[c] for c in sorted(by_class))) for n in turn if n is not None]
    return [samples[number] for number in order]


def _labelled(sample: Sample, classes: Sequence[ClassInfo]) -> NDArray[np.uint8]:
    """The original at the size that it is shown at, with its labels drawn where it has any."""
    small = _fitting(decode(sample.path.read_bytes()))
    return small if sample.objects is None and sample.mask is None else draw_truth(small, sample, classes)


def _fitting(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = _SIDE / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)


def _band(images: list[NDArray[np.uint8]], columns: int, caption: str) -> NDArray[np.uint8]:
    small = [_fitting(image) for image in images]
    high = max(image.shape[0] for image in small)
    band = np.full((high + _CAPTION + _GAP, (_SIDE + _GAP) * columns + _GAP, 3), 255, np.uint8)
    cv2.putText(band, caption, (_GAP, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (40, 40, 40), 1, cv2.LINE_AA)
    for number, image in enumerate(small):
        left = _GAP + number * (_SIDE + _GAP)
        band[_CAPTION : _CAPTION + image.shape[0], left : left + image.shape[1]] = image
    return band
