"""From a recipe to labelled images with a split: what every fit starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.manifest import InputSpec, TileSpec
from vision_ft.data import cards
from vision_ft.data.background import judged
from vision_ft.data.duplicates import Embed
from vision_ft.data.folds import FEW, FOLDS, group_folds, suggest
from vision_ft.data.index import Index, Sample
from vision_ft.data.load import load_index
from vision_ft.data.split import SavedSplit, assign, check
from vision_ft.errors import DataError, RecipeError, UsageError
from vision_ft.evaluation.judging import TaskJudge
from vision_ft.recipe.model import Recipe
from vision_ft.training.run_folder import RunFolder

_TEST_SHARE = 0.15
_LEAST_WITH_TEST = 3


@dataclass(frozen=True)
class Prepared:
    """The images of a run and who is judged by whom."""

    index: Index
    """Without quarantined images; `split` says train, val or test."""
    folds: NDArray[np.int64] | None
    """Fold of each training image, in the order of `train`; None where one validation split is used."""
    spec: InputSpec

    @property
    def train(self) -> tuple[Sample, ...]:
        """Images that the final model learns from."""
        return tuple(self.index.in_split("train").samples())

    @property
    def val(self) -> tuple[Sample, ...]:
        """Images for thresholds and temperature; empty where folds are used."""
        return tuple(judged(self.index.in_split("val")).samples())

    @property
    def test(self) -> tuple[Sample, ...]:
        """Images held back for the report; may be empty."""
        return tuple(judged(self.index.in_split("test")).samples())


def input_spec(recipe: Recipe) -> InputSpec:
    """The manifest's input from the recipe's."""
    section = recipe.input
    return InputSpec(
        height=section.height,
        width=section.width,
        placement=section.placement,
        region=section.region,
        window=section.window,
        tile=None if recipe.tile is None else TileSpec(size=recipe.tile.size, overlap=recipe.tile.overlap),
    )


def image_source(recipe: Recipe) -> Path:
    """The folder that a recipe's images lie below.

    Raises `UsageError` where it names none or there is no such folder, and `DataError` for a card that is not
    to be had: what can be said before anything is read or written.
    """
    data = recipe.data
    if data.root is None and data.csv is None:
        raise UsageError("The recipe names no images", remedy="Give their folder with --data.root DIR.")
    root = data.root if data.root is not None else data.csv.parent  # type: ignore[union-attr]
    if not root.is_dir():
        raise UsageError(f"data.root {root}", expected="a folder of images", got="no such folder")
    if data.csv is not None and not data.csv.is_file():
        raise UsageError(f"data.csv {data.csv}", expected="a table of images", got="no such file")
    if data.card is not None:
        cards.find(data.card)
    return root


def read_images(recipe: Recipe, *, embed: Embed | None = None) -> Index:
    """The labelled images that a recipe names; raises `UsageError` where it names none.

    Where nothing says which images show one part, `embed` makes the search for near-duplicates sharper.
    """
    root, data = image_source(recipe), recipe.data
    return load_index(
        root=root,
        card=data.card,
        csv=data.csv,
        good=recipe.objective.good or None,
        on_error=data.on_error,
        limit_per_class=data.limit_per_class,
        seed=recipe.seed,
        one_class=data.one_class,
        embed=embed,
    )


def prepare(recipe: Recipe, run: RunFolder, index: Index, judge: TaskJudge) -> Prepared:
    """Split the images as the recipe says, save split and index in the run, and check them.

    Raises `DataError` where the task can learn nothing from the training images, and
    `RecipeError` for folds where the task has none.
    """
    index = judge.labels(index)
    learned = _learned_from(index)
    advice = suggest(learned)
    split = recipe.split
    few = bool(advice.folds)
    if not judge.out_of_fold and split.folds not in ("auto", 0):
        raise RecipeError(
            "split.folds",
            expected="0, or auto, for this task",
            got=str(split.folds),
            remedy="It uses a validation split.",
        )
    # Images that are only judged are in the test split anyway: without others the report would have nothing to reject
    # in vain. But two groups must be left to learn from, beside one to set thresholds on.
    held_back = not few or (bool(index.train_on) and len(set(learned.column("group"))) > _LEAST_WITH_TEST)
    test = split.test if split.test != "auto" else (_TEST_SHARE if held_back else 0.0)
    folds = split.folds if split.folds != "auto" else (FOLDS if few and judge.out_of_fold else 0)
    val = 0.0 if folds else split.val
    if judge.out_of_fold and (split.test == "auto" or split.folds == "auto"):
        run.say(advice.reason)
    saved = SavedSplit.read(split.file) if split.file is not None else None
    index = assign(index, test=float(test), val=val, seed=recipe.seed, saved=saved, given=split.given)
    check(index)
    if split.test == "auto" and few and not judge.out_of_fold and not len(index.in_split("test")):
        run.say(_nothing_held_back(advice.few))
    SavedSplit.of(index, test=float(test), val=val, seed=recipe.seed, before=saved).write(run.split)
    index.write(run.index)
    for note in (*index.notes, *_mirrored_in_spite(recipe)):
        run.say(note)
    for rejected in index.rejected:
        run.say(f"left out: {rejected.path}: {rejected.reason}")
    return reopen(recipe, index, int(folds), judge)


def _learned_from(index: Index) -> Index:
    """The images that may be trained on."""
    if not index.train_on:
        return index
    allowed = set(index.train_on)
    return index.select([set(targets) <= allowed for targets in index.column("targets")])


def _nothing_held_back(few: Mapping[str, int]) -> str:
    """Why a task without folds has no test parts, from the classes of few groups and their numbers."""
    listed = ", ".join(f"{one} {number}" for one, number in sorted(few.items(), key=lambda item: (item[1], item[0])))
    return (
        f"Too few groups for a test of their own (under {FEW}): {listed}. Nothing is held back, and the figures are "
        "those of the validation parts, which flatter: hold some back with split.test, or judge the bundle on other "
        "images."
    )


def _mirrored_in_spite(recipe: Recipe) -> tuple[str, ...]:
    """A sentence where the recipe mirrors images that their card says must not be."""
    section = recipe.augment
    named = [f"augment.{key}" for key in ("flip_horizontal", "flip_vertical") if getattr(section, key) > 0]
    if recipe.data.card is None or not named or cards.find(recipe.data.card).augment != "sign":
        return ()
    return (
        f"The card {recipe.data.card} says that its images must never be mirrored, and the recipe does so "
        f"({', '.join(named)}): take --augment.preset sign, or another recipe.",
    )


def reopen(recipe: Recipe, index: Index, folds: int, judge: TaskJudge) -> Prepared:
    """The same from a saved index and a known number of folds."""
    usable = index.in_split("train", "val", "test")
    if folds and any(split == "val" for split in usable.column("split")):
        # Given validation images are training images for k-fold: every one is judged out of fold.
        usable = usable.with_split(["train" if s == "val" else s for s in usable.column("split")])
    train = usable.in_split("train")
    judge.check_training(train, usable)
    if not folds and not len(judged(usable.in_split("val"))):
        raise DataError(
            "No image is left for validation",
            expected="parts that thresholds and temperature can be set on",
            got=f"{len(set(usable.column('group')))} groups in all",
            remedy="Judge every part out of fold with split.folds 2 or more, or label more parts.",
        )
    groups = len(set(train.column("group")))
    numbers = group_folds(train, min(folds, groups), recipe.seed) if folds else None
    return Prepared(usable, numbers, input_spec(recipe))
