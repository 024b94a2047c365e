"""One small model that was fitted by its probe, exported once; faults are planted into copies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import pytest

from tests.support.one_thread import one_thread
from tests.support.tiny_parts import write_tiny_parts
from vision_ft.bundle.decision import DecisionRule
from vision_ft.bundle.manifest import Calibration, DataInfo, InputSpec, Weights
from vision_ft.data.index import Sample
from vision_ft.data.load import load_index
from vision_ft.export.onnx_graph import export_onnx
from vision_ft.export.write import Contents
from vision_ft.recipe import load_recipe
from vision_ft.tasks.classify.task import TASK
from vision_ft.tasks.contract import Exportable, FitData
from vision_ft.training.fit import fresh_backbone

TEMPERATURE = 0.4


@dataclass(frozen=True)
class Model:
    """A fitted model ready for export, its graph as a file, and what goes into its bundle."""

    data: FitData
    exportable: Exportable
    contents: Contents
    graph: Path
    images: tuple[bytes, ...]
    """Encoded pictures of all classes."""
    samples: tuple[Sample, ...]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Three classes of tiny parts, judged by a linear probe on an untrained backbone."""
    root = tmp_path_factory.mktemp("parts")
    table = write_tiny_parts(root, {"good": 5, "scratch": 4, "stain": 3})
    index = load_index(root=root, csv=table, good=("good",))
    # Neither square nor of the pictures' shape: another placement or a swap of the sides shows.
    changes: dict[str, Any] = {
        "model.backbone": "test_efficientnet", "model.pretrained": False, "input.height": 64, "input.width": 96,
        "input.placement": "letterbox", "augment": "light", "trainer.batch_size": 8,
        "task.probe_penalty": 0.01,
    }  # fmt: skip
    recipe = load_recipe(None, changes)
    spec = InputSpec(height=64, width=96, placement="letterbox")
    samples = tuple(index.samples())
    data = FitData(recipe, index.classes, spec, samples, (), 0)
    module = TASK.build(data, fresh_backbone(recipe), steps=1)
    loader, _ = TASK.loaders(data)
    TASK.warm_start(module, data, loader, lambda _: None)
    calibration = Calibration(temperature=TEMPERATURE, fitted_on="validation", images=24, parts=12)
    exportable = TASK.exportable(module, calibration=calibration, heatmap=True)
    contents = Contents(
        name="tiny",
        task="classify",
        options=recipe.task.model_dump(mode="json"),
        classes=index.classes,
        spec=spec,
        weights=Weights(backbone="test_efficientnet", source="a hub", licence="Apache-2.0", sha256="ab" * 32),
        prior=TASK.prior(recipe, samples, index.classes),
        data=DataInfo(fingerprint="0" * 64, images=len(samples), parts=12),
        digests=[sample.digest for sample in samples],
        recipe=recipe.plain(),
        calibration=calibration,
        rule=DecisionRule(abstain_below=0.5, basis="set by hand"),
        findings=("No objective is stated.",),
    )
    graph = tmp_path_factory.mktemp("graph") / "model.onnx"
    export_onnx(exportable.graph, exportable.outputs, spec, graph)
    return Model(data, exportable, contents, graph, tuple(s.path.read_bytes() for s in samples), samples)


@pytest.fixture
def exported(model: Model, monkeypatch: pytest.MonkeyPatch) -> Model:
    """The model, whose export takes no time: the graph that was exported once is copied."""
    use_graph(monkeypatch, onnx.load(model.graph))
    return model


def use_graph(monkeypatch: pytest.MonkeyPatch, graph: onnx.ModelProto) -> None:
    """Let every export of this test write this graph."""

    def write(_: Any, outputs: tuple[str, ...], spec: InputSpec, path: Path, finish: Any = None) -> None:
        onnx.save(graph if finish is None else finish(graph), path)

    monkeypatch.setattr("vision_ft.export.write.export_onnx", write)
