"""The suppression that is written in ONNX against torchvision's, on random scores."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from vision_ft.tasks.detect.decode import decode_dense
from vision_ft.tasks.detect.network import Dense
from vision_ft.tasks.detect.suppression import append_suppression

CELLS, CLASSES, WIDTH = 40, 3, 5
NAMES = ("dense_boxes", "dense_scores", "embeddings")
SHAPES = ([None, CELLS, 4], [None, CELLS, CLASSES], [None, WIDTH])


def session(most: int, floor: float = 0.1) -> onnxruntime.InferenceSession:
    """A graph that hands its inputs to the suppression."""

    def value(name: str, shape: list[int | None]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape[1:]])

    graph = helper.make_graph(
        [helper.make_node("Identity", [f"in_{name}"], [name]) for name in NAMES],
        "dense",
        [value(f"in_{name}", shape) for name, shape in zip(NAMES, SHAPES, strict=True)],
        [value(name, shape) for name, shape in zip(NAMES, SHAPES, strict=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    made = append_suppression(
        model, cells=CELLS, classes=CLASSES, floor=floor, iou=0.5, most=most, width=WIDTH
    )  # fmt: skip
    return onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])


def random_dense(seed: int, images: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 60, (images, CELLS, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 40, (images, CELLS, 2))], axis=2)
    return boxes.astype(np.float32), rng.uniform(0, 1, (images, CELLS, CLASSES)).astype(np.float32)


@pytest.mark.parametrize(("images", "most"), [(1, 20), (3, 20), (2, 500), (2, 1)])
def test_it_selects_what_torchvision_selects(images: int, most: int) -> None:
    boxes, scores = random_dense(images + most, images)
    found = session(most).run(
        None,
        {"in_dense_boxes": boxes, "in_dense_scores": scores, "in_embeddings": np.ones((images, WIDTH), np.float32)},
    )
    dense = Dense(torch.from_numpy(scores).logit(), torch.from_numpy(boxes))
    wanted = decode_dense(dense, (200, 200), floor=0.1, iou=0.5, most=most, temperature=1.0, offset=0.0)
    width = min(most, CELLS * CLASSES)
    assert found[1].shape == (images, width)
    np.testing.assert_array_equal(found[3], wanted.counts.numpy())
    for row in range(images):
        count = int(found[3][row])
        np.testing.assert_allclose(found[1][row, :count], wanted.scores[row, :count].numpy(), atol=1e-5)
        np.testing.assert_array_equal(found[2][row, :count], wanted.labels[row, :count].numpy())
        np.testing.assert_allclose(found[0][row, :count], wanted.boxes[row, :count].numpy(), atol=1e-3)
        assert not found[1][row, count:].any()


def test_nothing_above_the_floor_is_an_answer_too() -> None:
    boxes, scores = random_dense(0, 2)
    found = session(10, floor=0.9).run(
        None,
        {"in_dense_boxes": boxes, "in_dense_scores": 0.5 * scores, "in_embeddings": np.ones((2, WIDTH), np.float32)},
    )
    assert found[3].tolist() == [0, 0]
