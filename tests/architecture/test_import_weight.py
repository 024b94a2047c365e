"""Nothing heavy is imported before it is needed.

`import vision_ft` and `vision-ft --help` are to answer in under half a second. What was
imported is asserted, not a time: a list of modules does not depend on how busy a machine is.
"""

from __future__ import annotations

import pytest

from tests.architecture.fresh import loaded, modules_after

HEAVY = (
    "albumentations",
    "cv2",
    "fastapi",
    "lightning",
    "matplotlib",
    "numpy",
    "onnx",
    "onnxruntime",
    "PIL",
    "pyarrow",
    "pydantic",
    "scipy",
    "sklearn",
    "timm",
    "torch",
    "torchvision",
    "uvicorn",
)


@pytest.mark.parametrize("package", ["vision_ft", "vision_ft.errors", "vision_ft.cli", "serving"])
def test_importing_a_package_root_loads_nothing_heavy(package: str) -> None:
    assert loaded(f"import {package}", HEAVY) == []


def test_the_command_line_s_help_loads_nothing_heavy() -> None:
    code = (
        "from vision_ft.cli import main\n"
        "try:\n"
        "    code = main(['--help'])\n"
        "except SystemExit as exit:\n"
        "    code = exit.code\n"
        "assert not code, code"
    )
    assert loaded(code, HEAVY) == []


def test_loading_a_bundle_module_loads_no_training_library() -> None:
    training = ("torch", "lightning", "timm", "torchvision", "albumentations")
    assert loaded("import vision_ft.bundle", training) == []


def test_the_probe_sees_what_is_imported() -> None:
    assert {"json", "xml"} <= modules_after("import xml.dom")
    assert loaded("import numpy", HEAVY) == ["numpy"]
