"""What is minimised: scores towards how well each cell does, and boxes towards their objects."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from torchvision.ops import generalized_box_iou_loss

from vision_ft.tasks.detect.assign import assign
from vision_ft.tasks.detect.network import Dense

_FOCUS = 2.0


def detection_loss(
    dense: Dense, centres: Tensor, boxes: Tensor, labels: Tensor, *, candidates: int, box_weight: float
) -> tuple[Tensor, Tensor]:
    """Loss of the scores (quality focal loss, arXiv 2006.04388) and of the boxes (GIoU, arXiv 1902.09630).

    `boxes` float [N, M, 4] in input pixels and `labels` int64 [N, M] (-1 none, -2 ignored) are
    the objects. Both are sums over the batch in shares of the summed wanted scores.
    """
    dense = Dense(dense.logits.float(), dense.boxes.float())
    found = assign(dense, centres, boxes, labels, candidates=candidates)
    total = found.weights.sum().clamp_min(1.0)
    focus = (found.targets - dense.logits.sigmoid()).abs().pow(_FOCUS)
    each = F.binary_cross_entropy_with_logits(dense.logits, found.targets, reduction="none") * focus
    each = each * (~found.ignored)[:, :, None]
    chosen = found.objects >= 0
    if not chosen.any():
        return each.sum() / total, dense.boxes.sum() * 0.0
    wanted = boxes.gather(1, found.objects.clamp_min(0)[:, :, None].expand(-1, -1, 4))
    apart = generalized_box_iou_loss(dense.boxes[chosen], wanted[chosen], reduction="none")
    return each.sum() / total, box_weight * (apart * found.weights[chosen]).sum() / total


def accuracy_of(dense: Dense, labels: Tensor) -> Tensor:
    """Share of images whose best score is of a class that they show: a figure to watch, no more."""
    top = dense.logits.amax(dim=1).argmax(dim=1)
    return (labels == top[:, None]).any(dim=1).float().mean() if labels.shape[1] else torch.zeros(())
