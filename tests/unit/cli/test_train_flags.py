"""`vision-ft train`: every key of the recipe is a flag, and the resolved recipe can be seen before training."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.blocks import REPOSITORY
from tests.unit.cli.conftest import Run
from vision_ft.recipe import Recipe, load_recipe
from vision_ft.recipe.load import json_schema, valid_keys


def _resolved(run: Run, *arguments: str | Path) -> Recipe:
    answer = run("train", *arguments, "--print-config")
    assert answer.code == 0, answer.err
    return Recipe.model_validate(yaml.safe_load(answer.out))


def test_without_flags_it_is_the_default(run: Run) -> None:
    assert _resolved(run) == Recipe()


def test_flags_yaml_and_python_are_one_tree(run: Run, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(
        "seed: 3\ndata: {root: images, limit_per_class: 10}\nobjective: {good: [a, b], max_escape_rate: 0.01}\n"
        "input: {region: {top: 0.25}, window: [0, 4095]}\nmodel: {pretrained: false}\n"
        "trainer: {max_time: 15m, max_epochs: 5}\naugment: {preset: light, scale: [0.9, 1.1]}\n",
        encoding="utf-8",
    )
    flags = [
        *("--seed=3", "--data.root", "images", "--data.limit_per_class", "10"),
        *("--objective.good", "a", "--objective.good", "b", "--objective.max_escape_rate", "0.01"),
        *("--input.region.top", "0.25", "--input.window", "0,4095", "--model.pretrained", "false"),
        *("--trainer.max_time", "15m", "--trainer.max_epochs", "5"),
        *("--augment.preset", "light", "--augment.scale", "0.9,1.1"),
    ]
    python = {
        "seed": 3,
        "data": {"root": Path("images"), "limit_per_class": 10},
        "objective": {"good": ("a", "b"), "max_escape_rate": 0.01},
        "input.region.top": 0.25,
        "input.window": (0, 4095),
        "model.pretrained": False,
        "trainer.max_time": 900,
        "trainer.max_epochs": 5,
        "augment": {"preset": "light", "scale": (0.9, 1.1)},
    }
    assert _resolved(run, "r.yaml") == _resolved(run, *flags) == load_recipe(None, python)


def test_flags_win_over_the_file_in_any_order(run: Run, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("trainer: {max_epochs: 5, batch_size: 8}\n", encoding="utf-8")
    for arguments in (("r.yaml", "--trainer.max_epochs", "9"), ("--trainer.max_epochs", "9", "r.yaml")):
        trainer = _resolved(run, *arguments).trainer
        assert (trainer.max_epochs, trainer.batch_size) == (9, 8)


@pytest.mark.parametrize("nothing", ["null", "None"])
def test_a_flag_can_take_a_value_back(run: Run, tmp_path: Path, nothing: str) -> None:
    (tmp_path / "r.yaml").write_text("trainer: {max_time: 5m}\ndata: {card: sample}\n", encoding="utf-8")
    recipe = _resolved(run, "r.yaml", "--trainer.max_time", nothing, "--data.card", nothing)
    assert (recipe.trainer.max_time, recipe.data.card) == (None, None)


@pytest.mark.parametrize(
    ("flags", "overrides"),
    [
        (["--task", "classify"], {}),
        (["--task", "classify", "--task.taps", "2"], {"task.taps": 2}),
        (["--augment", "sign"], {"augment": "sign"}),
        (["--augment", "sign", "--augment.blur", "0"], {"augment": {"preset": "sign", "blur": 0}}),
        (["--trainer", '{"max_epochs": 2}'], {"trainer.max_epochs": 2}),
        (["--from-scratch"], {"model.pretrained": False}),
        (["--split.test", "auto", "--split.folds", "3"], {"split.folds": 3}),
        (["--data.masks", "no"], {"data.masks": False}),
        (["--objective.good", "a,b"], {"objective.good": ["a", "b"]}),
        (["--augment.scale", "[0.5, 2]"], {"augment.scale": [0.5, 2]}),
    ],
)
def test_ways_of_writing(run: Run, flags: list[str], overrides: dict[str, Any]) -> None:
    assert _resolved(run, *flags) == load_recipe(None, overrides)


def test_every_key_has_its_flag_in_the_help(run: Run) -> None:
    shown = run("train", "--help").out
    sections = {key.rsplit(".", 1)[0] for key in valid_keys() if "." in key}
    for key in set(valid_keys()) - sections:
        assert f"--{key} " in shown, key


def test_the_help_names_every_shipped_recipe_and_says_what_its_defaults_are(run: Run) -> None:
    shown = " ".join(run("train", "--help").out.split())
    names = {path.stem for path in (REPOSITORY / "configs").glob("*.yaml")} - {"serve"}
    assert names == {
        "classify_defects", "classify_signs", "detect_defects", "detect_signs", "find_anomalies", "segment_defects",
    }  # fmt: skip
    assert all(name in shown for name in names)
    assert "Defaults shown are those before a recipe; --print-config shows what would run." in shown


def test_the_environment_is_not_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEED", "5")
    monkeypatch.setenv("TRAINER__MAX_EPOCHS", "5")
    monkeypatch.setenv("DATA", '{"root": "elsewhere"}')
    assert _resolved(run) == Recipe()


def test_the_printed_config_is_a_recipe(run: Run, tmp_path: Path) -> None:
    printed = run("train", "--seed", "9", "--augment", "light", "--print-config").out
    (tmp_path / "printed.yaml").write_text(printed, encoding="utf-8")
    assert run("train", "printed.yaml", "--print-config").out == printed


def test_the_schema_is_printed(run: Run) -> None:
    assert run("train", "--print-schema").out == json_schema()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--trainer.max_epochs", "three"), 'trainer.max_epochs: expected a whole number, got "three"'),
        (("--trainer.max_time", "soon"), "trainer.max_time: a duration is written as seconds"),
        (("--objective.cost_escape", "3"), "objective: cost_escape and cost_overkill are stated together"),
        (("--trainer", "5 epochs"), "--trainer 5 epochs: expected one of the section's keys"),
        (("--augment.preset", "heavy"), "augment.preset: expected 'surface', 'sign', 'light' or 'none'"),
        (("--trainer.max_epochs",), "argument --trainer.max_epochs: expected one argument"),
        (("nowhere.yaml",), "recipe nowhere.yaml: expected a YAML file, got no such file"),
        (("classify_defect",), "Did you mean classify_defects?"),
        ((), "The recipe names no images. Give their folder with --data.root DIR."),
        (("--data.root", "gone"), "data.root gone: expected a folder of images, got no such folder."),
        (("--data.csv", "gone.csv"), "data.csv gone.csv: expected a table of images, got no such file."),
        (("--data.root", ".", "--data.card", "sampel"), "There is no data card 'sampel'"),
        (("--resume",), "--resume: expected --run DIR"),
        (("--resume", "--run", "gone"), "--run gone: expected the folder of the interrupted run, got no such folder"),
        (("--resume", "--run", ".", "--seed", "3"), "got recipe flags. Leave them out."),
        (("classify_defects", "--resume", "--run", "."), "got another recipe. Leave them out."),
    ],
)
def test_a_mistake_is_one_sentence(run: Run, arguments: tuple[str, ...], says: str) -> None:
    answer = run("train", *arguments)
    assert answer.code == 2
    assert says in answer.complaint
    assert answer.out == ""
    assert not Path("runs").exists()


def test_a_mistake_is_found_before_torch_is_loaded() -> None:
    line = (
        "import sys; from vision_ft.cli import main; code = main(['train', '--data.root', 'gone']); "
        "sys.exit(3 if 'torch' in sys.modules else code)"
    )
    assert subprocess.run([sys.executable, "-c", line], capture_output=True, check=False).returncode == 2


@pytest.mark.parametrize("folder", ["gone", "."])
def test_a_folder_that_is_no_run_cannot_be_exported(run: Run, folder: str) -> None:
    answer = run("export", folder)
    assert answer.code == 2
    assert f"{folder} is no run: expected a folder that `vision-ft train` has written" in answer.complaint
