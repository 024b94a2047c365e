"""Which cells learn from which object: those that already answer it best.

Task-aligned assignment (Feng et al., TOOD, arXiv 2108.07755): of the cells whose centre lies in
an object, the few with the best product of score and overlap learn it. A cell in two objects
takes the one that it overlaps more. An object that holds no cell's centre takes the nearest cell.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vision_ft.tasks.detect.network import Dense

_SCORE_POWER, _OVERLAP_POWER = 1.0, 4.0
_AT_ONCE = 2**23
"""Pairs of an object and a cell that are looked at in one go, unless one image has more: about half a GB."""


class Assigned(NamedTuple):
    """What each of P cells of N images is to say."""

    targets: Tensor
    """Wanted score of each class, float [N, P, C]: how well the cell does it, scaled by the object's best."""
    objects: Tensor
    """Number of the object that the cell learns, int64 [N, P]; -1 for none."""
    weights: Tensor
    """Weight of the cell's box, float [N, P]: its wanted score."""
    ignored: Tensor
    """Cells in ignored objects that learn nothing, bool [N, P]."""


@torch.no_grad()
def assign(dense: Dense, centres: Tensor, boxes: Tensor, labels: Tensor, *, candidates: int) -> Assigned:
    """Assign cells to objects.

    `boxes` float [N, M, 4] and `labels` int64 [N, M] are padded: -1 is no object, -2 an ignored one.
    """
    count, cells, _ = dense.logits.shape
    shown = (labels != -1).any(dim=0).nonzero()
    if not len(shown):
        nothing = torch.zeros_like(dense.logits)
        none = torch.full((count, cells), -1, device=labels.device, dtype=torch.int64)
        return Assigned(nothing, none, nothing[..., 0], none > 0)
    most = int(shown[-1]) + 1
    boxes, labels = boxes[:, :most], labels[:, :most]
    some = max(1, _AT_ONCE // (most * cells))
    parts = [
        _assigned(
            Dense(dense.logits[first : first + some], dense.boxes[first : first + some]),
            centres,
            boxes[first : first + some],
            labels[first : first + some],
            candidates,
        )
        for first in range(0, count, some)
    ]
    return parts[0] if len(parts) == 1 else Assigned(*(torch.cat(one) for one in zip(*parts, strict=True)))


def _assigned(dense: Dense, centres: Tensor, boxes: Tensor, labels: Tensor, candidates: int) -> Assigned:
    cells, objects = dense.logits.shape[1], boxes.shape[1]
    real = labels >= 0
    low, high = boxes[:, :, None, :2], boxes[:, :, None, 2:]
    points = centres[None, None]
    inside = torch.minimum(points - low, high - points).amin(dim=3) > 0
    overlap = pairwise_overlap(boxes, dense.boxes)
    number = labels.clamp_min(0)
    scores = dense.logits.sigmoid().transpose(1, 2).gather(1, number[:, :, None].expand(-1, -1, cells))
    alignment = scores.pow(_SCORE_POWER) * overlap.pow(_OVERLAP_POWER)
    middle = (boxes[:, :, None, :2] + boxes[:, :, None, 2:]) / 2
    distance = (points - middle).square().sum(dim=3)
    lost = ~inside.any(dim=2)
    nearest = torch.zeros_like(inside).scatter_(2, distance.argmin(dim=2, keepdim=True), value=True)
    may = torch.where(lost[:, :, None], nearest, inside) & real[:, :, None]
    # The tiny term lets cells that do equally badly (all of them, at first) go by their distance to the middle.
    size = (boxes[..., 2:] - boxes[..., :2]).clamp_min(1.0).square().sum(dim=2)[:, :, None]
    merit = torch.where(may, alignment + 1e-9 / (1.0 + distance / size), alignment.new_tensor(-1.0))
    best = merit.topk(min(candidates, cells), dim=2)
    chosen = torch.zeros_like(may).scatter_(2, best.indices, best.values > 0)
    rivals = torch.where(chosen, overlap + 1e-6, overlap.new_tensor(-1.0))
    winner = rivals.argmax(dim=1)
    taken = rivals.amax(dim=1) > 0
    mine = chosen & (winner[:, None] == torch.arange(objects, device=winner.device)[None, :, None])
    own = torch.where(mine, alignment, alignment.new_tensor(0.0))
    most = own.amax(dim=2, keepdim=True)
    reach = torch.where(mine, overlap, overlap.new_tensor(0.0)).amax(dim=2, keepdim=True)
    # Early in training no cell answers anything: a floor keeps each object's best cell learning.
    wanted = (own / most.clamp_min(1e-12) * reach.clamp_min(0.1)).sum(dim=1)
    first = torch.where(taken, winner, torch.full_like(winner, -1))
    label = number.gather(1, winner)
    targets = torch.zeros_like(dense.logits)
    targets.scatter_(2, label[:, :, None], (wanted * taken)[:, :, None].to(targets.dtype))
    left_out = (inside & (labels == -2)[:, :, None]).any(dim=1) & ~taken
    return Assigned(targets, first, wanted * taken, left_out)


def pairwise_overlap(left: Tensor, right: Tensor) -> Tensor:
    """Intersection over union, float [N, M, P], of boxes [N, M, 4] and [N, P, 4]."""
    low = torch.maximum(left[:, :, None, :2], right[:, None, :, :2])
    high = torch.minimum(left[:, :, None, 2:], right[:, None, :, 2:])
    common = (high - low).clamp_min(0).prod(dim=3)
    one = (left[..., 2:] - left[..., :2]).clamp_min(0).prod(dim=2)[:, :, None]
    other = (right[..., 2:] - right[..., :2]).clamp_min(0).prod(dim=2)[:, None, :]
    return common / (one + other - common).clamp_min(1e-9)
