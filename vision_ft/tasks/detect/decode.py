"""From dense scores to detections, in torch: for validation, and as the other path that parity is judged by."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import batched_nms, clip_boxes_to_image

from vision_ft.tasks.detect.network import Dense

CANDIDATES = 1000
"""Cells of an image, by their best score, that suppression looks at."""


class Decoded(NamedTuple):
    """The detections of N images, padded to K."""

    boxes: Tensor
    """Left, top, right, bottom in input pixels, float [N, K, 4]."""
    scores: Tensor
    """Best first, 0 where there is none, float [N, K]."""
    labels: Tensor
    """Number of the object class, int64 [N, K]."""
    counts: Tensor
    """Detections of each image, int64 [N]."""


@torch.no_grad()
def decode_dense(
    dense: Dense, size: tuple[int, int], *, floor: float, iou: float, most: int, temperature: float, offset: float
) -> Decoded:
    """Suppress and sort: at most `most` detections above `floor` an image of `size` (height, width)."""
    count, cells, classes = dense.logits.shape
    most = min(most, cells * classes)
    boxes = dense.boxes.new_zeros((count, most, 4))
    scores = dense.logits.new_zeros((count, most))
    labels = torch.zeros((count, most), dtype=torch.int64, device=dense.logits.device)
    counts = torch.zeros(count, dtype=torch.int64, device=dense.logits.device)
    for row in range(count):
        every = (dense.logits[row] / temperature + offset).sigmoid()
        few = every.amax(dim=1).topk(min(CANDIDATES, cells)).indices
        cell, label = torch.nonzero(every[few] > floor, as_tuple=True)
        own, where = every[few][cell, label], clip_boxes_to_image(dense.boxes[row][few][cell], size)
        kept = batched_nms(where, own, label, iou)[:most]
        amount = len(kept)
        boxes[row, :amount], scores[row, :amount], labels[row, :amount] = where[kept], own[kept], label[kept]
        counts[row] = amount
    return Decoded(boxes, scores, labels, counts)
