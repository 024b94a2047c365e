"""Torchvision's families give what torchvision's own classifier pools, and a map per stride."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from vision_ft.backbones import build_backbone


@pytest.mark.parametrize(
    ("name", "channels", "final"),
    [
        ("resnet18", (64, 64, 128, 256, 512), 512),
        ("mobilenet_v2", (16, 24, 32, 96, 320), 1280),
        ("regnet_y_400mf", (32, 48, 104, 208, 440), 440),
        ("densenet121", (64, 256, 512, 1024, 1024), 1024),
        ("efficientnet_b0", (16, 24, 40, 112, 320), 1280),
    ],
)
def test_final_is_what_the_classifier_pools(name: str, channels: tuple[int, ...], final: int) -> None:
    backbone = build_backbone(f"torchvision/{name}", pretrained=False).eval()
    model = models.get_model(name, weights=None).eval()
    model.load_state_dict(
        {key.removeprefix("model."): value for key, value in backbone.state_dict().items()}, strict=False
    )
    images = torch.rand(1, 3, 64, 96) * 255
    with torch.no_grad():
        features = backbone(images)
        expected = _pooled(model, backbone.normalise(images))
    torch.testing.assert_close(features.final.mean((2, 3)), expected)
    assert (backbone.info.channels, backbone.info.final_channels) == (channels, final)
    assert backbone.info.strides == (2, 4, 8, 16, 32)
    assert [tuple(x.shape[2:]) for x in features.maps] == [(64 // s, 96 // s) for s in backbone.info.strides]


def _pooled(model: Any, normalised: Tensor) -> Tensor:
    """What goes into the network's last linear layer."""
    seen: list[Tensor] = []
    last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    last.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(normalised)
    return seen[0]


def test_states_the_normalisation_and_the_licence_of_the_weights() -> None:
    info = build_backbone("torchvision/mobilenet_v3_small", pretrained=False).info
    assert info.mean == pytest.approx((123.675, 116.28, 103.53))
    assert info.std == pytest.approx((58.395, 57.12, 57.375))
    assert info.input_size == (224, 224)
    assert info.weights.source == "none"
