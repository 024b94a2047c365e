"""What every task promises on every kind of backbone: fit, resume, export, parity, serve.

A task is named once more here, with data that it can learn from; all else comes from the registry.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.settings import Settings
from tests.support.one_thread import one_thread
from tests.support.tiny_parts import write_tiny_parts
from vision_ft.bundle.predictor import Predictor, load
from vision_ft.bundle.tasks import answer_model
from vision_ft.cli import main
from vision_ft.data.index import Index
from vision_ft.recipe import load_recipe
from vision_ft.tasks.registry import TASKS, torch_task
from vision_ft.training import Interrupted, train
from vision_ft.training.curves import KeepCurves, read_curves


def _labelled_parts(root: Path) -> dict[str, Any]:
    table = write_tiny_parts(root, {"good": 7, "scratch": 6, "stain": 5})
    return {"data.csv": str(table), "objective.good": ["good"]}


def _boxed_parts(root: Path) -> dict[str, Any]:
    # After two epochs scores are low; those that there are must be compared.
    return {**_labelled_parts(root), "task.score_floor": 0.001, "trainer.head_lr": 5e-3}


def _masked_parts(root: Path) -> dict[str, Any]:
    # After two epochs there must be defects to compare: shots and small batches make steps.
    table = write_tiny_parts(root, {"good": 7, "scratch": 6, "stain": 5}, shots=6)
    faster = {"trainer.head_lr": 1e-2, "trainer.batch_size": 4, "task.decoder": 32}
    return {"data.csv": str(table), "objective.good": ["good"], **faster}


def _parts_compared_within(root: Path) -> dict[str, Any]:
    # An untrained network scores whole images apart; within an image a blotch still stands out, and is rejected.
    return {**_labelled_parts(root), "task.relative": 1.0}


DATA: dict[str, Callable[[Path], dict[str, Any]]] = {
    "classify": _labelled_parts,
    "detect": _boxed_parts,
    "segment": _masked_parts,
    "anomaly": _parts_compared_within,
}
"""For each task: writes small labelled images into a folder, and gives the recipe's keys for them."""
BACKBONES = ("test_efficientnet", "test_vit")
"""One with batch normalisation, one transformer."""


@dataclass(frozen=True)
class Finished:
    task: str
    backbone: str
    run: Path
    interrupted: Interrupted | None
    """None of a task that has no epochs, and was interrupted before its bundle was written."""
    went_on_at: frozenset[int]
    """Epochs, counted from 0, that the resumed fit has trained."""

    @property
    def predictor(self) -> Predictor:
        return load(self.run / "bundle")

    @property
    def images(self) -> list[bytes]:
        return [s.path.read_bytes() for s in Index.read(self.run / "index.parquet").samples()]


