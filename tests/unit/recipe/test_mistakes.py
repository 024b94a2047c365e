"""Each mistake in a recipe is one sentence that names the key and what to write instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vision_ft.errors import RecipeError
from vision_ft.recipe import load_recipe


def _complaint(text: str, folder: Path, overrides: dict[str, Any] | None = None) -> str:
    path = folder / "r.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as raised:
        load_recipe(path, overrides)
    assert raised.value.exit_code == 2
    complaint = str(raised.value)
    assert "\n" not in complaint
    return complaint


@pytest.mark.parametrize(
    ("text", "unknown", "nearest"),
    [
        ("trainer: {max_epoch: 3}", "trainer.max_epoch", "trainer.max_epochs"),
        ("traner: {max_epochs: 3}", "traner", "trainer"),
        ("max_epochs: 3", "max_epochs", "trainer.max_epochs"),
        ("task: {name: classify, smoothing: 0.1}", "task.smoothing", "task.label_smoothing"),
        ("input: {region: {botom: 0.5}}", "input.region.botom", "input.region.bottom"),
        ("augment: {flip_horisontal: 1}", "augment.flip_horisontal", "augment.flip_horizontal"),
    ],
)
def test_an_unknown_key_names_the_nearest(tmp_path: Path, text: str, unknown: str, nearest: str) -> None:
    complaint = _complaint(text, tmp_path)
    assert f"unknown key {unknown}. " in complaint
    assert complaint.endswith(f"Did you mean {nearest}?")


def test_a_key_like_no_other_leads_to_the_list_of_keys(tmp_path: Path) -> None:
    assert _complaint("qqqqqq: 1", tmp_path).endswith("unknown key qqqqqq. See --print-config for all keys.")


@pytest.mark.parametrize("key", ["class_path", "model.class_path", "trainer.init_args", "augment.__class__"])
def test_a_recipe_cannot_name_code(key: str) -> None:
    with pytest.raises(RecipeError, match="unknown key"):
        load_recipe(None, {key: "os.system"})


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.getcwd []", "!!python/name:os.system", "!include x"])
def test_a_recipe_cannot_make_objects(tmp_path: Path, tag: str) -> None:
    assert "could not determine a constructor" in _complaint(f"seed: {tag}\n", tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("trainer: {max_epochs: three}", 'trainer.max_epochs: expected a whole number, got "three".'),
        ("trainer: {max_epochs: 2.5}", "trainer.max_epochs: expected a whole number, got 2.5."),
        ("trainer: {max_epochs: 0}", "trainer.max_epochs: expected a value greater than or equal to 1, got 0."),
        ("trainer: {max_epochs: yes}", "trainer.max_epochs: yes and no"),
        ("trainer: {head_lr: fast}", 'trainer.head_lr: expected a number, got "fast".'),
        ("trainer: {head_lr: .inf}", "trainer.head_lr: expected a finite number"),
        ("model: {pretrained: perhaps}", 'model.pretrained: expected true or false, got "perhaps".'),
        ("model: {backbone: [a, b]}", 'model.backbone: expected text, got ["a", "b"].'),
        ("objective: {good: good}", 'objective.good: expected a list, got "good".'),
        ("split: {test: most}", "split.test: expected a number or 'auto', got \"most\"."),
        ("split: {test: 0.95}", "split.test: a share between 0 and 0.9, or auto: got 0.95."),
        ("split: {folds: 1}", "split.folds: 0 for a validation split, or 2 to 20 folds, or auto: got 1."),
        ("task: segment", "task.name: expected 'classify', got \"segment\"."),
        (
            "task: {statistics: [max, median]}",
            "task.statistics: expected 'mean', 'max' or 'deviation', got \"median\".",
        ),
        ("augment: heavy", "augment.preset: expected 'surface', 'sign', 'light' or 'none', got \"heavy\"."),
        ("augment: {scale: [0.9]}", "augment.scale: expected more values, got [0.9]."),
        ("augment: {scale: [0.9, 1.0, 1.1]}", "augment.scale: expected fewer values"),
        ("augment: {scale: [1.2, 0.8]}", "augment: scale is a smallest and a largest magnification"),
        ("input: {window: [4095, 0]}", "input.window: the intensity of black, and the higher one of white: got"),
        ("input: {region: {left: 0.9, right: 0.1}}", "input.region: left must be below right"),
        ("trainer: {warmup: 0.5, head_warmup: 0.5}", "trainer: warmup and head_warmup leave no steps"),
        ("trainer: 5", "trainer: expected keys and values, got 5."),
        ("schema_version: 2", "schema_version: expected 1, got 2."),
        ("1: 2", "expected a key that is text"),
    ],
)
def test_a_wrong_value_says_what_is_expected(tmp_path: Path, text: str, says: str) -> None:
    assert says in _complaint(text, tmp_path)


def test_several_mistakes_are_counted(tmp_path: Path) -> None:
    complaint = _complaint("seed: x\ntrainer: {max_epochs: x, max_epoch: 3}\n", tmp_path)
    assert "unknown key trainer.max_epoch (and 2 more)" in complaint


def test_a_value_that_is_no_section_is_not_hidden_by_an_override(tmp_path: Path) -> None:
    assert "trainer: expected keys and values" in _complaint("trainer: 5\n", tmp_path, {"trainer.max_epochs": 3})


def test_a_long_value_is_cut(tmp_path: Path) -> None:
    assert len(_complaint(f"seed: {'x' * 5000}\n", tmp_path)) < 400


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("trainer: {max_epochs: 5\n", "line 2: expected YAML"),
        ("a: b: c\n", "line 1: expected YAML"),
        ("\t- x", "line 1: expected YAML"),
        ("seed: 1\nseed: 2\n", "line 2: expected YAML, got the key seed twice."),
        ("trainer: {max_epochs: 3}\ntrainer: {batch_size: 2}\n", "line 2: expected YAML, got the key trainer twice."),
        ("- 1\n- 2\n", "expected keys and values, got list."),
        ("just words\n", "expected keys and values, got str."),
    ],
)
def test_what_is_no_recipe_at_all_is_said_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    assert says in _complaint(text, tmp_path)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(b"seed: \xff\xfe\n")
    with pytest.raises(RecipeError, match="expected text in UTF-8"):
        load_recipe(path)


def test_a_folder_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="expected a YAML file"):
        load_recipe(tmp_path)
