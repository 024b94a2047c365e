"""A detector and a classifier, both trained, as one model: join, evaluate, serve."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.settings import Settings
from tests.support.one_thread import one_thread
from tests.support.tiny_parts import write_tiny_parts
from vision_ft.bundle.decision import DecisionRule
from vision_ft.bundle.manifest import read_manifest
from vision_ft.bundle.predictor import load
from vision_ft.cli import main
from vision_ft.export.write import seal
from vision_ft.recipe import load_recipe
from vision_ft.training import train


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_parts(tmp_path_factory.mktemp("parts"), {"good": 7, "scratch": 6, "stain": 5})


@pytest.fixture(scope="module")
def pipeline(parts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector of defects of whatever kind, and a classifier of kinds, joined at the command line."""
    folder = tmp_path_factory.mktemp("stages")
    shared: dict[str, Any] = {
        "data.csv": str(parts), "objective.good": ["good"], "model.backbone": "test_efficientnet",
        "model.pretrained": False, "trainer.batch_size": 8, "trainer.max_epochs": 2, "split.folds": 0,
        "split.val": 0.3, "input.height": 64,
    }  # fmt: skip
    detect = {"task": "detect", "data.one_class": "defect", "task.score_floor": 0.001, "trainer.head_lr": 5e-3}
    train(load_recipe(None, {**shared, **detect, "input.width": 96}), run=folder / "first")
    train(load_recipe(None, {**shared, "task": "classify", "input.width": 64}), run=folder / "second")
    stages = [str(folder / one / "bundle") for one in ("first", "second")]
    assert main(["join", *stages, "--out", str(folder / "both"), "--score-from", "0"]) == 0
    return folder / "both"


def test_the_second_stage_names_what_the_first_has_found(pipeline: Path, parts: Path) -> None:
    predictor = load(pipeline)
    assert len(predictor.manifest.stages) == 2
    named = [
        one
        for path in sorted(parts.parent.glob("images/*/*.png"))
        for one in predictor(path.read_bytes()).result.every  # type: ignore[attr-defined]
    ]
    assert named, "nothing was found, so nothing is shown"
    assert {one.label for one in named} <= {"good", "scratch", "stain"}
    for one in named:
        further = one.further
        assert further is not None
        assert further["detected"] == "defect"
        assert one.score == pytest.approx(further["detection_score"] * further["class_probability"])


def test_it_is_judged_as_one_model(pipeline: Path, parts: Path, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    assert main(["evaluate", str(pipeline), "--data.csv", str(parts), "--json", str(file)]) == 0
    summary = json.loads(file.read_text())
    for name in ("map_50", "map", "escape_rate", "overkill_rate"):
        assert 0.0 <= summary[f"{name}_low"] <= summary[name] <= summary[f"{name}_high"] <= 1.0, name
    assert {"scratch", "stain"} <= set(summary["per_class"])


def test_it_is_served_as_one_model(pipeline: Path, parts: Path) -> None:
    # After two epochs scores are low; whatever was found is to be shown, and compared.
    low = DecisionRule(pass_below=1e-4, reject_from=1e-4)
    seal(pipeline, read_manifest(pipeline).model_copy(update={"decision": low}))
    predictor = load(pipeline)
    compared = 0
    with TestClient(create_app(Settings(bundle=pipeline, device="cpu"))) as client:
        for path in sorted(parts.parent.glob("images/*/*_s0.png"))[::4]:
            expected = predictor(path.read_bytes())
            body = client.post("/v1/predict", content=path.read_bytes(), headers={"Content-Type": "image/png"}).json()
            assert (body["label"], body["decision"]) == (expected.label, str(expected.decision))
            assert body["probability"] == pytest.approx(expected.probability, abs=1e-6)
            want = expected.result.to_json()["detections"]
            assert [one["label"] for one in body["detections"]] == [one["label"] for one in want]
            assert [one["score"] for one in body["detections"]] == pytest.approx(
                [one["score"] for one in want], abs=1e-5
            )
            compared += len(want)
    assert compared > 0
