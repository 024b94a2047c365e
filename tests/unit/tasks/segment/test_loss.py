"""Losses against their definitions."""

from __future__ import annotations

import pytest
import torch
from segmentation_models_pytorch.losses import DiceLoss, FocalLoss
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from vision_ft.data.object_masks import IGNORED
from vision_ft.tasks.segment.loss import pixel_losses, presence_loss


def _batch() -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    foreground, classes = torch.randn(3, 1, 9, 7, generator=draw), torch.randn(3, 3, 9, 7, generator=draw)
    mask = torch.randint(0, 4, (3, 9, 7), generator=draw, dtype=torch.uint8)
    mask[0, :3] = IGNORED
    return foreground, classes, mask


def _binary(mask: Tensor) -> Tensor:
    return torch.where((mask > 0) & (mask != IGNORED), 1, mask.long())


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_the_focal_loss_is_that_of_the_library(gamma: float) -> None:
    foreground, classes, mask = _batch()
    found = pixel_losses(foreground, classes, mask, gamma=gamma).focal
    theirs = FocalLoss("binary", gamma=gamma, ignore_index=IGNORED)(foreground, _binary(mask))
    torch.testing.assert_close(found, theirs)


def test_dice_is_half_of_defects_as_one_and_half_by_class() -> None:
    foreground, classes, mask = _batch()
    found = pixel_losses(foreground, classes, mask, gamma=2.0).dice
    every = DiceLoss("binary", ignore_index=IGNORED)(foreground, _binary(mask))
    p = foreground.sigmoid()
    shares = torch.cat([1 - p, p * classes.softmax(dim=1)], dim=1)
    by_class = DiceLoss("multiclass", classes=[1, 2, 3], ignore_index=IGNORED)(shares.log(), mask.long())
    torch.testing.assert_close(found, (every + by_class) / 2)


def test_each_class_counts_alike_in_the_cross_entropy() -> None:
    foreground, classes, mask = _batch()
    mask[1] = 0
    mask[1, 0, 0] = 3
    mask[mask == 2] = 1
    found = pixel_losses(foreground, classes, mask, gamma=2.0).classes
    each = F.cross_entropy(classes, (mask.long() - 1).clamp(0, 2), reduction="none")
    torch.testing.assert_close(found, (each[mask == 1].mean() + each[mask == 3].mean()) / 2)


@pytest.mark.parametrize("value", [0, IGNORED])
def test_a_batch_without_defects_is_a_number_with_a_gradient(value: int) -> None:
    foreground = torch.randn(2, 1, 8, 8, requires_grad=True)
    classes = torch.randn(2, 3, 8, 8, requires_grad=True)
    found = pixel_losses(foreground, classes, torch.full((2, 8, 8), value, dtype=torch.uint8), gamma=2.0)
    (found.focal + found.dice + found.classes).backward()  # type: ignore[no-untyped-call]
    assert [float(one.detach()) for one in (found.dice, found.classes)] == [0, 0]
    assert (float(found.focal.detach()) > 0) == (value == 0)
    for one in (foreground, classes):
        assert one.grad is not None
        assert torch.isfinite(one.grad).all()


def test_presence_is_what_the_mask_shows() -> None:
    logits = torch.tensor([[8.0, -8.0], [-8.0, -8.0], [-8.0, 8.0]])
    mask = torch.zeros(3, 4, 4, dtype=torch.uint8)
    mask[0, 1, 1] = 1
    assert float(presence_loss(logits[:2], mask[:2])) < 1e-3
    wrong = float(presence_loss(logits, mask))
    assert wrong > 1
    mask[2] = IGNORED
    assert float(presence_loss(logits, mask)) < 1e-3
    assert float(presence_loss(logits[2:], mask[2:])) == 0
