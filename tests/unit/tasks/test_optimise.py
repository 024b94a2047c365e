"""Learning rates by layer and by step."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vision_ft.backbones import build_backbone
from vision_ft.recipe.sections import TrainerSection
from vision_ft.tasks.optimise import parameter_groups, schedule


def test_rates_decay_towards_the_input_and_frozen_layers_are_left_out() -> None:
    backbone, head = build_backbone("test_efficientnet", pretrained=False), nn.Linear(4, 2)
    section = TrainerSection(backbone_lr=1e-3, head_lr=1e-2, layer_decay=0.5, weight_decay=0.1)
    layers = backbone.layers()
    backbone.freeze(2)
    groups = parameter_groups(backbone, head.parameters(), section)
    rate = {id(p): (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}
    assert not any(id(p) in rate for layer in layers[:2] for p in layer)
    for number, layer in enumerate(layers[2:], 2):
        for p in layer:
            assert rate[id(p)][0] == pytest.approx(1e-3 * 0.5 ** (len(layers) - 1 - number))
            assert rate[id(p)][1] == (0.1 if p.ndim > 1 else 0.0)
    assert rate[id(head.weight)] == (1e-2, 0.1)
    assert rate[id(head.bias)] == (1e-2, 0.0)


def test_the_head_starts_first_and_all_end_low() -> None:
    section = TrainerSection(head_lr=1.0, backbone_lr=0.5, warmup=0.1, head_warmup=0.2)
    head, back = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD(
        [{"params": [back], "lr": 0.5, "part": "backbone"}, {"params": [head], "lr": 1.0, "part": "head"}]
    )
    scheduler = schedule(optimizer, section, lambda: 100)
    seen = []
    for _ in range(100):
        seen.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    backbone_rates, head_rates = zip(*seen, strict=True)
    assert set(backbone_rates[:20]) == {0.0}
    assert backbone_rates[20] > 0
    assert max(backbone_rates) == pytest.approx(0.5, rel=0.01)
    assert max(head_rates) == head_rates[10] == pytest.approx(1.0)
    assert head_rates[0] == pytest.approx(0.02)
    assert list(head_rates[10:]) == sorted(head_rates[10:], reverse=True)
    assert 0 < head_rates[-1] < 0.02
    assert 0 < backbone_rates[-1] < 0.01
