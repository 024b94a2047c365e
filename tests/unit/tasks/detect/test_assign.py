"""Which cells learn what."""

from __future__ import annotations

import pytest
import torch

from vision_ft.tasks.detect.assign import assign
from vision_ft.tasks.detect.loss import detection_loss
from vision_ft.tasks.detect.network import Dense, cell_centres

CENTRES, CELLS = cell_centres((64, 64), (8, 16))


def dense(classes: int = 2, images: int = 1) -> Dense:
    sides = CELLS[None, :, None].expand(images, -1, 4)
    boxes = torch.cat([CENTRES - sides[..., :2], CENTRES + sides[..., 2:]], dim=2)
    return Dense(torch.full((images, len(CENTRES), classes), -4.0), boxes)


def test_cells_of_an_object_learn_its_class_and_no_others_do() -> None:
    boxes, labels = torch.tensor([[[8.0, 8.0, 40.0, 40.0]]]), torch.tensor([[1]])
    found = assign(dense(), CENTRES, boxes, labels, candidates=5)
    learning = found.objects[0] >= 0
    assert int(learning.sum()) == 5
    inside = ((CENTRES > 8) & (CENTRES < 40)).all(dim=1)
    assert bool(inside[learning].all())
    assert bool((found.targets[0, learning, 1] > 0).all())
    assert not bool(found.targets[0, :, 0].any())


def test_an_object_between_the_cells_is_learned_all_the_same() -> None:
    boxes, labels = torch.tensor([[[9.0, 9.0, 11.0, 11.0]]]), torch.tensor([[0]])
    assert int((assign(dense(), CENTRES, boxes, labels, candidates=5).objects >= 0).sum()) == 1


def test_ignored_objects_teach_nothing() -> None:
    boxes, labels = torch.tensor([[[0.0, 0.0, 64.0, 64.0]]]), torch.tensor([[-2]])
    found = assign(dense(), CENTRES, boxes, labels, candidates=5)
    assert bool(found.ignored.all())
    scores, _ = detection_loss(dense(), CENTRES, boxes, labels, candidates=5, box_weight=2.0)
    assert float(scores) == 0.0


def test_padding_is_no_object() -> None:
    boxes, labels = torch.zeros(1, 3, 4), torch.full((1, 3), -1)
    assert not bool((assign(dense(), CENTRES, boxes, labels, candidates=5).objects >= 0).any())


@pytest.mark.parametrize("objects", [0, 1])
def test_the_loss_has_a_gradient_with_and_without_objects(objects: int) -> None:
    made = dense()
    logits, boxes = made.logits.clone().requires_grad_(), made.boxes.clone().requires_grad_()
    labels = torch.full((1, 1), 0 if objects else -1)
    target = torch.tensor([[[8.0, 8.0, 40.0, 40.0]]])
    scores, places = detection_loss(Dense(logits, boxes), CENTRES, target, labels, candidates=5, box_weight=2.0)
    torch.autograd.backward(scores + places)
    assert logits.grad is not None
    assert bool(torch.isfinite(logits.grad).all())
    assert bool(boxes.grad is not None and boxes.grad.any()) == bool(objects)


def test_better_boxes_cost_less() -> None:
    target, labels = torch.tensor([[[8.0, 8.0, 40.0, 40.0]]]), torch.tensor([[0]])
    made = dense()
    right = Dense(made.logits, target.expand(1, len(CENTRES), 4))
    far = detection_loss(made, CENTRES, target, labels, candidates=5, box_weight=2.0)[1]
    near = detection_loss(right, CENTRES, target, labels, candidates=5, box_weight=2.0)[1]
    assert float(near) < 1e-5 < float(far)


def test_crowded_batches_are_assigned_in_parts_as_they_would_be_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    corner = torch.rand(4, 30, 2, generator=generator) * 48
    boxes = torch.cat([corner, corner + 2 + torch.rand(4, 30, 2, generator=generator) * 14], dim=2)
    labels = torch.randint(-2, 2, (4, 30), generator=generator)
    made = dense(images=4)
    made = Dense(made.logits + torch.randn(made.logits.shape, generator=generator), made.boxes)
    whole = assign(made, CENTRES, boxes, labels, candidates=5)
    monkeypatch.setattr("vision_ft.tasks.detect.assign._AT_ONCE", 2 * 30 * len(CENTRES))
    for one, other in zip(assign(made, CENTRES, boxes, labels, candidates=5), whole, strict=True):
        assert torch.equal(one, other)


def test_padding_changes_nothing() -> None:
    boxes, labels = torch.tensor([[[8.0, 8.0, 40.0, 40.0]]]), torch.tensor([[1]])
    more = torch.cat([boxes, torch.zeros(1, 50, 4)], dim=1), torch.cat([labels, torch.full((1, 50), -1)], dim=1)
    for one, other in zip(
        assign(dense(), CENTRES, boxes, labels, candidates=5),
        assign(dense(), CENTRES, *more, candidates=5),
        strict=True,
    ):
        assert torch.equal(one, other)
