"""Weights from a local file: what fits is loaded, what does not is one sentence."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision import models

from vision_ft.backbones import build_backbone
from vision_ft.backbones.embedded import embedded_file
from vision_ft.backbones.weights import read_state
from vision_ft.errors import BackboneError


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    model = timm.create_model("test_efficientnet", pretrained=False)
    return {key: torch.rand_like(x) if x.is_floating_point() else x for key, x in model.state_dict().items()}


def _fits(path: Path, state: dict[str, Tensor], name: str = "test_efficientnet") -> bool:
    loaded = build_backbone(name, weights=path).state_dict()
    return all(torch.equal(value, state[key.removeprefix("model.")]) for key, value in loaded.items())


@pytest.mark.parametrize(
    ("wrapping", "prefix"),
    [("", ""), ("state_dict", ""), ("model", "module."), ("state_dict_ema", ""), ("state_dict", "backbone.model.")],
)
def test_reads_plain_and_wrapped_state_dicts(
    tmp_path: Path, state: dict[str, Tensor], wrapping: str, prefix: str
) -> None:
    content: dict[str, Any] = {prefix + key: value for key, value in state.items()}
    if "backbone" in prefix:
        content["head.weight"] = torch.zeros(3)  # what else a training run keeps
    path = tmp_path / "weights.pth"
    torch.save({wrapping: content, "epoch": 3} if wrapping else content, path)
    assert _fits(path, state)


def test_reads_safetensors_and_says_so(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = tmp_path / "mine.safetensors"
    safetensors.torch.save_file(state, path)
    assert _fits(path, state)
    info = build_backbone("test_efficientnet", weights=path).info
    assert info.weights.source == "mine.safetensors"
    assert info.weights.licence == "unknown"
    assert info.weights.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "mine.safetensors" in info.why


@pytest.mark.parametrize("name", ["test_convnext", "test_vit2", "embedded/lite0", "torchvision/mobilenet_v3_small"])
def test_a_backbone_reads_what_it_saved(tmp_path: Path, name: str) -> None:
    first = build_backbone(name, pretrained=False)
    path = tmp_path / "saved.pt"
    torch.save(first.state_dict(), path)
    second = build_backbone(name, weights=path)
    assert all(map(torch.equal, first.state_dict().values(), second.state_dict().values()))


def test_reads_torchvision_files(tmp_path: Path) -> None:
    model = models.get_model("mobilenet_v3_small", weights=None, num_classes=7)
    path = tmp_path / "mobilenet.pth"
    torch.save(model.state_dict(), path)
    assert _fits(path, model.state_dict(), "torchvision/mobilenet_v3_small")


def test_reads_the_embedded_package_by_hand() -> None:
    packaged = build_backbone("embedded").state_dict()
    by_hand = build_backbone("embedded", weights=embedded_file("embedded/lite0")).state_dict()
    assert all(map(torch.equal, packaged.values(), by_hand.values()))


def test_fits_a_transformer_to_another_image_size(tmp_path: Path) -> None:
    model: Any = timm.create_model("test_vit", pretrained=False)
    path = tmp_path / "vit.pth"
    torch.save(model.state_dict(), path)
    backbone = build_backbone("test_vit", weights=path, input_size=(64, 96))
    assert backbone.state_dict()["model.pos_embed"].shape[1] == 4 * 6 + 1
    assert torch.equal(backbone.state_dict()["model.blocks.0.attn.qkv.weight"], model.blocks[0].attn.qkv.weight)


def test_counters_of_old_files_may_be_missing(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = tmp_path / "old.pth"
    torch.save({key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}, path)
    assert _fits(path, state)


def test_counts_what_is_missing_and_unexpected(tmp_path: Path, state: dict[str, Tensor]) -> None:
    changed = {key: value for key, value in state.items() if not key.startswith("bn2.")}
    changed["extra.weight"] = torch.zeros(1)
    changed["conv_stem.weight"] = torch.zeros(3, 3)
    path = tmp_path / "wrong.pth"
    torch.save(changed, path)
    with pytest.raises(BackboneError) as caught:
        build_backbone("test_efficientnet", weights=path)
    assert "wrong.pth are not those of backbone test_efficientnet.r160_in1k" in str(caught.value)
    assert "4 missing (first bn2.bias), 1 unexpected (first extra.weight), 1 of another shape" in str(caught.value)


@pytest.mark.parametrize("name", ["test_vit", "test_resnet", "embedded/lite0", "torchvision/resnet18"])
def test_another_networks_file_is_refused(tmp_path: Path, state: dict[str, Tensor], name: str) -> None:
    path = tmp_path / "other.pth"
    torch.save(state, path)
    with pytest.raises(BackboneError, match=r"are not those of backbone .*\d+ missing .*\d+ unexpected"):
        build_backbone(name, weights=path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"There is no weights file .*nowhere\.pth"):
        build_backbone("test_resnet", weights=tmp_path / "nowhere.pth")


class _Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.path),))


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "trap.pth"
    torch.save({"weight": _Trap(tmp_path / "sprung")}, path)
    with pytest.raises(BackboneError, match="cannot be read as weights"):
        read_state(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [[torch.zeros(1)], {}, {"a": 1}, torch.zeros(2)])
def test_a_file_without_weights_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "none.pt"
    torch.save(content, path)
    with pytest.raises(BackboneError, match="holds no weights"):
        read_state(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), suffix=st.sampled_from([".pth", ".safetensors"]))
def test_any_bytes_are_weights_or_one_sentence(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"noise{suffix}"
    path.write_bytes(content)
    with pytest.raises(BackboneError):
        read_state(path)
