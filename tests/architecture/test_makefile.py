"""The make targets pass on what they are given; nothing is run, only what would run is read."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.architecture.tree import REPOSITORY

TARGETS = ["setup", "serve-env", "demo", "test", "test-serving", "lint", "format", "bench", "lock", "clean"]


def _dry_run(*arguments: str) -> str:
    make = shutil.which("make")
    assert make, "these tests are part of `make test`, so there is a make"
    command = [make, "--no-print-directory", "--dry-run", *arguments]
    # An outer make hands its own arguments on in the environment.
    clean = {"PATH": os.environ["PATH"]}
    answer = subprocess.run(command, cwd=REPOSITORY, env=clean, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_exists_and_is_listed(target: str) -> None:
    _dry_run(target)
    text = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert any(line.startswith(f"{target}:") and "##" in line for line in text.splitlines())


def test_demo_alone_asks_for_nothing() -> None:
    assert _dry_run("demo").splitlines()[-1].strip() == ".venv/bin/vision-ft demo"


def test_demo_passes_on_the_folder_and_further_arguments() -> None:
    last = _dry_run("demo", "DATA=/parts of today", "ARGS=--seed 3").splitlines()[-1]
    assert last.split(" demo ")[1].strip() == '--data.root "/parts of today" --seed 3'


def test_the_whole_suite_runs_last() -> None:
    # Who reads the log of continuous integration reads its end: pytest's closing line.
    assert "-m pytest -n" in _dry_run("test").splitlines()[-1]
    last = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1]
    assert last == "make test"
