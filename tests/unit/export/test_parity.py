"""The gate passes a good export, and refuses each planted fault."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from vision_ft.bundle.folder import file_digests, open_bundle
from vision_ft.bundle.manifest import Stage, TileSpec, read_manifest, write_manifest
from vision_ft.bundle.predictor import Predictor
from vision_ft.bundle.tasks import bundle_task
from vision_ft.errors import ParityError
from vision_ft.export.parity import Expected, Parity, compare, require
from vision_ft.export.write import write_bundle

from .conftest import Model, use_graph


@pytest.fixture
def bundle(exported: Model, tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "bundle", exported.exportable, exported.contents, parity_images=exported.images)


def _parity(model: Model, bundle: Path, stage: Stage, images: tuple[bytes, ...] | None = None) -> Parity:
    """Compare a bundle as it lies there with the module behind the recipe's own stage."""
    manifest = read_manifest(bundle)
    expected = Expected(model.exportable.reference, stage, manifest.decision, manifest.version)
    return compare(expected, Predictor(open_bundle(bundle)), images or model.images)


def _tamper(bundle: Path, **stage: Any) -> None:
    """Change the manifest's stage and seal it again, as a faulty exporter would."""
    manifest = read_manifest(bundle)
    changed = manifest.stage.model_copy(update=stage)
    write_manifest(bundle, manifest.model_copy(update={"stages": (changed,), "files": file_digests(bundle)}))


def _graph(model: Model, change: Callable[[onnx.GraphProto], None]) -> onnx.ModelProto:
    graph = onnx.load(model.graph)
    change(graph.graph)
    onnx.checker.check_model(graph)
    return graph


def _bgr(graph: onnx.GraphProto) -> None:
    for node in graph.node:
        for at, name in enumerate(node.input):
            if name == "images":
                node.input[at] = "swapped"
    graph.initializer.append(numpy_helper.from_array(np.array([2, 1, 0], np.int64), "order"))
    graph.node.insert(0, helper.make_node("Gather", ["images", "order"], ["swapped"], axis=3))


def _set(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[onnx.GraphProto], None]:
    def plant(graph: onnx.GraphProto) -> None:
        (found,) = (one for one in graph.initializer if one.name == name)
        value = numpy_helper.to_array(found)
        found.CopyFrom(numpy_helper.from_array(change(value).astype(value.dtype), name))

    return plant


GRAPH_FAULTS = {
    "blue for red": _bgr,
    "another mean": _set("network.backbone.mean", lambda mean: mean + 3.0),
    "another deviation": _set("network.backbone.std", lambda std: std * 1.05),
    "a lost temperature": _set("temperature", np.ones_like),
    "a weight of the classifier": _set("network.classifier.bias", lambda bias: bias + np.array([0.0, 0.0, 1.0])),
}


def test_a_good_export_passes_and_says_how_good_it_is(bundle: Path, model: Model) -> None:
    parity = json.loads((bundle / "parity.json").read_text())
    assert parity["holds"] is True
    assert parity["images"] == len(model.images) == 24
    assert parity["verdicts"] >= 2 == parity["least_verdicts"]
    assert parity["compared"] == 24 * len(model.exportable.classes)
    assert parity["worst_image"] in range(24)
    assert 0 <= parity["largest_difference"] <= 1e-4 == parity["tolerance"]
    assert parity["changed_verdicts"] == 0
    assert 0 < parity["largest_output_difference"] <= 1e-3 == parity["output_tolerance"]


@pytest.mark.parametrize("fault", sorted(GRAPH_FAULTS))
def test_a_fault_in_the_graph_is_refused_and_nothing_is_left(
    fault: str, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_graph(monkeypatch, _graph(model, GRAPH_FAULTS[fault]))
    with pytest.raises(ParityError, match=r"does not answer like the trained model.*Nothing was written"):
        write_bundle(tmp_path / "bundle", model.exportable, model.contents, parity_images=model.images)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change",
    [
        {"placement": "stretch"},
        {"placement": "crop"},
        {"pad": 0},
        {"region": {"left": 0.1, "top": 0.0, "right": 1.0, "bottom": 1.0}},
    ],
)
def test_another_placement_in_the_manifest_is_refused(change: dict[str, Any], bundle: Path, model: Model) -> None:
    stage = read_manifest(bundle).stage
    assert _parity(model, bundle, stage).holds
    spec = type(stage.input).model_validate({**stage.input.model_dump(), **change})
    _tamper(bundle, input=spec)
    parity = _parity(model, bundle, stage)
    assert not parity.holds
    with pytest.raises(ParityError, match="does not answer"):
        require(parity, "The export")


def test_permuted_classes_are_refused(bundle: Path, model: Model) -> None:
    stage = read_manifest(bundle).stage
    first, second, third = stage.classes
    _tamper(bundle, classes=(second, first, third))
    parity = _parity(model, bundle, stage)
    assert not parity.holds
    assert parity.changed_verdicts > 0
    _tamper(bundle, classes=(first, second, third.model_copy(update={"id": "stian"})))
    assert _parity(model, bundle, stage).largest_difference == float("inf")


