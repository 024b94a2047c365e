"""A bundle of a few hundred bytes that answers with an image's dominant colour, made without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from vision_ft.bundle import ClassInfo, DecisionRule, InputSpec, Manifest
from vision_ft.bundle.folder import file_digests
from vision_ft.bundle.manifest import DataInfo, Stage, Weights, write_manifest
from vision_ft.bundle.reference import Reference

CLASSES = (
    ClassInfo(id="red", name="Red scratch"),
    ClassInfo(id="green", name="Good part", good=True),
    ClassInfo(id="blue", name="Blue stain"),
)
SIZE = 32
_CELL = 8


def graph(*, classes: int = 3, gain: float = 8.0, heatmap: bool = True) -> onnx.ModelProto:
    """Uint8 [N, H, W, 3] to probabilities [N, C], embeddings [N, 3] (mean RGB) and heatmap [N, C, H/8, W/8].

    The logit of class i is `gain` times the mean of channel i modulo 3, in [0, 1], minus a
    half for each further round of classes.
    """
    pick = np.zeros((3, classes), np.float32)
    pick[[i % 3 for i in range(classes)], range(classes)] = gain
    bias = np.array([-0.5 * (i // 3) for i in range(classes)], np.float32)
    constants: dict[str, Any] = {
        "scale": np.array(1 / 255, np.float32),
        "spatial": np.array([1, 2], np.int64),
        "pick": pick,
        "bias": bias,
        "kernel": pick.T[:, :, None, None].copy(),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["cast", "scale"], ["unit"]),
        helper.make_node("ReduceMean", ["unit", "spatial"], ["embeddings"], keepdims=0),
        helper.make_node("Gemm", ["embeddings", "pick", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    outputs: list[tuple[str, list[str | int]]] = [("probabilities", ["batch", classes]), ("embeddings", ["batch", 3])]
    if heatmap:
        nodes += [
            helper.make_node("Transpose", ["unit"], ["planes"], perm=[0, 3, 1, 2]),
            helper.make_node("AveragePool", ["planes"], ["cells"], kernel_shape=[_CELL, _CELL], strides=[_CELL, _CELL]),
            helper.make_node("Conv", ["cells", "kernel"], ["heatmap"]),
        ]
        outputs.append(("heatmap", ["batch", classes, "rows", "columns"]))
    else:
        del constants["kernel"]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "tiny",
            [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", "height", "width", 3])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=10,
    )
    onnx.checker.check_model(model)
    return model


def build_tiny_bundle(
    folder: Path,
    *,
    classes: tuple[ClassInfo, ...] = CLASSES,
    decision: DecisionRule | None = None,
    spec: InputSpec | None = None,
    heatmap: bool = True,
    reference: bool = True,
    **manifest: Any,
) -> Path:
    """Write the bundle into a folder, which is made, and return it.

    The reference holds each class's pure colour three times: grey images are far from all of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(graph(classes=len(classes), heatmap=heatmap), folder / "model.onnx")
    count = len(classes)
    if reference:
        targets = np.repeat(np.arange(count, dtype=np.int32), 3)
        Reference(
            embeddings=np.eye(3, dtype=np.float16)[targets % 3],
            targets=targets,
            scores=np.eye(count, dtype=np.float32)[targets],
            score_targets=targets,
            confusion=3 * np.eye(count, dtype=np.int64),
            quality=np.full((len(targets), 3), 0.5, np.float32),
            slices=np.array(["camera=1"] * len(targets)),
        ).write(folder)
    (folder / "card.md").write_text("# Tiny\n\nAnswers with the dominant colour.\n", encoding="utf-8")
    outputs = ("probabilities", "embeddings", "heatmap") if heatmap else ("probabilities", "embeddings")
    stage = Stage(
        task="classify",
        classes=classes,
        input=spec or InputSpec(height=SIZE, width=SIZE),
        outputs=outputs,
        embedding=3,
        heatmap="" if heatmap else "the backbone has no spatial map",
        prior={c.id: 1 / count for c in classes},
        weights=Weights(backbone="tiny", source="none", licence="Apache-2.0"),
    )
    content: dict[str, Any] = {
        "name": "tiny",
        "version": "20260101-tiny",
        "created": "2026-01-01T00:00:00Z",
        "stages": (stage,),
        "decision": decision or DecisionRule(pass_below=0.2, reject_from=0.6, basis="set by hand"),
        "findings": ("not decidable with so few parts",),
        "data": DataInfo(fingerprint="0" * 64, images=3 * count, parts=count),
        "files": file_digests(folder),
    }
    write_manifest(folder, Manifest(**{**content, **manifest}))
    return folder
