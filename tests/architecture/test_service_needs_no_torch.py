"""The service answers in an interpreter that has imported no training library.

import-linter reads import statements and cannot follow `importlib`; a running interpreter can be asked.
Where torch is not installed at all, tests/serving proves the same (`make test-serving`).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.fresh import modules_after
from tests.support.tiny_bundle import build_tiny_bundle

TRAINING = {"torch", "torchvision", "lightning", "pytorch_lightning", "timm", "albumentations", "onnx", "sklearn"}

_IMAGE = """
import io, sys
from PIL import Image
file = io.BytesIO()
Image.new("RGB", (48, 40), (250, 5, 5)).save(file, "PNG")
"""

_PREDICT = """
import serving.app
from vision_ft.bundle import load
prediction = load(sys.argv[1]).predict([file.getvalue()])[0]
assert prediction.label == "red", prediction
"""

_REQUEST = """
from fastapi.testclient import TestClient
from serving.app import create_app
from serving.settings import Settings
with TestClient(create_app(Settings(bundle=sys.argv[1]))) as client:
    answer = client.post("/v1/predict", content=file.getvalue(), headers={"Content-Type": "image/png"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["label"] == "red", answer.text
"""


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    return str(build_tiny_bundle(tmp_path / "bundle"))


@pytest.mark.parametrize("action", [_PREDICT, _REQUEST], ids=["load and predict", "answer a request"])
def test_answering_imports_no_training_library(bundle: str, action: str) -> None:
    imported = modules_after(_IMAGE + action, bundle)
    assert {"serving", "vision_ft", "onnxruntime"} <= imported
    assert imported & TRAINING == set()


def test_the_verb_serve_imports_no_training_library() -> None:
    assert modules_after("import serving.cli, serving.__main__") & (TRAINING | {"fastapi", "numpy"}) == set()