def test_an_index_of_other_classes_than_the_modules_is_refused(exported: Model, tmp_path: Path) -> None:
    first, second, third = exported.contents.classes
    contents = replace(exported.contents, classes=(second, first, third))
    with pytest.raises(ParityError, match="does not answer like"):
        write_bundle(tmp_path / "bundle", exported.exportable, contents, parity_images=exported.images)
    assert not list(tmp_path.iterdir())


def _other_output(name: str, factor: float) -> Callable[[onnx.GraphProto], None]:
    """Multiply one output, the probabilities left as they are."""

    def plant(graph: onnx.GraphProto) -> None:
        for node in graph.node:
            node.output[:] = [f"{name}_before" if one == name else one for one in node.output]
        graph.initializer.append(numpy_helper.from_array(np.array(factor, np.float32), f"{name}_factor"))
        graph.node.append(helper.make_node("Mul", [f"{name}_before", f"{name}_factor"], [name]))

    return plant


@pytest.mark.parametrize("name", ["embeddings", "heatmap"])
def test_a_fault_beside_the_probabilities_is_refused(
    name: str, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert name in model.exportable.outputs
    use_graph(monkeypatch, _graph(model, _other_output(name, 1.01)))
    with pytest.raises(ParityError, match="in other outputs"):
        write_bundle(tmp_path / "bundle", model.exportable, model.contents, parity_images=model.images)


def test_a_changed_verdict_is_refused_even_where_probabilities_agree(bundle: Path, model: Model) -> None:
    manifest = read_manifest(bundle)
    strict = manifest.decision.model_copy(update={"abstain_below": 1.0})
    write_manifest(bundle, manifest.model_copy(update={"decision": strict}))
    expected = Expected(model.exportable.reference, manifest.stage, manifest.decision, manifest.version)
    parity = compare(expected, Predictor(open_bundle(bundle)), model.images)
    assert parity.largest_difference <= parity.tolerance
    assert parity.changed_verdicts > 0
    assert not parity.holds


def test_a_graph_that_gives_no_number_is_refused(
    model: Model, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(bundle, broken)
    onnx.save(_graph(model, _set("network.classifier.bias", lambda b: b * np.nan)), broken / "model.onnx")
    _tamper(broken)
    parity = _parity(model, broken, read_manifest(bundle).stage)
    assert not parity.holds


def test_images_of_one_verdict_show_too_little(exported: Model, tmp_path: Path) -> None:
    with pytest.raises(ParityError, match="gave the same verdict on all 3 images"):
        write_bundle(tmp_path / "bundle", exported.exportable, exported.contents, parity_images=exported.images[:1] * 3)
    assert not list(tmp_path.iterdir())


def test_a_task_may_be_content_with_one_verdict_but_not_with_nothing() -> None:
    alike = Parity(images=3, verdicts=1, largest_difference=0.0, changed_verdicts=0)
    with pytest.raises(ParityError, match="gave the same verdict on all 3 images"):
        require(alike, "The export")
    require(replace(alike, least_verdicts=1), "The export")
    with pytest.raises(ParityError, match="found nothing on any of 3 images"):
        require(replace(alike, least_verdicts=1, compared=0), "The export")


def test_the_task_says_how_far_apart_answers_may_be(
    bundle: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = read_manifest(bundle).stage
    assert _parity(model, bundle, stage).tolerance == bundle_task("classify").TOLERANCE == 1e-4
    task = "vision_ft.bundle.tasks.classify"
    monkeypatch.setattr(f"{task}.TOLERANCE", 0.0)
    monkeypatch.setattr(f"{task}.LEAST_VERDICTS", 5)
    parity = _parity(model, bundle, stage)
    assert (parity.tolerance, parity.least_verdicts) == (0.0, 5)
    assert not parity.holds


def test_the_image_with_the_largest_difference_is_named(
    bundle: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = read_manifest(bundle).stage
    prepare, calls = Predictor.prepare, iter(range(100))

    def swapped(self: Predictor, data: bytes, **more: Any) -> Any:
        # The eleventh image reaches the bundle as another one.
        return prepare(self, model.images[-1] if next(calls) == 10 else data, **more)

    monkeypatch.setattr(Predictor, "prepare", swapped)
    assert model.images[10] != model.images[-1]
    parity = _parity(model, bundle, stage)
    assert not parity.holds
    assert parity.worst_image == 10


def test_images_in_tiles_are_compared_by_their_first_tile(bundle: Path, model: Model) -> None:
    stage = read_manifest(bundle).stage
    tiled = stage.input.model_copy(update={"tile": TileSpec(size=48, overlap=0.25)})
    _tamper(bundle, input=tiled)
    assert _parity(model, bundle, stage.model_copy(update={"input": tiled})).holds
    assert not _parity(model, bundle, stage).holds


def test_no_image_at_all_is_no_proof() -> None:
    with pytest.raises(ParityError):
        require(Parity(images=0, verdicts=0, largest_difference=0.0, changed_verdicts=0), "The export")
