"""Names: what is known, what is near, and what a name resolves to."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vision_ft.backbones import build_backbone, list_backbones
from vision_ft.errors import BackboneError


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("resnat18", "resnet18"),
        ("timm/resnat18", "resnet18"),
        ("embeded/lite0", "embedded/lite0"),
        ("embedded/lite7", "embedded/lite0"),
        ("torchvision/resnet19", "torchvision/resnet18"),
        ("RESNET18", "resnet18"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(BackboneError, match=f"There is no backbone '{name}'") as caught:
        build_backbone(name, pretrained=False)
    assert nearest in caught.value.remedy


def test_unknown_weights_are_answered_with_the_known() -> None:
    with pytest.raises(BackboneError, match=r"has no weights named nope: expected resnet18\.a1_in1k, .*tv_in1k"):
        build_backbone("resnet18.nope", pretrained=False)
    with pytest.raises(BackboneError, match="has no weights named V9: expected IMAGENET1K_V1"):
        build_backbone("torchvision/resnet18.V9", pretrained=False)


def test_a_torchvision_network_of_another_family_is_answered_with_the_families() -> None:
    with pytest.raises(BackboneError, match=r"vit_b_16 cannot be a backbone: .*convnext, densenet, .*wide_resnet"):
        build_backbone("torchvision/vit_b_16", pretrained=False)


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("embedded", "embedded/lite0"),
        ("timm/test_resnet", "test_resnet.r160_in1k"),
        ("test_maxvit", "test_maxvit.untrained"),
        ("mobilenetv3_large_100_miil", "mobilenetv3_large_100.miil_in21k_ft_in1k"),
        ("torchvision/mobilenet_v3_small", "torchvision/mobilenet_v3_small.IMAGENET1K_V1"),
    ],
)
def test_the_full_name_says_which_weights_and_builds_again(name: str, full: str) -> None:
    info = build_backbone(name, pretrained=False).info
    assert info.name == info.weights.backbone == full
    assert build_backbone(full, pretrained=False).info.name == full


def test_lists_by_part_of_a_name() -> None:
    assert {"auto", "embedded", "embedded/lite2", "torchvision/densenet121", "resnet50"} <= set(list_backbones())
    assert list_backbones("EMBEDDED/") == ["embedded/lite0", "embedded/lite1", "embedded/lite2"]
    assert "torchvision/vit_b_16" not in list_backbones("torchvision/")
    assert list_backbones("no such thing") == []


def test_the_package_alone_brings_no_torch() -> None:
    code = "import sys, vision_ft.backbones; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    import vision_ft.backbones

    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = vision_ft.backbones.nothing
