"""Each mistake in a recipe is one sentence that names the key and what to write instead."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vision_ft.errors import RecipeError
from vision_ft.recipe import load_recipe
from vision_ft.recipe.yaml_text import read_yaml


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
        ("task: {name: detect, score_flor: 0.1}", "task.score_flor", "task.score_floor"),
        ("tile: {size: 512, overlp: 0.1}", "tile.overlp", "tile.overlap"),
    ],
)
def test_an_unknown_key_names_the_nearest(tmp_path: Path, text: str, unknown: str, nearest: str) -> None:
    complaint = _complaint(text, tmp_path)
    assert f"unknown key {unknown}. " in complaint
    assert complaint.endswith(f"Did you mean {nearest}?")


def test_an_option_of_another_task_is_said_to_be_one(tmp_path: Path) -> None:
    complaint = _complaint("task: {name: detect, taps: 3}", tmp_path)
    assert complaint.endswith(
        "unknown key task.taps. It is of another task than detect: see --print-config for the keys of this one."
    )


def test_no_option_of_another_task_is_suggested(tmp_path: Path) -> None:
    assert "task.taps" in _complaint("task: {name: classify, tap: 3}", tmp_path)
    assert "task.taps" not in _complaint("task: {name: detect, tap: 3}", tmp_path)


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
        ("task: segmnt", "task.name: expected 'classify', 'detect', 'segment' or 'anomaly', got \"segmnt\"."),
        ("task: {name: null}", "task.name: expected 'classify', 'detect', 'segment' or 'anomaly', got null."),
        ("task: 5", "task: expected keys and values, got 5."),
        ("task: {name: detect, score_floor: low}", 'task.score_floor: expected a number, got "low".'),
        ("tile: {overlap: 0.3}", 'tile.size: expected more values, got {"overlap": 0.3}.'),
        ("tile: {size: 8}", "tile.size: expected a value greater than or equal to 32, got 8."),
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
        (
            "trainer: {batch_size: {2024-01-01: 3}}",
            'trainer.batch_size: expected a whole number, got {"2024-01-01": 3}',
        ),
        ("trainer: {batch_size: {!!timestamp 2024-01-01: 3}}", "expected a whole number, got a value of type dict."),
        (f"seed: 0x{'f' * 5000}", "seed: expected a value less than 2147483648, got a value of type int."),
    ],
)
def test_a_wrong_value_says_what_is_expected(tmp_path: Path, text: str, says: str) -> None:
    assert says in _complaint(text, tmp_path)


def test_several_mistakes_are_counted(tmp_path: Path) -> None:
    complaint = _complaint("seed: x\ntrainer: {max_epochs: x, max_epoch: 3}\n", tmp_path)
    assert "unknown key trainer.max_epoch (and 2 more)" in complaint


def test_a_value_that_is_no_section_is_not_hidden_by_an_override(tmp_path: Path) -> None:
    assert "trainer: expected keys and values" in _complaint("trainer: 5\n", tmp_path, {"trainer.max_epochs": 3})


@pytest.mark.parametrize(
    ("text", "overrides", "says"),
    [
        ("seed: 3", {"seed.x": 5}, 'seed: expected a whole number, got {"x": 5}.'),
        ("seed: 3", {"seed": {"x": 5}}, 'seed: expected a whole number, got {"x": 5}.'),
        ("objective: {good: [a]}", {"objective.good.x": 5}, 'objective.good: expected a list, got {"x": 5}.'),
        ("augment: sign", {"augment.preset.x": 5}, "augment.preset: expected 'surface', 'sign', 'light' or 'none'"),
        ("augment: sign", {"augment": 5}, "augment: expected keys and values, got 5."),
        ("augment: {scale: [0.9, 1.1]}", {"augment": ["preset"]}, "augment: expected keys and values"),
        ("input: {region: 5}", {"input.region.top": 0.1}, "input.region: expected keys and values, got 5."),
    ],
)
def test_an_override_that_does_not_fit_is_not_lost(
    tmp_path: Path, text: str, overrides: dict[str, Any], says: str
) -> None:
    assert says in _complaint(text, tmp_path, overrides)


def test_circles_of_python_are_told_too() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(RecipeError, match=r"objective\.good: expected text, got a value of type list"):
        load_recipe(None, {"objective.good": circle})


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
        ("objective: {good: &d [*d]}", "line 1: expected YAML, got an anchor inside itself."),
        ("seed: 1\ninput: &a {<<: *a}", "line 2: expected YAML, got an anchor inside itself."),
        (f"seed: {'[' * 3000}{']' * 3000}", "expected YAML, got more brackets within brackets than can be read."),
        ("seed: !!int abc", "line 1: expected YAML, got a value that is no int."),
        ("seed: !!timestamp 2024-31-12", "line 1: expected YAML, got a value that is no timestamp."),
        ("seed: !!bool maybe", "line 1: expected YAML, got a value that is no bool."),
        ("seed: !!map [1]", "line 1: expected YAML, got expected a mapping node"),
        (f"seed: {'1' * 5000}", "line 1: expected YAML, got a value that is no int."),
        ("seed: \0", "expected YAML, got unacceptable character #x0000"),
    ],
)
def test_what_is_no_recipe_at_all_is_said_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    assert says in _complaint(text, tmp_path)


PIECES = [
    "a",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "\n",
    "  ",
    "&a ",
    "*a",
    "<<: ",
    "? ",
    "'",
    "0b_",
    "2024-13-01",
    "\0",
]
TAGS = [
    "!!int ",
    "!!float ",
    "!!timestamp ",
    "!!binary ",
    "!!set ",
    "!!omap ",
    "!!pairs ",
    "!!bool ",
    "!!map ",
    "!!seq ",
]


@given(st.lists(st.sampled_from(PIECES + TAGS), max_size=12).map("".join) | st.text(max_size=30))
def test_any_text_is_values_or_one_kind_of_error(text: str) -> None:
    with contextlib.suppress(yaml.YAMLError):
        read_yaml(text)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(b"seed: \xff\xfe\n")
    with pytest.raises(RecipeError, match="expected text in UTF-8"):
        load_recipe(path)


def test_a_folder_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="expected a YAML file"):
        load_recipe(tmp_path)
