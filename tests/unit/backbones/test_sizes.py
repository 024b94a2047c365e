"""Input sizes: any for a convolutional network, those that its patches tile for a transformer."""

from __future__ import annotations

import pytest
import torch

from vision_ft.backbones import build_backbone
from vision_ft.errors import BackboneError


@pytest.mark.parametrize(
    ("name", "size", "final"),
    [
        ("test_efficientnet", (37, 61), (2, 2)),
        ("embedded", (100, 76), (4, 3)),
        ("test_vit", (96, 128), (6, 8)),
        ("test_vit_relpos", (64, 96), (4, 6)),
        ("test_maxvit", (128, 128), (4, 4)),
        ("swin_tiny_patch4_window7_224", (64, 96), (2, 3)),
        ("torchvision/mobilenet_v3_small", (50, 80), (2, 3)),
    ],
)
def test_takes_images_of_the_size_it_is_built_for(name: str, size: tuple[int, int], final: tuple[int, int]) -> None:
    backbone = build_backbone(name, pretrained=False, input_size=size).eval()
    with torch.no_grad():
        features = backbone(torch.rand(1, 3, *size) * 255)
    assert tuple(features.final.shape[2:]) == final
    assert backbone.info.input_size != size


@pytest.mark.parametrize(
    ("name", "size", "rule"),
    [
        ("test_vit", (100, 160), "multiples of 16 pixels, got 100 x 160"),
        ("swin_tiny_patch4_window7_224", (240, 240), "multiples of 32 pixels"),
        ("test_resnet", (0, 64), "cannot take images of 0 x 64 pixels"),
    ],
)
def test_an_impossible_size_is_answered_with_the_rule(name: str, size: tuple[int, int], rule: str) -> None:
    with pytest.raises(BackboneError, match=rule):
        build_backbone(name, pretrained=False, input_size=size)


def test_a_network_without_maps_is_refused() -> None:
    with pytest.raises(BackboneError, match="gives no feature maps of 224 x 224 pixels"):
        build_backbone("coat_lite_tiny", pretrained=False)


def test_images_of_another_size_are_refused_by_a_transformer() -> None:
    backbone = build_backbone("test_vit", pretrained=False)
    with pytest.raises(BackboneError, match=r"one size: expected 160 x 160 pixels \(height x width\), got 96 x 128"):
        backbone(torch.zeros(1, 3, 96, 128))


def test_strides_are_those_of_the_network_and_not_of_rounding() -> None:
    assert build_backbone("test_efficientnet", pretrained=False, input_size=(37, 61)).info.strides == (2, 4, 8, 16, 32)
    info = build_backbone("torchvision/efficientnet_b3", pretrained=False).info
    assert (info.strides, info.final_stride, info.input_size) == ((2, 4, 8, 16, 32), 32, (300, 300))
