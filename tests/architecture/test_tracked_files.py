"""What is committed is source: small, free of weights, images of others, and of any machine's paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.tree import REPOSITORY, project_files

LARGEST = 1_000_000
BINARY_MODELS = {".onnx", ".ckpt", ".pt", ".pth", ".safetensors", ".pkl", ".pickle", ".joblib", ".npz", ".h5"}

# Put together here, so that this file does not contain what it looks for.
FORBIDDEN = [
    "pypi" + ".org",
    "python" + "hosted.org",
    "down" + "load.pytorch.org",
    "--extra-" + "index-url",
    "/opt/" + "pypi",
    "/opt/" + "wheels",
    "/work/" + "main",
    "/work/" + "shared",
    "/tmp/" + "vf",
    "/ro" + "ot/",
    "/home" + "/user",
]


def _text(path: Path) -> str | None:
    try:
        return (REPOSITORY / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def test_there_are_files_to_judge() -> None:
    names = {str(path) for path in project_files()}
    assert {"pyproject.toml", "Makefile", "requirements.lock", "vision_ft/__init__.py"} <= names


def test_no_file_is_large() -> None:
    sizes = {str(path): (REPOSITORY / path).stat().st_size for path in project_files()}
    assert {path: size for path, size in sizes.items() if size > LARGEST} == {}


def test_no_weights_and_no_pickles() -> None:
    assert [str(path) for path in project_files() if path.suffix.lower() in BINARY_MODELS] == []


@pytest.mark.parametrize("word", FORBIDDEN)
def test_no_registry_and_no_machine_is_named(word: str) -> None:
    assert [str(path) for path in project_files() if word in (_text(path) or "")] == []


def test_datasets_holds_cards_alone() -> None:
    inside = [path for path in project_files() if path.parts[0] == "datasets"]
    assert inside
    # A `datasets/__init__.py` would hide the package of that name.
    assert [str(path) for path in inside if path.suffix != ".yaml" and path.name != "README.md"] == []


def test_scripts_can_be_executed() -> None:
    scripts = [path for path in project_files() if path.suffix == ".sh" or str(path) == ".ci/run"]
    assert Path(".ci/run") in scripts
    assert [str(path) for path in scripts if not (REPOSITORY / path).stat().st_mode & 0o100] == []
