"""What every verb owes: a help text, one sentence for a mistake, and the right exit code."""

from __future__ import annotations

import argparse
import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

import vision_ft
from tests.unit.cli.conftest import Run
from vision_ft.cli import VERBS
from vision_ft.cli.parsing import Parser
from vision_ft.errors import BundleError, RecipeError, VisionFTError


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(run: Run, verb: str) -> None:
    answer = run(verb, "--help")
    assert answer.code == 0
    assert answer.err == ""
    assert answer.out.startswith(f"usage: vision-ft {verb}")
    assert len(answer.out.splitlines()) > 3


@pytest.mark.parametrize("action", ["inspect", "preview", "split"])
def test_every_action_on_data_explains_itself(run: Run, action: str) -> None:
    answer = run("data", action, "--help")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"usage: vision-ft data {action}")


@pytest.mark.parametrize(
    "verb",
    [("evaluate",), ("predict",), ("demo",), ("export",), ("data", "inspect"), ("data", "preview"), ("data", "split")],
)
def test_every_flag_of_our_own_is_explained(run: Run, monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]) -> None:
    silent: list[str] = []
    whole = Parser.parse

    def looked_at(self: Parser, argv: Sequence[str]) -> argparse.Namespace:
        # Those of a recipe have dots, and are explained by its docstrings.
        own = [action for action in self._actions if not any("." in flag for flag in action.option_strings)]
        silent.extend(action.dest for action in own if not action.help)
        return whole(self, argv)

    monkeypatch.setattr(Parser, "parse", looked_at)
    assert run(*verb, "--help").code == 0
    assert silent == []


@pytest.mark.parametrize("asked", ["--help", "-h", "help"])
def test_help_lists_every_verb(run: Run, asked: str) -> None:
    answer = run(asked)
    assert answer.code == 0
    listed = {line.split()[0]: line for line in answer.out.splitlines() if line.startswith("  ")}
    assert set(listed) == {*VERBS, "serve"}
    assert all(listed[verb].endswith(summary) for verb, summary in VERBS.items())


def test_no_verb_is_wrong_usage_and_shows_the_help(run: Run) -> None:
    answer = run()
    assert answer.code == 2
    assert "commands:" in answer.out


@pytest.mark.parametrize("asked", ["--version", "-V"])
def test_version(run: Run, asked: str) -> None:
    assert run(asked).out == f"vision-ft {vision_ft.__version__}\n"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("trian", "train"), ("predcit", "predict"), ("eval", "evaluate"), ("serv", "serve"), ("docter", "doctor")],
)
def test_an_unknown_verb_names_the_nearest(run: Run, typed: str, meant: str) -> None:
    answer = run(typed)
    assert answer.code == 2
    assert answer.complaint == f"vision-ft: unknown command {typed!r}. Did you mean {meant}?"


def test_a_verb_like_no_other_lists_them_all(run: Run) -> None:
    answer = run("qqq")
    assert answer.code == 2
    assert all(verb in answer.complaint for verb in [*VERBS, "serve"])


def test_an_unknown_action_names_the_nearest(run: Run) -> None:
    answer = run("data", "inspct")
    assert answer.code == 2
    assert "unknown action 'inspct'" in answer.complaint
    assert answer.complaint.endswith("Did you mean inspect?")


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        (("train", "--trainer.max_epoch", "3"), "--trainer.max_epochs"),
        (("train", "--resum"), "--resume"),
        (("evaluate", "b", "--leave-out-sen"), "--leave-out-seen"),
        (("predict", "b", "i", "--fromat=csv"), "--format"),
        (("export", "r", "--flatery"), "--flattery"),
        (("data", "split", "--tests", "0.1"), "--test"),
        (("data", "preview", "--row", "3"), "--rows"),
    ],
)
def test_an_unknown_flag_names_the_nearest(run: Run, arguments: tuple[str, ...], nearest: str) -> None:
    answer = run(*arguments)
    assert answer.code == 2
    assert "unknown option --" in answer.complaint
    assert answer.complaint.endswith(f"Did you mean {nearest}?")


