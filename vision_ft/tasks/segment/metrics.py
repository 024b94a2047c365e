"""Figures of a validation pass during training: quick, on the input's own pixels, and there to steer.

What is reported comes from the bundle, in the original's pixels (see `judge`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from vision_ft.data.object_masks import IGNORED


class Overlap:
    """Sums of intersections and areas by class over the images that show a defect."""

    def __init__(self, classes: int) -> None:
        self._sums = torch.zeros(3, classes + 1, dtype=torch.float64)

    def add(self, answered: Tensor, mask: Tensor) -> None:
        """Take in a batch of answers and labels, both [N, H, W] (0 background, 255 ignored)."""
        valid = mask != IGNORED
        bad = (valid & (mask > 0)).flatten(1).any(dim=1)
        valid = valid & bad[:, None, None]
        ours, theirs = answered[valid].long(), mask[valid].long()
        width = self._sums.shape[1]
        counted = [torch.bincount(one.cpu(), minlength=width) for one in (ours[ours == theirs], ours, theirs)]
        self._sums += torch.stack(counted).double()

    def figures(self) -> dict[str, float]:
        """Mean IoU and Dice over the labelled classes, and the IoU of all of them as one; 0 without any."""
        common, answered, labelled = self._sums[:, 1:]
        present = labelled > 0
        union = (answered + labelled - common).clamp_min(1.0)
        if not bool(present.any()):
            return {"mean_iou": 0.0, "mean_dice": 0.0}
        return {
            "mean_iou": float((common / union)[present].mean()),
            "mean_dice": float((2 * common / (answered + labelled).clamp_min(1.0))[present].mean()),
        }
