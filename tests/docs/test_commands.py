"""Every command in the documents is one that exists, with flags that exist."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import vision_ft.cli
from tests.docs.blocks import DOCUMENTS, REPOSITORY, Command, blocks, commands, programme
from vision_ft.cli.parsing import Parser
from vision_ft.errors import UsageError

ALL = [command for document in DOCUMENTS for block in blocks(document) for command in commands(block)]
MODULES = {"vision_ft.cli": (), "serving": ("serve",)}
"""What `python -m` starts, and the verb that it stands for."""


def _ours(command: Command) -> tuple[str, ...] | None:
    """The arguments of a `vision-ft` command, however it is started."""
    if programme(command) == "vision-ft":
        return command.words[1:]
    if programme(command).startswith("python") and command.words[1:2] == ("-m",) and command.words[2] in MODULES:
        return (*MODULES[command.words[2]], *command.words[3:])
    return None


OURS = [(command, arguments) for command in ALL if (arguments := _ours(command)) is not None]


class _ParsedError(Exception):
    """The arguments are understood: the rest of the verb is left out."""


@pytest.fixture
def parse(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[str]], None]:
    """Parse a command as its verb does and stop there; raises `UsageError`."""
    scripts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    verbs = scripts["entry-points"]["vision_ft.verbs"]
    registered = [SimpleNamespace(name=name, value=value) for name, value in verbs.items()]
    monkeypatch.setattr(vision_ft.cli, "entry_points", lambda group: registered)
    monkeypatch.chdir(REPOSITORY)
    whole = Parser.parse

    def stop(self: Parser, argv: Sequence[str]) -> Any:
        found = whole(self, argv)
        if "--print-config" in argv:
            return found
        raise _ParsedError

    monkeypatch.setattr(Parser, "parse", stop)

    def made(arguments: Sequence[str]) -> None:
        if arguments[0] == "serve":
            from serving.sources import read_settings

            read_settings(arguments[1:])
            return
        # The values of a recipe's flags are looked at when the recipe is resolved.
        whole_recipe = ["--print-config"] if arguments[0] == "train" else []
        try:
            assert vision_ft.cli._dispatch([*arguments, *whole_recipe]) == 0
        except (_ParsedError, SystemExit):
            return

    return made


@pytest.mark.parametrize(("command", "arguments"), OURS, ids=[str(command) for command, _ in OURS])
def test_the_verb_understands_it(
    parse: Callable[[Sequence[str]], None], command: Command, arguments: tuple[str, ...]
) -> None:
    parse(arguments)


@pytest.mark.parametrize(
    "planted",
    [
        ("trian", "r.yaml"),
        ("train", "--trainer.max_epoch", "3"),
        ("train", "--trainer.max_epochs", "three"),
        ("train", "no_such_recipe.yaml"),
        ("evaluate", "bundle", "--data.rot", "x"),
        ("serve", "bundle", "--prot", "80"),
        ("data", "inspekt"),
    ],
    ids=" ".join,
)
def test_a_wrong_command_would_be_noticed(parse: Callable[[Sequence[str]], None], planted: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        parse(planted)


@pytest.mark.parametrize("command", [c for c in ALL if programme(c) == "make"], ids=str)
def test_the_make_target_exists(command: Command) -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target in (word for word in command.words[1:] if "=" not in word):
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), target
    for variable in (word.split("=")[0] for word in command.words[1:] if "=" in word):
        assert f"$({variable}" in makefile, variable


def test_make_hands_the_demo_what_the_verb_understands(parse: Callable[[Sequence[str]], None]) -> None:
    make = shutil.which("make")
    assert make, "these tests are part of `make test`, so there is a make"
    shown = [command for command in ALL if programme(command) == "make" and command.words[1] == "demo"]
    assert any(word.startswith("GOOD=") for command in shown for word in command.words)
    for command in shown:
        answer = subprocess.run(
            [make, "--no-print-directory", "--dry-run", *command.words[1:]],
            cwd=REPOSITORY,
            env={"PATH": os.environ["PATH"]},  # an outer make hands its own arguments on in the environment
            capture_output=True,
            text=True,
            check=True,
        )
        _, *arguments = shlex.split(answer.stdout.splitlines()[-1])
        for word in command.words[2:]:
            assert word.split("=", 1)[1] in arguments
        parse(arguments)


@pytest.mark.parametrize("command", [c for c in ALL if programme(c).startswith("python")], ids=str)
def test_the_script_exists(command: Command) -> None:
    script = command.words[1]
    assert (
        command.words[2] in {*MODULES, "venv", "pip", "pytest", "mypy"}
        if script == "-m"
        else Path(REPOSITORY / script).is_file()
    )


def test_the_readme_shows_the_way_round() -> None:
    verbs = {arguments[0] for command, arguments in OURS if command.place.startswith("README.md")}
    assert {"train", "evaluate", "predict", "serve"} <= verbs
    targets = {word for command in ALL if programme(command) == "make" for word in command.words[1:]}
    assert {"demo", "test", "setup"} <= targets


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_links_inside_the_repository_lead_somewhere(document: str) -> None:
    text = re.sub(r"```.*?```", "", (REPOSITORY / document).read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not re.match(r"[a-z]+:", target):
            assert ((REPOSITORY / document).parent / target).exists(), target