@pytest.mark.parametrize(
    "arguments", [("train", "a", "b"), ("doctor", "b"), ("export", "a", "b"), ("data", "inspect", "b")]
)
def test_an_argument_too_many_is_named(run: Run, arguments: tuple[str, ...]) -> None:
    answer = run(*arguments)
    assert answer.code == 2
    assert (
        f"unknown argument b. See `vision-ft {' '.join(arguments[:-1]).removesuffix(' a')} --help`." in answer.complaint
    )


@pytest.mark.parametrize("verb", ["evaluate", "export", "predict"])
def test_an_argument_too_few_is_named(run: Run, verb: str) -> None:
    answer = run(verb)
    assert answer.code == 2
    assert answer.complaint.startswith(f"vision-ft {verb}: the following arguments are required: ")


def test_no_shortened_flag_is_guessed(run: Run) -> None:
    assert run("predict", "b", "i", "--form", "csv").code == 2


@pytest.mark.parametrize(
    ("error", "code"), [(RecipeError("key x"), 2), (BundleError("bundle y"), 1), (VisionFTError("z"), 1)]
)
def test_a_users_error_is_a_sentence_and_an_exit_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: VisionFTError, code: int
) -> None:
    _plant(monkeypatch, error)
    answer = run("doctor")
    assert (answer.code, answer.complaint, answer.out) == (code, f"vision-ft: {error}", "")


def test_ctrl_c_is_no_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _plant(monkeypatch, KeyboardInterrupt())
    answer = run("doctor")
    assert (answer.code, answer.complaint) == (130, "vision-ft: interrupted.")


def test_a_file_that_cannot_be_written_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _plant(monkeypatch, PermissionError(13, "Permission denied", "figures.json"))
    answer = run("doctor")
    assert (answer.code, answer.complaint) == (1, "vision-ft: figures.json: Permission denied.")


def test_a_fault_of_ours_is_not_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _plant(monkeypatch, OSError("no file at all"))
    with pytest.raises(OSError, match="no file at all"):
        run("doctor")


def test_a_missing_library_says_which_extra_brings_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_torch(name: str) -> object:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(vision_ft.cli, "import_module", without_torch)
    answer = run("train")
    assert answer.code == 1
    assert answer.complaint == (
        "vision-ft: `vision-ft train` needs torch, which is not installed."
        " Build an environment with the extra train by `make setup` in a checkout."
    )


def test_a_registered_verb_of_another_package_is_run(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "weigh_parts.py").write_text("def run(argv):\n    print('weighed', *argv)\n    return 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(
        vision_ft.cli, "entry_points", lambda group: [SimpleNamespace(name="weigh", value="weigh_parts")]
    )
    assert run("weigh", "a", "b").out == "weighed a b\n"


def test_serve_is_registered_by_the_package_and_says_so_where_it_is_not(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vision_ft.cli, "entry_points", lambda group: [])
    answer = run("serve", "bundle")
    assert answer.code == 1
    assert "`vision-ft serve` is not registered here" in answer.complaint


def test_the_doctor_lists_the_machine_and_what_it_can(run: Run) -> None:
    answer = run("doctor")
    assert answer.err == ""
    for word in ("python", "cores that may be used", "ONNX Runtime providers", "CPUExecutionProvider", "numpy", "timm"):
        assert word in answer.out
    assert {line.split(":")[0] for line in answer.out.splitlines()[-2:]} == {"training", "serving"}
    assert answer.code == 0
    assert "training: can" in answer.out


def test_the_doctor_names_what_is_missing_and_fails(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    doctor = importlib.import_module("vision_ft.cli.doctor")
    installed = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name in ("timm", "pydantic") else installed(name))
    answer = run("doctor")
    assert answer.code == 1
    assert "training: cannot: install timm, pydantic" in answer.out
    assert "serving: cannot: install pydantic" in answer.out


def _plant(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(argv: object) -> int:
        raise error

    monkeypatch.setattr(importlib.import_module("vision_ft.cli.doctor"), "run", fail)


def test_a_reader_that_has_seen_enough_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _plant(monkeypatch, BrokenPipeError(32, "Broken pipe"))
    kept = os.dup(1)
    try:
        assert vision_ft.cli.main(["doctor"]) == 0
    finally:
        os.dup2(kept, 1)
        os.close(kept)
