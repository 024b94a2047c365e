"""YAML, dotted overrides and plain Python are one tree, and a written recipe is read back as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vision_ft.bundle.tasks.classify import ClassifyOptions
from vision_ft.bundle.tasks.detect import DetectOptions
from vision_ft.errors import RecipeError
from vision_ft.recipe import Recipe, dump_recipe, load_recipe
from vision_ft.recipe.load import find_recipe, valid_keys

TASKS = [kind.model_fields["name"].default for kind in get_args(Recipe.model_fields["task"].annotation)]


def _write(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_file_overrides_and_python_give_the_same_tree(tmp_path: Path) -> None:
    file = _write(tmp_path, "seed: 4\ntrainer:\n  max_epochs: 5\n  batch_size: 8\ninput: {region: {top: 0.25}}\n")
    dotted = {"seed": 4, "trainer.max_epochs": 5, "trainer.batch_size": 8, "input.region.top": 0.25}
    nested = {"seed": 4, "trainer": {"max_epochs": 5, "batch_size": 8}, "input": {"region": {"top": 0.25}}}

    assert load_recipe(file) == load_recipe(None, dotted) == load_recipe(None, nested)
    assert load_recipe(file) == Recipe.model_validate(nested)


def test_overrides_win_over_the_file_and_leave_its_other_keys(tmp_path: Path) -> None:
    file = _write(tmp_path, "trainer: {max_epochs: 5, batch_size: 8}\ndata: {card: sample}\n")
    recipe = load_recipe(file, {"trainer": {"max_epochs": 9}, "data.card": None})
    assert (recipe.trainer.max_epochs, recipe.trainer.batch_size, recipe.data.card) == (9, 8, None)


def test_a_bare_task_is_the_task_with_its_defaults(tmp_path: Path) -> None:
    assert load_recipe(_write(tmp_path, "task: classify\n")) == Recipe()


@pytest.mark.parametrize("override", [{"task.taps": 2}, {"task": {"taps": 2}}])
def test_options_can_be_laid_over_a_bare_task(tmp_path: Path, override: dict[str, Any]) -> None:
    recipe = load_recipe(_write(tmp_path, "task: classify\n"), override)
    assert recipe.options(ClassifyOptions).taps == 2


def test_a_bare_task_laid_over_a_section_keeps_its_options(tmp_path: Path) -> None:
    recipe = load_recipe(_write(tmp_path, "task: {taps: 2}\n"), {"task": "classify"})
    assert recipe.options(ClassifyOptions).taps == 2


@pytest.mark.parametrize("task", TASKS)
def test_each_task_has_options_of_its_own(tmp_path: Path, task: str) -> None:
    recipe = load_recipe(_write(tmp_path, f"task: {task}\n"))
    assert recipe == load_recipe(None, {"task": task}) == load_recipe(None, {"task.name": task})
    assert recipe.task.name == task
    dump_recipe(recipe, tmp_path / "resolved.yaml")
    assert load_recipe(tmp_path / "resolved.yaml") == recipe


def test_options_of_another_task_are_not_handed_out() -> None:
    with pytest.raises(TypeError, match="the recipe's task is detect, not one with ClassifyOptions"):
        load_recipe(None, {"task": "detect"}).options(ClassifyOptions)
    assert load_recipe(None, {"task": "detect"}).options(DetectOptions) == DetectOptions()


def test_an_image_is_looked_at_as_a_whole_unless_tiles_are_asked_for() -> None:
    assert Recipe().tile is None
    tile = load_recipe(None, {"tile.size": 512}).tile
    assert tile is not None
    assert (tile.size, tile.overlap) == (512, 0.2)


@pytest.mark.parametrize("name", ["2024-05-01", "2024-31-12", "2024-05-01 12:00:00"])
def test_what_looks_like_a_date_is_a_name(tmp_path: Path, name: str) -> None:
    recipe = load_recipe(_write(tmp_path, f"data: {{root: {name}}}\n"))
    assert recipe.data.root == Path(name)
    dump_recipe(recipe, tmp_path / "again.yaml")
    assert load_recipe(tmp_path / "again.yaml") == recipe


def test_an_anchor_may_be_used_again(tmp_path: Path) -> None:
    file = _write(tmp_path, "input: {height: &side 96, width: *side}\naugment: {scale: &s [0.9, 1.1]}\n")
    assert (load_recipe(file).input.height, load_recipe(file).input.width) == (96, 96)


@pytest.mark.parametrize("text", ["", "# nothing\n", "trainer:\n", "task:\ndata:\n  # root: here\naugment:\n"])
def test_what_is_left_empty_has_its_defaults(tmp_path: Path, text: str) -> None:
    assert load_recipe(_write(tmp_path, text)) == Recipe()


@given(
    seed=st.integers(0, 2**31 - 1),
    smoothing=st.floats(0, 0.99),
    scale=st.floats(0.2, 5.0),
    seconds=st.one_of(st.none(), st.floats(1e-3, 1e9)),
    good=st.lists(st.text(min_size=1), max_size=3),
    root=st.sampled_from([None, "images", "C:/Bilder/Prüfteile", "with space"]),
    folds=st.sampled_from(["auto", 0, 2, 20]),
)
def test_a_written_recipe_is_read_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    smoothing: float,
    scale: float,
    seconds: float | None,
    good: list[str],
    root: str | None,
    folds: int | str,
) -> None:
    recipe = load_recipe(
        None,
        {
            "seed": seed,
            "task.label_smoothing": smoothing,
            "augment.scale": sorted((1.0, scale)),
            "trainer.max_time": seconds,
            "objective.good": good,
            "data.root": root,
            "split.folds": folds,
        },
    )
    file = tmp_path_factory.getbasetemp() / "resolved.yaml"
    dump_recipe(recipe, file)
    assert load_recipe(file) == recipe


@pytest.mark.parametrize("name", ["next\x85line", "a: b", "# no comment", "no", "0x", "1:30", "", "ü", "\r\n", "null"])
def test_names_that_yaml_would_bend_are_kept(tmp_path: Path, name: str) -> None:
    recipe = load_recipe(None, {"objective.good": [name], "export.name": name})
    dump_recipe(recipe, tmp_path / "r.yaml")
    assert load_recipe(tmp_path / "r.yaml") == recipe


def test_the_resolved_recipe_has_every_key() -> None:
    def keys(tree: dict[str, Any], prefix: str = "") -> set[str]:
        below = (keys(v, f"{prefix}{k}.") for k, v in tree.items() if isinstance(v, dict))
        return {f"{prefix}{k}" for k in tree}.union(*below)

    recipes = [load_recipe(None, {"task": task, "tile.size": 512}) for task in TASKS]
    assert set[str]().union(*(keys(recipe.plain()) for recipe in recipes)) == set(valid_keys())
    assert len(valid_keys()) == len(set(valid_keys()))


def test_a_recipe_does_not_change() -> None:
    with pytest.raises(ValidationError):
        Recipe().seed = 3  # type: ignore[misc]


@pytest.mark.parametrize("name", ["classify_defects", "classify_defects.yaml", "configs/classify_defects.yaml"])
def test_shipped_recipes_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_recipe(name).name == "classify_defects.yaml"


def test_a_file_of_that_name_wins_over_the_shipped_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "classify_defects.yaml").write_text("seed: 77\n", encoding="utf-8")
    assert load_recipe("classify_defects.yaml").seed == 77


def test_a_missing_file_of_somebody_is_not_replaced_by_a_shipped_one(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no such file"):
        find_recipe(tmp_path / "mine" / "classify_defects.yaml")


def test_a_misspelt_shipped_recipe_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"Did you mean classify_defects\?"):
        find_recipe("clasify_defect")


def test_an_unlike_name_lists_the_shipped_recipes_but_not_the_services_settings() -> None:
    with pytest.raises(RecipeError, match="Shipped recipes: classify_defects, classify_signs") as raised:
        find_recipe("zzz")
    assert "serve" not in str(raised.value)
