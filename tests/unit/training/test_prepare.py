"""From a recipe to images with a split."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.tiny_parts import write_tiny_parts
from vision_ft.errors import DataError, SplitError, UsageError, VisionFTError
from vision_ft.recipe import Recipe, load_recipe
from vision_ft.tasks.registry import task_judge
from vision_ft.training.prepare import prepare, read_images
from vision_ft.training.run_folder import open_run

from .conftest import MakeRecipe, Prepare


def test_few_parts_are_judged_by_folds_and_many_by_splits(
    make_recipe: MakeRecipe, prepared: Prepare, tmp_path: Path
) -> None:
    few, _ = prepared(make_recipe(split__folds="auto", split__test="auto"))
    assert few.folds is not None
    assert set(few.folds.tolist()) == {0, 1, 2}
    assert (len(few.train), few.val, few.test) == (28, (), ())
    assert "Too few groups" in (tmp_path / "prepared" / "log.txt").read_text()


def test_many_parts_are_split(make_recipe: MakeRecipe, prepared: Prepare, tmp_path: Path) -> None:
    table = write_tiny_parts(tmp_path / "many", {"good": 24, "scratch": 22}, shots=1, size=(44, 48))
    many, data = prepared(make_recipe(data__csv=str(table), split__folds="auto", split__test="auto", split__val=0.2))
    assert many.folds is None
    sides = [{s.group for s in side} for side in (many.train, many.val, many.test)]
    assert all(sides)
    assert not sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2]
    assert all({s.targets[0] for s in side} == {"good", "scratch"} for side in (many.train, many.val, many.test))
    assert data.val == many.val


def test_the_seed_decides_the_split(make_recipe: MakeRecipe, prepared: Prepare, tmp_path: Path) -> None:
    def split(**changes: Any) -> list[str | None]:
        shutil.rmtree(tmp_path / "prepared", ignore_errors=True)
        found: list[str | None] = prepared(make_recipe(**changes))[0].index.column("split")
        return found

    assert split(seed=1) == split(seed=1)
    assert any(split(seed=seed) != split(seed=1) for seed in (2, 3, 4))


def test_a_saved_split_is_obeyed(make_recipe: MakeRecipe, prepared: Prepare, tmp_path: Path) -> None:
    first, _ = prepared(make_recipe(seed=5))
    (tmp_path / "prepared").rename(tmp_path / "before")
    second, _ = prepared(make_recipe(seed=6, split__file=str(tmp_path / "before" / "split.json")))
    assert first.index.column("split") == second.index.column("split")


def test_a_split_that_the_data_have_can_be_ignored(make_recipe: MakeRecipe, prepared: Prepare, tmp_path: Path) -> None:
    table = write_tiny_parts(tmp_path / "given", {"good": 8, "scratch": 8}, shots=1, size=(44, 48))
    header, *rows = table.read_text(encoding="utf-8").splitlines()
    lines = [f"{header},split", *(f"{row},{'test' if at % 2 else 'train'}" for at, row in enumerate(rows))]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def tested(**changes: Any) -> int:
        shutil.rmtree(tmp_path / "prepared", ignore_errors=True)
        return len(prepared(make_recipe(data__csv=str(table), split__test=0.0, **changes))[0].test)

    assert tested() == 8
    assert tested(split__given="ignore") == 0


def test_where_bad_parts_are_only_judged_good_ones_are_held_back_too(prepared: Prepare, tmp_path: Path) -> None:
    table = write_tiny_parts(tmp_path / "parts", {"good": 12, "scratch": 3}, shots=1, size=(44, 48))
    given = {"task": "anomaly", "data.csv": str(table), "objective.good": ["good"]}
    found, _ = prepared(load_recipe(None, {**given, "input.height": 64, "input.width": 64}))
    assert Counter(s.targets[0] for s in found.test)["anomaly"] == 3
    assert len({s.part for s in found.test if s.targets[0] == "good"}) >= 1
    assert {s.targets[0] for s in found.train} == {"good"}


@pytest.mark.parametrize(
    ("asked", "preset", "told"),
    [
        ("sign", "surface", "take --augment.preset sign"),
        ("sign", "sign", None),
        ("surface", "surface", None),
    ],
)
def test_it_says_where_images_are_mirrored_that_their_card_says_must_not_be(
    make_recipe: MakeRecipe, prepared: Prepare, tmp_path: Path, table: Path, asked: str, preset: str, told: str | None
) -> None:
    card = tmp_path / "mine.yaml"
    card.write_text(
        f"{{schema: 1, name: mine, title: Mine, task: classify, layout: files, images: 'images/*/*.png', licence: l, "
        f"source: s, augment: {asked}, target: {{rule: folder, depth: 1}}, "
        "classes: [{id: good, name: Good, good: true}, {id: scratch, name: Scratch}], "
        "part: {rule: regex, pattern: '([a-z]+_[0-9]+)_s'}}"
    )
    prepared(make_recipe(data__csv=None, data__root=str(table.parent), data__card=str(card), augment__preset=preset))
    log = tmp_path / "prepared" / "log.txt"
    said = log.read_text() if log.exists() else ""
    assert (told in said and "augment.flip_horizontal" in said) if told else ("mirrored" not in said)


def test_it_says_why_nothing_is_held_back_where_there_are_no_folds(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    def said(judged_as: str, test: float | str) -> str:
        folder = tmp_path / f"{judged_as} {test}"
        recipe = make_recipe(split__folds="auto", split__test=test)
        prepare(recipe, open_run(folder, resume=False), read_images(recipe), task_judge(judged_as))
        log = folder / "log.txt"
        return log.read_text() if log.exists() else ""

    few = said("segment", "auto")
    assert "Too few groups for a test of their own (under 20): scratch 6, good 8. Nothing is held back" in few
    assert "folds" not in few
    assert "held back" not in said("segment", 0.25)
    assert "held back" not in said("classify", "auto")


def test_images_a_class_can_be_limited(make_recipe: MakeRecipe) -> None:
    index = read_images(make_recipe(data__limit_per_class=5))
    assert Counter(t[0] for t in index.column("targets")) == {"good": 5, "scratch": 5}
    again = read_images(make_recipe(data__limit_per_class=5))
    assert index.column("path") == again.column("path")


def _one_class(recipe: MakeRecipe, tmp_path: Path) -> Recipe:
    return recipe(data__csv=str(write_tiny_parts(tmp_path / "one", {"good": 4})), split__folds=2, split__test=0.0)


def _one_part_each(recipe: MakeRecipe, tmp_path: Path) -> Recipe:
    return recipe(data__csv=str(write_tiny_parts(tmp_path / "two", {"good": 1, "scratch": 1})), split__test=0.0)


def _no_images(recipe: MakeRecipe, tmp_path: Path) -> Recipe:
    return recipe(data__csv=None)


def _unknown_good(recipe: MakeRecipe, tmp_path: Path) -> Recipe:
    return recipe(objective__good=["goood"])


@pytest.mark.parametrize(
    ("made", "kind", "says"),
    [
        (_one_class, DataError, "expected at least two classes, got good"),
        (_one_part_each, DataError, "No image is left for validation"),
        (_no_images, UsageError, "The recipe names no images. Give their folder with --data.root DIR."),
        (_unknown_good, UsageError, "goood"),
    ],
)
def test_what_cannot_be_trained_on_is_told_in_one_sentence(
    made: Any, kind: type[VisionFTError], says: str, make_recipe: MakeRecipe, prepared: Prepare, tmp_path: Path
) -> None:
    with pytest.raises(kind) as told:
        prepared(made(make_recipe, tmp_path))
    assert says in str(told.value)
    assert "\n" not in str(told.value)


def test_one_group_cannot_be_folded(make_recipe: MakeRecipe, prepared: Prepare, tmp_path: Path) -> None:
    table = write_tiny_parts(tmp_path / "one", {"good": 1, "scratch": 1})
    table.write_text(table.read_text().replace("scratch_00,scratch_00", "s,one").replace("good_00,good_00", "g,one"))
    with pytest.raises(SplitError, match="folds cannot be made of 1 groups"):
        prepared(make_recipe(data__csv=str(table), split__folds=2, split__test=0.0))
