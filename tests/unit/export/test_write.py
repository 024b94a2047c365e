"""A bundle is written whole or not at all, and says where it comes from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from vision_ft.bundle.decision import DecisionRule
from vision_ft.bundle.folder import open_bundle
from vision_ft.bundle.manifest import Manifest
from vision_ft.bundle.predictor import Predictor, load
from vision_ft.bundle.reference import Reference
from vision_ft.errors import ChecksumError, ParityError
from vision_ft.export.write import update_metrics, write_bundle
from vision_ft.tasks.contract import Exportable

from .conftest import TEMPERATURE, Model


def _card(manifest: Manifest) -> str:
    return f"# {manifest.name}\n\n{manifest.metrics.get('accuracy', 'not measured')}\n"


def _reference(rows: int = 4) -> Reference:
    return Reference(
        embeddings=np.eye(rows, 288, dtype=np.float16),
        targets=np.zeros(rows, np.int32),
        scores=np.full((2, 3), 1 / 3, np.float32),
        score_targets=np.zeros(2, np.int32),
        confusion=np.eye(3, dtype=np.int64),
        quality=np.zeros((rows, 3), np.float32),
        slices=np.array([""] * rows),
    )


def _finish(predictor: Predictor) -> tuple[Reference, DecisionRule]:
    return _reference(), predictor.manifest.decision.model_copy(update={"distance_limit": 1.5})


@pytest.fixture
def bundle(exported: Model, tmp_path: Path) -> Path:
    return write_bundle(
        tmp_path / "out" / "bundle", exported.exportable, exported.contents,
        parity_images=exported.images, finish=_finish, card=_card,
    )  # fmt: skip


def test_the_folder_is_what_the_manifest_lists(bundle: Path) -> None:
    names = {p.name for p in bundle.iterdir()}
    expected = {"manifest.json", "model.onnx", "reference.npz", "card.md", "parity.json", "training_images.txt"}
    assert names == expected
    assert set(open_bundle(bundle).manifest.files) == expected - {"manifest.json"}
    assert [p.name for p in bundle.parent.iterdir()] == ["bundle"]
    assert bundle.stat().st_mode & 0o777 == 0o755


def test_the_manifest_says_where_everything_comes_from(bundle: Path, model: Model) -> None:
    manifest = open_bundle(bundle).manifest
    stage = manifest.stage
    assert (stage.weights.licence, stage.weights.source, stage.weights.sha256) == ("Apache-2.0", "a hub", "ab" * 32)
    assert stage.prior == {"good": 1 / 3, "scratch": 1 / 3, "stain": 1 / 3}
    assert (stage.calibration.temperature, stage.calibration.fitted_on) == (TEMPERATURE, "validation")
    assert stage.input == model.data.spec
    assert stage.heatmap == ""
    assert stage.outputs == ("probabilities", "embeddings", "heatmap")
    assert stage.embedding == load(bundle)(model.images[0]).embedding.size  # type: ignore[union-attr]
    assert [c.id for c in stage.classes if c.good] == ["good"]
    assert manifest.decision.distance_limit == 1.5
    assert manifest.findings == ("No objective is stated.",)
    assert {"torch", "timm", "onnx", "vision-ft", "python"} <= set(manifest.libraries)
    assert open_bundle(bundle).training_digests() == {s.digest for s in model.samples}
    assert manifest.recipe["model"]["backbone"] == "test_efficientnet"


def test_the_graph_takes_any_number_of_images(bundle: Path) -> None:
    session = onnxruntime.InferenceSession(bundle / "model.onnx", providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    assert (taken.name, taken.type, taken.shape[1:]) == ("images", "tensor(uint8)", [64, 96, 3])
    batch = np.random.default_rng(0).integers(0, 256, (5, 64, 96, 3), dtype=np.uint8)
    together = session.run(None, {"images": batch})
    for count in (1, 3):
        for whole, some in zip(together, session.run(None, {"images": batch[:count]}), strict=True):
            np.testing.assert_allclose(some, whole[:count], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["manifest.json", "model.onnx", "reference.npz", "card.md", "parity.json", "training_images.txt"]
)
def test_a_changed_byte_is_refused_by_its_files_name(name: str, bundle: Path) -> None:
    path = bundle / name
    data = bytearray(path.read_bytes())
    at = data.index(b"tiny") if name == "manifest.json" else len(data) // 2
    data[at] ^= 0x01
    path.write_bytes(data)
    with pytest.raises(ChecksumError, match=name):
        load(bundle)


def test_a_refused_export_leaves_the_old_bundle(bundle: Path, exported: Model) -> None:
    before = {p.name: p.read_bytes() for p in bundle.iterdir()}
    other = Exportable(
        exported.exportable.graph,
        exported.exportable.outputs,
        exported.exportable.embedding,
        "",
        lambda batch: {"probabilities": np.full((len(batch), 3), 1 / 3, np.float32)},
        exported.contents.classes,
    )
    with pytest.raises(ParityError):
        write_bundle(bundle, other, exported.contents, parity_images=exported.images)
    with pytest.raises(RuntimeError, match="on the way"):
        write_bundle(bundle, exported.exportable, exported.contents, parity_images=(), finish=_fails)
    assert {p.name: p.read_bytes() for p in bundle.iterdir()} == before
    assert [p.name for p in bundle.parent.iterdir()] == ["bundle"]


def _fails(_: Predictor) -> tuple[Reference, DecisionRule]:
    raise RuntimeError("on the way")


def test_a_good_export_replaces_the_old_bundle(bundle: Path, exported: Model) -> None:
    contents = replace(exported.contents, name="second")
    write_bundle(bundle, exported.exportable, contents, parity_images=exported.images)
    assert load(bundle).manifest.name == "second"
    assert not (bundle / "card.md").exists()
    assert [p.name for p in bundle.parent.iterdir()] == ["bundle"]


def test_the_old_bundle_is_put_back_where_the_new_one_cannot_be_moved(
    bundle: Path, exported: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name.startswith(".bundle-") and not self.name.endswith("-old") and target == bundle:
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="no"):
        write_bundle(bundle, exported.exportable, exported.contents, parity_images=exported.images)
    assert load(bundle).manifest.name == "tiny"
    assert [p.name for p in bundle.parent.iterdir()] == ["bundle"]


def test_figures_are_put_into_manifest_and_card(bundle: Path) -> None:
    update_metrics(bundle, {"accuracy": 0.75}, _card)
    assert load(bundle).manifest.metrics == {"accuracy": 0.75}
    assert "0.75" in (bundle / "card.md").read_text()
    assert json.loads((bundle / "manifest.json").read_text())["metrics"]["accuracy"] == 0.75
