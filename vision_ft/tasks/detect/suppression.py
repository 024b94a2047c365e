"""Top-k and non-maximum suppression, appended to the exported graph with ONNX's own operators.

Torch cannot export them: how many boxes are left depends on the data. Written in ONNX, the
selected scores are scattered into an array of fixed size, and the best of that are the answer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, compose, helper, numpy_helper

from vision_ft.tasks.detect.decode import CANDIDATES

_OPSET = 18


def append_suppression(
    model: onnx.ModelProto, *, cells: int, classes: int, floor: float, iou: float, most: int, width: int
) -> onnx.ModelProto:
    """The model with `dense_boxes` and `dense_scores` turned into `boxes`, `scores`, `labels` and `counts`.

    `cells` and `classes` are P and C of the dense outputs, `width` that of the embedding. Suppression is by class.
    """
    opset = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    few = min(CANDIDATES, cells)
    most = min(most, few * classes)
    constants: dict[str, NDArray[Any]] = {
        "s_few": np.array([few], np.int64),
        "s_per_class": np.array([most], np.int64),
        "s_most": np.array([most], np.int64),
        "s_iou": np.array([iou], np.float32),
        "s_floor": np.array([floor], np.float32),
        "s_last": np.array([-1], np.int64),
        "s_two": np.array([2], np.int64),
        "s_one": np.array([1], np.int64),
        "s_columns": np.array([0, 2], np.int64),
        "s_shape": np.array([0, classes * few], np.int64),
        "s_few_scalar": np.array(few, np.int64),
        "s_zero": np.array(0.0, np.float32),
    }
    node = helper.make_node
    nodes = [
        # The best cells of each image.
        node("ReduceMax", ["s_dense_scores", "s_two"], ["s_best"], keepdims=0),
        node("TopK", ["s_best", "s_few"], ["s_few_best", "s_cells"], axis=1, largest=1, sorted=1),
        node("Unsqueeze", ["s_cells", "s_last"], ["s_cells_at"]),
        node("GatherND", ["s_dense_boxes", "s_cells_at"], ["s_few_boxes"], batch_dims=1),
        node("GatherND", ["s_dense_scores", "s_cells_at"], ["s_few_scores"], batch_dims=1),
        node("Transpose", ["s_few_scores"], ["s_by_class"], perm=[0, 2, 1]),
        # What is left after suppression: image, class and cell of each.
        node(
            "NonMaxSuppression",
            ["s_few_boxes", "s_by_class", "s_per_class", "s_iou", "s_floor"],
            ["s_selected"],
            center_point_box=0,
        ),
        node("GatherND", ["s_by_class", "s_selected"], ["s_selected_scores"], batch_dims=0),
        # Back to one array an image, zero where nothing was selected.
        node("Mul", ["s_by_class", "s_zero"], ["s_nothing"]),
        node("ScatterND", ["s_nothing", "s_selected", "s_selected_scores"], ["s_left"]),
        node("Reshape", ["s_left", "s_shape"], ["s_flat"], allowzero=0),
        node("TopK", ["s_flat", "s_most"], ["scores", "s_at"], axis=1, largest=1, sorted=1),
        node("Div", ["s_at", "s_few_scalar"], ["labels"]),
        node("Mod", ["s_at", "s_few_scalar"], ["s_cell"], fmod=0),
        node("Unsqueeze", ["s_cell", "s_last"], ["s_cell_at"]),
        node("GatherND", ["s_few_boxes", "s_cell_at"], ["boxes"], batch_dims=1),
        node("Greater", ["scores", "s_zero"], ["s_real"]),
        node("Cast", ["s_real"], ["s_ones"], to=TensorProto.INT64),
        node("ReduceSum", ["s_ones", "s_one"], ["counts"], keepdims=0),
        node("Identity", ["s_embeddings"], ["embeddings"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "suppression",
        [
            value("s_dense_boxes", TensorProto.FLOAT, ["batch", cells, 4]),
            value("s_dense_scores", TensorProto.FLOAT, ["batch", cells, classes]),
            value("s_embeddings", TensorProto.FLOAT, ["batch", width]),
        ],
        [
            value("boxes", TensorProto.FLOAT, ["batch", most, 4]),
            value("scores", TensorProto.FLOAT, ["batch", most]),
            value("labels", TensorProto.INT64, ["batch", most]),
            value("counts", TensorProto.INT64, ["batch"]),
            value("embeddings", TensorProto.FLOAT, ["batch", width]),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    tail = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=model.ir_version)
    model = compose.add_prefix(
        model, "d_", rename_inputs=False, rename_outputs=True, rename_initializers=True, rename_functions=False
    )
    merged: onnx.ModelProto = compose.merge_models(
        model,
        tail,
        io_map=[
            ("d_dense_boxes", "s_dense_boxes"),
            ("d_dense_scores", "s_dense_scores"),
            ("d_embeddings", "s_embeddings"),
        ],
    )
    onnx.checker.check_model(merged)
    return merged
