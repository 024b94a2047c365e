"""Graphs of a few hundred bytes that say where red and blue are, for `tiny_finders`.

They take uint8 [N, 32, 32, 3], and their embedding is the mean colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from tests.support.tiny_bundle import SIZE

FLOOR = 0.05
"""Mean of a colour from which a quarter is found."""

_HALF = SIZE // 2


def detector() -> onnx.ModelProto:
    """Uint8 [N, 32, 32, 3] to a box for each quarter that is red or blue, with the colour's mean as its score."""
    quarters = [[x, y, x + _HALF, y + _HALF] for y in (0, _HALF) for x in (0, _HALF)]
    nodes = [
        *_colours(),
        helper.make_node("AveragePool", ["two"], ["cells"], kernel_shape=[_HALF, _HALF], strides=[_HALF, _HALF]),
        helper.make_node("Reshape", ["cells", "flat"], ["rows"]),
        helper.make_node("ReduceMax", ["rows", "one"], ["best"], keepdims=0),
        helper.make_node("ArgMax", ["rows"], ["colour"], axis=1, keepdims=0),
        helper.make_node("TopK", ["best", "four"], ["ordered", "order"], axis=1),
        helper.make_node("Greater", ["ordered", "floor"], ["there"]),
        helper.make_node("Where", ["there", "ordered", "zero"], ["scores"]),
        helper.make_node("Cast", ["there"], ["ones"], to=TensorProto.INT64),
        helper.make_node("ReduceSum", ["ones", "one"], ["counts"], keepdims=0),
        helper.make_node("GatherElements", ["colour", "order"], ["labels"], axis=1),
        helper.make_node("Gather", ["quarters", "order"], ["boxes"], axis=0),
    ]
    constants: dict[str, Any] = {
        "flat": np.array([0, 2, 4], np.int64),
        "one": np.array([1], np.int64),
        "four": np.array([4], np.int64),
        "floor": np.array(FLOOR, np.float32),
        "zero": np.array(0, np.float32),
        "quarters": np.array(quarters, np.float32),
    }
    outputs = [
        helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["batch", 4, 4]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 4]),
        helper.make_tensor_value_info("labels", TensorProto.INT64, ["batch", 4]),
        helper.make_tensor_value_info("counts", TensorProto.INT64, ["batch"]),
    ]
    return _model(nodes, constants, outputs)


def segmenter() -> onnx.ModelProto:
    """Uint8 [N, 32, 32, 3] to the class of each pixel that is more than half red or blue."""
    nodes = [
        *_colours(),
        helper.make_node("ReduceMax", ["two", "one"], ["strongest"], keepdims=0),
        helper.make_node("ArgMax", ["two"], ["colour"], axis=1, keepdims=0),
        helper.make_node("Greater", ["strongest", "half"], ["there"]),
        helper.make_node("Add", ["colour", "one"], ["number"]),
        helper.make_node("Where", ["there", "number", "nothing"], ["wide"]),
        helper.make_node("Cast", ["wide"], ["labels"], to=TensorProto.UINT8),
        helper.make_node("Mul", ["strongest", "most"], ["levels"]),
        helper.make_node("Cast", ["levels"], ["foreground"], to=TensorProto.UINT8),
        helper.make_node("ReduceMax", ["two", "plane"], ["scores"], keepdims=0),
    ]
    constants: dict[str, Any] = {
        "one": np.array([1], np.int64),
        "nothing": np.array(0, np.int64),
        "half": np.array(0.5, np.float32),
        "most": np.array(255, np.float32),
        "plane": np.array([2, 3], np.int64),
    }
    outputs = [
        helper.make_tensor_value_info("labels", TensorProto.UINT8, ["batch", SIZE, SIZE]),
        helper.make_tensor_value_info("foreground", TensorProto.UINT8, ["batch", SIZE, SIZE]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 2]),
    ]
    return _model(nodes, constants, outputs)


def oddity() -> onnx.ModelProto:
    """Twice the red or blue of each pixel as the score of the place, and the highest one as that of the image."""
    nodes = [
        *_colours(),
        helper.make_node("ReduceMax", ["two", "one"], ["strongest"], keepdims=0),
        helper.make_node("Mul", ["strongest", "twice"], ["map"]),
        helper.make_node("ReduceMax", ["map", "sides"], ["highest"], keepdims=0),
        helper.make_node("Add", ["highest", "little"], ["raw_scores"]),
        helper.make_node("Add", ["raw_scores", "unit_score"], ["above"]),
        helper.make_node("Div", ["raw_scores", "above"], ["scores"]),
    ]
    constants: dict[str, Any] = {
        "one": np.array([1], np.int64),
        "sides": np.array([1, 2], np.int64),
        "twice": np.array(2, np.float32),
        "little": np.array(1e-3, np.float32),
        "unit_score": np.array(1, np.float32),
    }
    outputs = [
        helper.make_tensor_value_info("map", TensorProto.FLOAT, ["batch", SIZE, SIZE]),
        helper.make_tensor_value_info("raw_scores", TensorProto.FLOAT, ["batch"]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch"]),
    ]
    return _model(nodes, constants, outputs)


def _colours() -> list[NodeProto]:
    """Red and blue as planes `two` [N, 2, H, W] in [0, 1], and the mean colour as the embedding."""
    return [
        helper.make_node("Cast", ["image"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["cast", "scale"], ["unit"]),
        helper.make_node("ReduceMean", ["unit", "spatial"], ["embeddings"], keepdims=0),
        helper.make_node("Transpose", ["unit"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Gather", ["planes", "channels"], ["two"], axis=1),
    ]


def _model(nodes: Sequence[NodeProto], constants: dict[str, Any], outputs: Sequence[ValueInfoProto]) -> onnx.ModelProto:
    shared = {
        "scale": np.array(1 / 255, np.float32),
        "spatial": np.array([1, 2], np.int64),
        "channels": np.array([0, 2], np.int64),
    }
    embeddings = helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["batch", 3])
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "tiny",
            [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", SIZE, SIZE, 3])],
            [*outputs, embeddings],
            [numpy_helper.from_array(value, name) for name, value in {**shared, **constants}.items()],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=10,
    )
    onnx.checker.check_model(model)
    return model
