"""What the network is trained by: focal and Dice loss of pixels, cross-entropy of the classes in an image."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from vision_ft.data.object_masks import IGNORED

_EPS = 1e-6


def pixel_losses(logits: Tensor, mask: Tensor, *, gamma: float) -> tuple[Tensor, Tensor]:
    """Focal loss (arXiv 1708.02002) and Dice loss (arXiv 1606.04797) of logits [N, 1 + K, H, W].

    `mask` uint8 [N, H, W] is as `class_mask` gives it; ignored pixels count in neither. Dice is
    of each object class that occurs over the batch as a whole, as the figure that is aimed at
    is over many images; a single crop that shows two pixels of a defect would toss it about.
    (The losses of segmentation-models-pytorch hold a one-hot copy of the mask and compute the
    softmax twice, which costs more here than the decoder.)
    """
    classes = logits.shape[1]
    valid = mask != IGNORED
    target = torch.where(valid, mask, 0).long()
    log_p = F.log_softmax(logits.float(), dim=1)
    own = log_p.gather(1, target[:, None])[:, 0]
    count = valid.sum().clamp_min(1)
    focal = -((1.0 - own.exp()).clamp_min(_EPS).pow(gamma) * own * valid).sum() / count
    p = log_p.exp() * valid[:, None]
    answered = p.sum(dim=(0, 2, 3))
    flat = torch.where(valid, target, 0).flatten()
    weight = valid.flatten().to(p.dtype)
    labelled = p.new_zeros(classes).index_add_(0, flat, weight)
    common = p.new_zeros(classes).index_add_(0, flat, own.exp().flatten() * weight)
    present = (labelled > 0)[1:].to(p.dtype)
    dice = (2.0 * common / (answered + labelled).clamp_min(_EPS))[1:]
    return focal, ((1.0 - dice) * present).sum() / present.sum().clamp_min(1.0)


def presence_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy of each class to be shown, of logits [N, K]; images that are ignored as a whole do not count."""
    numbers = torch.arange(1, logits.shape[1] + 1, device=mask.device, dtype=mask.dtype)
    flat = mask.flatten(1)
    shown = torch.stack([(flat == number).any(dim=1) for number in numbers], dim=1).to(logits.dtype)
    known = (flat != IGNORED).any(dim=1).to(logits.dtype)
    each = F.binary_cross_entropy_with_logits(logits, shown, reduction="none").mean(dim=1)
    return (each * known).sum() / known.sum().clamp_min(1.0)
