"""The installed and the locked packages are the ones the project means."""

from __future__ import annotations

import tomllib
from importlib import metadata
from itertools import pairwise

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.tree import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]

MACHINES = {
    "Linux": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    "Linux on ARM": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "aarch64"},
    "macOS": {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
    "Windows": {"sys_platform": "win32", "platform_system": "Windows", "platform_machine": "AMD64"},
}
WANTED = {
    "requirements.lock": [*PROJECT["dependencies"], *EXTRAS["train"], *EXTRAS["serve"], *EXTRAS["dev"]],
    "requirements-serve.lock": [*PROJECT["dependencies"], *EXTRAS["serve-cpu"]],
}
TRAINING = {"torch", "torchvision", "lightning", "timm", "albumentations", "onnx", "scikit-learn"}


def _lines(lock: str) -> list[Requirement]:
    text = (REPOSITORY / lock).read_text(encoding="utf-8")
    return [Requirement(line.rstrip(" \\")) for line in text.splitlines() if line and line[0] not in " #"]


def _pins(lock: str, machine: str) -> dict[str, str]:
    """Versions by name that the lock installs on a machine with Python 3.11."""
    environment = {**MACHINES[machine], "python_version": "3.11", "python_full_version": "3.11.9"}
    chosen = [line for line in _lines(lock) if line.marker is None or line.marker.evaluate(dict(environment))]
    pins: dict[str, str] = {canonicalize_name(line.name): str(line.specifier).removeprefix("==") for line in chosen}
    assert len(pins) == len(chosen), "a package is pinned twice"
    return pins


def test_exactly_one_distribution_brings_cv2() -> None:
    assert set(metadata.packages_distributions()["cv2"]) == {"opencv-python"}


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("lock", WANTED)
def test_a_lock_installs_one_cv2_and_one_onnxruntime(lock: str, machine: str) -> None:
    pins = _pins(lock, machine)
    assert [name for name in pins if name.startswith("opencv")] == ["opencv-python"]
    gpu = lock == "requirements.lock" and machine in {"Linux", "Windows"}
    assert [name for name in pins if name.startswith("onnxruntime")] == ["onnxruntime-gpu" if gpu else "onnxruntime"]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("lock", WANTED)
def test_a_lock_satisfies_what_the_project_asks_for(lock: str, machine: str) -> None:
    pins = _pins(lock, machine)
    for requirement in map(Requirement, WANTED[lock]):
        if requirement.marker is None or requirement.marker.evaluate(dict(MACHINES[machine])):
            assert canonicalize_name(requirement.name) in pins, f"{lock} lacks {requirement.name}: run make lock"
            assert pins[canonicalize_name(requirement.name)] in requirement.specifier, f"{requirement}: run make lock"


@pytest.mark.parametrize("machine", MACHINES)
def test_the_serving_lock_has_no_training_library(machine: str) -> None:
    pins = set(_pins("requirements-serve.lock", machine))
    assert pins & TRAINING == set()
    assert [name for name in pins if name.startswith("nvidia-")] == []


@pytest.mark.parametrize("machine", MACHINES)
def test_both_locks_agree_on_what_they_share(machine: str) -> None:
    whole, serve = _pins("requirements.lock", machine), _pins("requirements-serve.lock", machine)
    differing = {name: (whole[name], serve[name]) for name in whole.keys() & serve.keys() if whole[name] != serve[name]}
    assert differing == {}


@pytest.mark.parametrize("lock", [*WANTED, "scripts/serve_tests.lock"])
def test_every_pin_has_a_hash(lock: str) -> None:
    lines = (REPOSITORY / lock).read_text(encoding="utf-8").splitlines()
    after = {line: following for line, following in pairwise(lines) if "==" in line.split("#")[0]}
    assert after
    assert [line for line, following in after.items() if not following.strip().startswith("--hash=sha256:")] == []