def test_every_task_is_held_to_its_promises() -> None:
    assert set(DATA) == set(TASKS)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(
    scope="module",
    params=[(t, b) for t in TASKS for b in BACKBONES],
    ids=[f"{t}-{b}" for t in TASKS for b in BACKBONES],
)
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run of two epochs that was interrupted after the first one, and resumed."""
    task, backbone = request.param
    folder = tmp_path_factory.mktemp(f"{task}-{backbone}")
    changes: dict[str, Any] = {
        "task": task, "model.backbone": backbone, "model.pretrained": False, "input.height": 64, "input.width": 96,
        "trainer.batch_size": 8, "trainer.max_epochs": 2, "split.folds": 0, "split.val": 0.3, "split.test": 0.2,
        "export.parity_images": 16, **DATA[task](folder / "data"),
    }  # fmt: skip
    run = folder / "run"

    def stop(self: KeepCurves, trainer: Any, module: Any, *_: Any) -> None:
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt

    def give_up(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KeepCurves, "on_train_batch_end", stop)
        patch.setattr("vision_ft.training.api.write_run_bundle", give_up)
        with pytest.raises((Interrupted, KeyboardInterrupt)) as told:
            train(load_recipe(None, changes), run=run)
    trained: set[int] = set()

    def watch(self: KeepCurves, trainer: Any, module: Any, *_: Any) -> None:
        trained.add(int(trainer.current_epoch))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KeepCurves, "on_train_batch_end", watch)
        train(run=run, resume=True)
    interrupted = told.value if isinstance(told.value, Interrupted) else None
    return Finished(task, backbone, run, interrupted, frozenset(trained))


def test_it_fits_and_resumes(finished: Finished) -> None:
    if torch_task(finished.task).default_epochs:
        assert finished.interrupted is not None
        assert finished.interrupted.checkpoint is not None
        assert finished.interrupted.checkpoint.exists()
        epochs = [float(row["epoch"]) for row in read_curves(finished.run / "metrics.csv") if float(row["epoch"]) > 0]
        assert epochs == [1, 2]
        assert finished.went_on_at == {1}, "the first epoch was trained again"
    else:
        assert finished.interrupted is None
        assert not (finished.run / "metrics.csv").exists()
    assert (finished.run / "report" / "report.html").stat().st_size > 10_000


FIGURES = {
    "classify": ("accuracy", "balanced_accuracy"),
    "detect": ("map_50", "map"),
    "segment": ("mean_iou", "mean_dice", "recall_per_defect", "false_alarm_area"),
    "anomaly": ("image_auroc", "pixel_auroc", "false_alarm_area"),
}
"""What `evaluate` writes of each task beside the figures of all, where there are good and bad parts and masks."""


def test_evaluate_writes_the_promised_figures(finished: Finished, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    table = finished.run.parent / "data" / "samples.csv"
    given = ["evaluate", str(finished.run / "bundle"), "--data.csv", str(table), "--split", "all", "--json", str(file)]
    assert main(given) == 0
    summary = json.loads(file.read_text())
    for name in ("escape_rate", "overkill_rate", *FIGURES[finished.task]):
        assert 0.0 <= summary[f"{name}_low"] <= summary[name] <= summary[f"{name}_high"] <= 1.0, name
    assert "per_class" in summary


def test_the_bundle_names_task_and_backbone(finished: Finished) -> None:
    stage = finished.predictor.stage
    assert stage.task == finished.task
    assert stage.weights.backbone.startswith(finished.backbone)
    assert stage.weights.source == "none"
    assert stage.embedding > 0
    assert finished.predictor.bundle.reference() is not None


def test_the_export_answers_like_the_model(finished: Finished) -> None:
    parity = json.loads((finished.run / "bundle" / "parity.json").read_text())
    assert parity["holds"] is True
    assert parity["images"] == 16
    assert parity["verdicts"] >= parity["least_verdicts"]
    assert parity["compared"] > 0


def test_no_folder_of_this_machine_is_in_the_bundle(finished: Finished) -> None:
    for name in ("manifest.json", "card.md", "training_images.txt", "parity.json"):
        text = (finished.run / "bundle" / name).read_text(encoding="utf-8")
        assert str(finished.run.parent) not in text, name
        assert str(Path.home()) not in text, name


def test_the_batch_is_dynamic(finished: Finished) -> None:
    session = onnxruntime.InferenceSession(finished.run / "bundle" / "model.onnx", providers=["CPUExecutionProvider"])
    batch = np.random.default_rng(0).integers(0, 256, (3, 64, 96, 3), dtype=np.uint8)
    together = session.run(None, {"images": batch})
    assert all(len(output) == 3 for output in together)
    for whole, alone in zip(together, session.run(None, {"images": batch[:1]}), strict=True):
        if np.issubdtype(whole.dtype, np.integer):  # rounding may turn one in many pixels
            assert float((alone[0] != whole[0]).mean()) < 1e-3
            continue
        np.testing.assert_allclose(alone[0], whole[0], rtol=1e-3, atol=1e-4 * float(np.abs(whole).max()))


def test_the_service_answers_like_the_predictor(finished: Finished) -> None:
    predictor = finished.predictor
    with TestClient(create_app(Settings(bundle=finished.run / "bundle", device="cpu"))) as client:
        for data in finished.images[::9]:
            expected = predictor(data)
            answer = client.post("/v1/predict", content=data, headers={"Content-Type": "image/png"})
            assert answer.status_code == 200, answer.text
            body = answer.json()
            assert (body["label"], body["decision"]) == (expected.label, str(expected.decision))
            assert body["probability"] == pytest.approx(expected.probability, abs=1e-6)
            for name, value in expected.result.to_json().items():
                assert_alike(body[name], value)
            answer_model(finished.task).model_validate({name: body[name] for name in expected.result.to_json()})


def assert_alike(got: Any, want: Any) -> None:
    """Plain JSON that is the same, but for the rounding of numbers."""
    if isinstance(want, dict):
        assert set(got) == set(want)
        for name in want:
            assert_alike(got[name], want[name])
    elif isinstance(want, list):
        assert len(got) == len(want)
        for one, other in zip(got, want, strict=True):
            assert_alike(one, other)
    else:
        assert got == (pytest.approx(want, abs=1e-6) if isinstance(want, float) else want)
