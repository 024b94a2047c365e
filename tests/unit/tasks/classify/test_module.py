"""The training step and its options, and the linear probe."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from vision_ft.tasks.classify.module import ClassifyModule
from vision_ft.tasks.classify.task import TASK
from vision_ft.tasks.contract import FitData
from vision_ft.tasks.sampling import EpochSampler
from vision_ft.training.fit import fresh_backbone

from ..conftest import MakeData


def _module(data: FitData) -> tuple[ClassifyModule, Any]:
    loader, _ = TASK.loaders(data)
    module = TASK.build(data, fresh_backbone(data.recipe), steps=4)
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    return module, loader


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"task__mixup": 0.4},
        {"task__cutmix": 1.0},
        {"task__mixup": 0.4, "task__cutmix": 1.0},
        {"task__imbalance": "logit_adjustment"},
        {"task__imbalance": "none"},
        {"task__label_smoothing": 0.0, "task__dropout": 0.0},
        {"trainer__channels_last": False},
    ],
)
def test_a_step_lowers_the_loss(make_data: MakeData, options: dict[str, Any]) -> None:
    module, loader = _module(make_data(**options))
    batch = next(iter(loader))
    module.train()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.02)
    losses = []
    for _ in range(6):
        torch.manual_seed(0)
        optimizer.zero_grad()
        loss = module.training_step(batch, 0)
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[0] == pytest.approx(np.log(2), abs=0.35)
    assert losses[-1] < losses[0]


def test_images_are_drawn_evenly_only_where_the_recipe_says_so(make_data: MakeData) -> None:
    for imbalance, even in (("sampler", True), ("none", False), ("logit_adjustment", False)):
        data = make_data(task__imbalance=imbalance)
        loader, _ = TASK.loaders(data)
        assert isinstance(loader.sampler, EpochSampler)
        counts = np.bincount([int(t) for _, targets in loader for t in targets], minlength=2)
        assert (counts[0] == counts[1]) == even, imbalance
        assert counts.sum() == len(data.train)
    assert len(data.train) == 16


def test_logit_adjustment_knows_the_shares_of_the_classes(make_data: MakeData) -> None:
    data = make_data(task__imbalance="logit_adjustment", task__label_smoothing=0.0, task__dropout=0.0)
    module, loader = _module(data)
    shares = np.array([sum(s.targets[0] == c.id for s in data.train) for c in data.classes]) / len(data.train)
    images, targets = next(iter(loader))
    loss = float(module.eval().training_step((images, targets), 0).detach())
    # The head is empty, so the adjusted answer is the prior itself.
    assert loss == pytest.approx(float(-np.log(shares[targets.numpy()]).mean()), rel=1e-4)
    assert TASK.prior(data.recipe, data.train, data.classes) == {"good": 0.5, "scratch": 0.5}


def test_the_prior_that_is_recorded_is_the_one_that_was_learnt(make_data: MakeData) -> None:
    plain = make_data(task__imbalance="none")
    assert TASK.prior(plain.recipe, plain.train, plain.classes) == {"good": 10 / 16, "scratch": 6 / 16}
    even = make_data()
    assert TASK.prior(even.recipe, even.train, even.classes) == {"good": 0.5, "scratch": 0.5}


def test_the_probe_fits_the_head_before_the_first_step(make_data: MakeData) -> None:
    data = make_data()
    said: list[str] = []
    module, loader = _module(data)
    assert not module.network.classifier.weight.any()
    TASK.warm_start(module, data, loader, said.append)
    assert module.network.classifier.weight.any()
    assert "linear probe" in said[0]
    images = torch.stack([torch.from_numpy(loader.dataset.images[row]) for row in range(16)])
    targets = torch.tensor(loader.dataset.targets)
    with torch.no_grad():
        logits = module.eval()(images)
    assert float(F.cross_entropy(logits, targets)) < 0.5
    again, _ = _module(data)
    TASK.warm_start(again, data, loader, said.append)
    assert torch.equal(again.network.classifier.weight, module.network.classifier.weight)


def test_without_the_probe_the_head_stays_empty_and_features_are_standardised(make_data: MakeData) -> None:
    data = make_data(task__probe=False)
    module, loader = _module(data)
    TASK.warm_start(module, data, loader, lambda _: None)
    assert not module.network.classifier.weight.any()
    assert module.network.mean.any()


def test_a_backbone_rate_of_nought_trains_the_head_alone(make_data: MakeData) -> None:
    module, _ = _module(make_data(trainer__backbone_lr=0.0))
    trained = {name.split(".")[1] for name, p in module.named_parameters() if p.requires_grad}
    assert trained == {"classifier"}
    groups = module.configure_optimizers()["optimizer"].param_groups
    assert {group["part"] for group in groups} == {"head"}


def test_a_step_is_seeded_by_its_number_alone(make_data: MakeData, monkeypatch: pytest.MonkeyPatch) -> None:
    module, loader = _module(make_data())
    batch = next(iter(loader))
    drawn = []
    for epoch, step, noise in ((1, 2, 0), (1, 2, 5), (2, 2, 0), (1, 3, 0)):
        monkeypatch.setattr(ClassifyModule, "current_epoch", epoch)
        torch.rand(noise)
        module.on_train_batch_start(batch, step)
        drawn.append(float(torch.rand(1)))
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3
