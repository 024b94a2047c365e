"""The command line as a function, tiny class folders, and a bundle that tells them apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import vision_ft.cli
from tests.support.colour_parts import write_class_folders
from tests.support.tiny_bundle import build_tiny_bundle


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on standard error."""
        (line,) = self.err.splitlines()
        assert line.startswith("vision-ft")
        assert "Traceback" not in line
        return line


Run = Callable[..., Answer]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in the test's own folder, on one thread, at a wide terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VISION_FT_THREADS", "1")
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `vision-ft ARGUMENTS` in this process."""

    def made(*arguments: str | Path) -> Answer:
        try:
            code = vision_ft.cli.main([str(argument) for argument in arguments])
        except SystemExit as stop:  # argparse leaves this way after --help
            code = int(stop.code or 0)
        written = capsys.readouterr()
        return Answer(code, written.out, written.err)

    return made


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders with four parts a colour; not to be changed."""
    return write_class_folders(tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny bundle; not to be changed."""
    return build_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")
