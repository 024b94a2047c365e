"""A picture of what training sees: labelled originals beside what is made of them."""

from __future__ import annotations

from pathlib import Path

from vision_ft.data.background import with_background
from vision_ft.data.sheet import band, in_turn, labelled, write_bands
from vision_ft.errors import UsageError
from vision_ft.recipe.model import Recipe
from vision_ft.tasks.contract import FitData
from vision_ft.tasks.registry import task_judge, torch_task
from vision_ft.tasks.sampling import derive_seed
from vision_ft.training.prepare import input_spec, read_images

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
    originals = in_turn(list(index.samples()), lambda one: derive_seed(recipe.seed, one.digest))
    by_digest = {sample.digest: sample for sample in learned.samples()}
    pool = tuple(by_digest[one.digest] for one in originals[: max(rows, _POOL)] if one.digest in by_digest)
    data = FitData(recipe, learned.classes, input_spec(recipe), pool, (), 0)
    bands = []
    for original in originals[:rows]:
        seeds = [derive_seed(recipe.seed, original.digest, column) for column in range(columns)]
        sample = by_digest.get(original.digest)
        made = [] if sample is None else task.preview(data, sample, seeds)
        caption = ", ".join(original.targets) + ("" if made else " (nothing is learned from it)")
        bands.append(band([labelled(original, index.classes), *made], columns + 1, [caption]))
    write_bands(bands, file)
