"""What the network is trained by: where defects are, of what class each is, and what an image shows."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from vision_ft.data.object_masks import IGNORED

_EPS = 1e-6


class PixelLosses(NamedTuple):
    """Of a batch's pixels, each a scalar."""

    focal: Tensor
    """Focal loss of defect against background (arXiv 1708.02002), mean over the pixels."""
    dice: Tensor
    """Dice loss (arXiv 1606.04797): half of it of all defects as one, half the mean over the classes."""
    classes: Tensor
    """Cross-entropy of the class of labelled pixels, every class with the same weight."""


def pixel_losses(foreground: Tensor, classes: Tensor, mask: Tensor, *, gamma: float) -> PixelLosses:
    """Losses of the logits of a defect [N, 1, H, W] and of its class [N, K, H, W].

    `mask` uint8 [N, H, W] is as `class_mask` gives it; ignored pixels count nowhere. Dice is
    taken over the batch as a whole, as the figure that is aimed at is over many images: a
    single crop that shows two pixels of a defect would toss it about. (The losses of
    segmentation-models-pytorch hold a one-hot copy of the mask and compute the softmax twice,
    which costs more here than the decoder.)
    """
    count = classes.shape[1]
    valid = mask != IGNORED
    shown = valid & (mask > 0)
    logits, weight = foreground[:, 0].float(), valid.float()
    p = logits.sigmoid()
    each = F.binary_cross_entropy_with_logits(logits, shown.float(), reduction="none")
    wrong = torch.where(shown, 1.0 - p, p)
    focal = (wrong.clamp_min(_EPS).pow(gamma) * each * weight).sum() / weight.sum().clamp_min(1.0)

    number = torch.where(shown, mask, 1).long() - 1
    log_q = F.log_softmax(classes.float(), dim=1)
    own = log_q.gather(1, number[:, None])[:, 0]
    flat, inside = number.flatten(), shown.float().flatten()

    def by_class(values: Tensor) -> Tensor:
        return values.new_zeros(count).index_add_(0, flat, values.flatten() * inside)

    labelled = by_class(torch.ones_like(p))
    present = (labelled > 0).float()
    known = present.sum().clamp_min(1.0)
    surprise = (-by_class(own) / labelled.clamp_min(1.0)).sum() / known
    answered = (log_q.exp() * (p * weight)[:, None]).sum(dim=(0, 2, 3))
    dice = 2.0 * by_class(p * own.exp()) / (answered + labelled).clamp_min(_EPS)
    every = 2.0 * (p * shown).sum() / ((p * weight).sum() + labelled.sum()).clamp_min(_EPS)
    lost = 0.5 * ((1.0 - every) * present.amax() + ((1.0 - dice) * present).sum() / known)
    return PixelLosses(focal, lost, surprise)


def presence_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy of each class to be shown, of logits [N, K]; images that are ignored as a whole do not count."""
    numbers = torch.arange(1, logits.shape[1] + 1, device=mask.device, dtype=mask.dtype)
    flat = mask.flatten(1)
    shown = torch.stack([(flat == number).any(dim=1) for number in numbers], dim=1).to(logits.dtype)
    known = (flat != IGNORED).any(dim=1).to(logits.dtype)
    each = F.binary_cross_entropy_with_logits(logits, shown, reduction="none").mean(dim=1)
    return (each * known).sum() / known.sum().clamp_min(1.0)
