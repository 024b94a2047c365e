"""Freezing, cutting and exchanging parts of a backbone."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from vision_ft.backbones import build_backbone
from vision_ft.errors import BackboneError


def test_the_embedded_backbone_has_a_layer_per_block_and_one_at_each_end() -> None:
    backbone = build_backbone("embedded", pretrained=False)
    names = backbone.layer_names()
    assert len(names) == 1 + 16 + 1
    assert names[0][0] == "model.conv_stem.weight"
    assert {name.partition(".")[2].partition(".")[0] for name in names[-1]} == {"conv_head", "bn2"}
    assert all(name.startswith("model.blocks.") for layer in names[1:-1] for name in layer)


@pytest.mark.parametrize("layers", [-1, 8])
def test_more_layers_than_there_are_cannot_be_frozen(layers: int) -> None:
    backbone = build_backbone("test_efficientnet", pretrained=False)
    with pytest.raises(BackboneError, match=f"cannot freeze {layers} layers: expected 0 to 7"):
        backbone.freeze(layers)


def test_freezing_is_remembered_in_training_mode_and_undone_by_freezing_less() -> None:
    backbone: Any = build_backbone("test_efficientnet", pretrained=False)
    holder = nn.Sequential(backbone)
    backbone.freeze(7)
    holder.train()
    assert not any(p.requires_grad for p in backbone.parameters())
    assert not any(m.training for m in backbone.model.modules() if any(True for _ in m.parameters()))
    backbone.freeze(2)
    assert backbone.frozen_layers == 2
    assert [p.requires_grad for layer in backbone.layers()[1:3] for p in layer] == [False] * 3 + [True] * 6
    assert backbone.model.conv_head.training
    assert not backbone.model.conv_stem.training


def test_fixed_statistics_survive_unfreezing_and_copying() -> None:
    backbone = build_backbone("test_efficientnet", pretrained=False)
    backbone.freeze_norm_statistics()
    backbone.freeze(3)
    backbone.freeze(0)
    twin = copy.deepcopy(backbone).train()
    assert not any(m.training for m in twin.modules() if isinstance(m, nn.BatchNorm2d))
    assert all(p.requires_grad for p in twin.parameters())


def test_a_cut_outside_the_network_is_refused() -> None:
    backbone = build_backbone("test_efficientnet", pretrained=False)
    with pytest.raises(BackboneError, match="cannot be cut after layer 7: expected 1, 2, 3, 4, 5, 6"):
        backbone.prefix(torch.zeros(1, 3, 64, 64), 7)


def test_an_exchanged_module_is_the_one_that_runs() -> None:
    """As `SyncBatchNorm.convert_sync_batchnorm` exchanges them."""
    backbone: Any = build_backbone("test_resnet", pretrained=False).eval()
    images = torch.rand(1, 3, 64, 64) * 255
    with torch.no_grad():
        backbone.model.bn1 = nn.Identity()
        without = backbone(images).maps[0]
        backbone.model.act1 = nn.Identity()
        assert without.min() >= 0
        assert backbone(images).maps[0].min() < 0


def test_moves_to_another_type_as_a_whole() -> None:
    backbone = build_backbone("test_resnet", pretrained=False).eval().to(torch.float64)
    with torch.no_grad():
        assert backbone(torch.rand(1, 3, 64, 64, dtype=torch.float64) * 255).final.dtype == torch.float64
