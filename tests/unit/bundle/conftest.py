"""A whole bundle that answers in microseconds, without torch: it names an image's strongest colour."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.decision import DecisionRule
from vision_ft.bundle.folder import TRAINING_IMAGES, file_digests
from vision_ft.bundle.manifest import DataInfo, InputSpec, Manifest, Stage, Weights, write_manifest
from vision_ft.bundle.novelty import unit
from vision_ft.bundle.reference import Reference

SIZE = 16
CLASSES = (ClassInfo(id="red"), ClassInfo(id="green", name="Green part", good=True), ClassInfo(id="blue"))
TRAINING_DIGEST = "ab" * 32

MakeBundle = Callable[..., Path]


def colour_graph(heatmap: bool = True) -> onnx.ModelProto:
    """Uint8 [N, 16, 16, 3] to probabilities [N, 3], embeddings [N, 3], heatmap [N, 3, 4, 4].

    A class's logit is eight times the mean of its colour; a location's share is that of its patch.
    """
    node = helper.make_node
    nodes = [
        node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        node("Div", ["floats", "full"], ["scaled"]),
        node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
        node("AveragePool", ["planes"], ["patches"], kernel_shape=[4, 4], strides=[4, 4]),
        node("ReduceMean", ["patches", "axes"], ["embeddings"], keepdims=0),
        node("Mul", ["embeddings", "gain"], ["logits"]),
        node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    outputs = [
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3]),
        helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["N", 3]),
    ]
    if heatmap:
        nodes.append(node("Mul", ["patches", "gain"], ["heatmap"]))
        outputs.append(helper.make_tensor_value_info("heatmap", TensorProto.FLOAT, ["N", 3, 4, 4]))
    graph = helper.make_graph(
        nodes,
        "strongest colour",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", SIZE, SIZE, 3])],
        outputs,
        [
            numpy_helper.from_array(np.array(255, np.float32), "full"),
            numpy_helper.from_array(np.array(8, np.float32), "gain"),
            numpy_helper.from_array(np.array([2, 3], np.int64), "axes"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def colour_reference() -> Reference:
    """Two reds, two greens, two blues."""
    vectors = unit(np.repeat(np.eye(3, dtype=np.float32), 2, axis=0))
    return Reference(
        embeddings=vectors.astype(np.float16),
        targets=np.repeat(np.arange(3, dtype=np.int32), 2),
        scores=np.eye(3, dtype=np.float32),
        score_targets=np.arange(3, dtype=np.int32),
        confusion=np.eye(3, dtype=np.int64),
        quality=np.full((6, 3), 0.5, np.float32),
        slices=np.array(["camera=1"] * 3 + ["camera=2;shift=night"] * 3, dtype=np.str_),
    )


def colour_manifest(**changes: Any) -> Manifest:
    """A manifest of the colour bundle; `changes` go to the stage where it has such a field."""
    stage: dict[str, Any] = {
        "task": "classify",
        "classes": CLASSES,
        "input": InputSpec(height=SIZE, width=SIZE),
        "outputs": ("probabilities", "embeddings", "heatmap"),
        "embedding": 3,
        "weights": Weights(backbone="none", source="none"),
    }
    whole: dict[str, Any] = {
        "name": "colours",
        "version": "7",
        "created": "2026-01-02T03:04:05Z",
        "decision": DecisionRule(),
        "data": DataInfo(fingerprint="f" * 64, images=6, parts=3),
    }
    stage |= {key: value for key, value in changes.items() if key in Stage.model_fields}
    whole |= {key: value for key, value in changes.items() if key not in Stage.model_fields}
    return Manifest(stages=(Stage(**stage),), **whole)


@pytest.fixture
def make_bundle(tmp_path: Path) -> MakeBundle:
    """Write a colour bundle into a folder of the test; returns its path."""

    def make(name: str = "bundle", *, reference: bool = True, heatmap: bool = True, **changes: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "model.onnx").write_bytes(colour_graph(heatmap).SerializeToString())
        (folder / "card.md").write_text("# Colours\n", encoding="utf-8")
        (folder / TRAINING_IMAGES).write_text(TRAINING_DIGEST + "\n", encoding="ascii")
        if reference:
            colour_reference().write(folder)
        if not heatmap:
            changes |= {"outputs": ("probabilities", "embeddings"), "heatmap": "the graph has none"}
        write_manifest(folder, colour_manifest(files=file_digests(folder), **changes))
        return folder

    return make
