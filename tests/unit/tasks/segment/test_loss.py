"""Losses against their definitions."""

from __future__ import annotations

import pytest
import torch
from segmentation_models_pytorch.losses import DiceLoss
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from vision_ft.data.object_masks import IGNORED
from vision_ft.tasks.segment.loss import pixel_losses, presence_loss


def _batch() -> tuple[Tensor, Tensor]:
    logits = torch.randn(3, 4, 9, 7, generator=torch.Generator().manual_seed(0))
    mask = torch.randint(0, 4, (3, 9, 7), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    mask[0, :3] = IGNORED
    return logits, mask


def test_without_gamma_focal_loss_is_cross_entropy() -> None:
    logits, mask = _batch()
    focal, _ = pixel_losses(logits, mask, gamma=0.0)
    torch.testing.assert_close(focal, F.cross_entropy(logits, mask.long(), ignore_index=IGNORED))


def test_focal_loss_is_the_weighted_cross_entropy() -> None:
    logits, mask = _batch()
    focal, _ = pixel_losses(logits, mask, gamma=2.0)
    each = F.cross_entropy(logits, mask.long(), ignore_index=IGNORED, reduction="none")
    expected = ((1 - (-each).exp()) ** 2 * each)[mask != IGNORED].mean()
    torch.testing.assert_close(focal, expected)


def test_dice_is_that_of_the_library() -> None:
    logits, mask = _batch()
    _, dice = pixel_losses(logits, mask, gamma=2.0)
    theirs = DiceLoss("multiclass", classes=[1, 2, 3], ignore_index=IGNORED)(logits, mask.long())
    torch.testing.assert_close(dice, theirs)


def test_classes_that_do_not_occur_have_no_dice() -> None:
    logits, mask = _batch()
    mask[mask == 3] = 0
    _, dice = pixel_losses(logits, mask, gamma=2.0)
    theirs = DiceLoss("multiclass", classes=[1, 2], ignore_index=IGNORED)(logits, mask.long())
    torch.testing.assert_close(dice, theirs)


@pytest.mark.parametrize("value", [0, IGNORED])
def test_a_batch_without_defects_is_a_number_with_a_gradient(value: int) -> None:
    logits = torch.randn(2, 4, 8, 8, requires_grad=True)
    mask = torch.full((2, 8, 8), value, dtype=torch.uint8)
    focal, dice = pixel_losses(logits, mask, gamma=2.0)
    (focal + dice).backward()  # type: ignore[no-untyped-call]
    assert float(dice.detach()) == 0
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


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
