"""The import laws of pyproject.toml hold, and the linter that says so can say otherwise."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_ERROR, EXIT_STATUS_SUCCESS, lint_imports

from tests.architecture.tree import PACKAGES, REPOSITORY

SETTINGS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]


def _lint(config: Path) -> int:
    return lint_imports(config_filename=str(config), no_cache=True, no_logo=True)


def test_every_contract_is_kept(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(REPOSITORY)
    status = _lint(REPOSITORY / "pyproject.toml")
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_a_broken_contract_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # True of no version of this project: the bundle's pixels are numpy arrays.
    config = tmp_path / "planted.toml"
    config.write_text(
        "[tool.importlinter]\n"
        "root_packages = ['vision_ft', 'serving']\n"
        "include_external_packages = true\n"
        "[[tool.importlinter.contracts]]\n"
        "name = 'planted'\n"
        "type = 'forbidden'\n"
        "source_modules = ['vision_ft.bundle']\n"
        "forbidden_modules = ['numpy']\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(REPOSITORY)
    assert _lint(config) == EXIT_STATUS_ERROR
    assert "vision_ft.bundle" in capsys.readouterr().out


def test_the_laws_cover_every_package() -> None:
    assert sorted(SETTINGS["root_packages"]) == sorted(PACKAGES)
    assert SETTINGS["include_external_packages"] is True


def test_every_part_of_the_library_has_its_layer() -> None:
    layers = next(contract for contract in SETTINGS["contracts"] if contract["type"] == "layers")["layers"]
    named = {name.strip() for layer in layers for name in layer.split(":")}
    parts = {
        f"vision_ft.{path.stem}"
        for path in (REPOSITORY / "vision_ft").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert parts - {"vision_ft.__init__", "vision_ft.__main__"} == named
