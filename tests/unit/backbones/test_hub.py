"""Pretrained weights: from the cache where they are, one sentence where no hub answers."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
from huggingface_hub import constants
from huggingface_hub.errors import RepositoryNotFoundError
from torchvision import models

from vision_ft.backbones import build_backbone
from vision_ft.backbones.hub import fetching
from vision_ft.backbones.origin import file_digest
from vision_ft.errors import BackboneError, HubUnavailableError

_NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty caches, and hubs that refuse the connection."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", _NOWHERE)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for variable in ("https_proxy", "http_proxy", "all_proxy", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, _NOWHERE)
    return tmp_path


def _snapshot(caches: Path, repository: str) -> Path:
    """The empty folder of a repository's only revision, as the hub's cache lays it out."""
    folder = caches / "hub" / repository
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("1" * 40)
    files = folder / "snapshots" / ("1" * 40)
    files.mkdir(parents=True)
    return files


@pytest.mark.parametrize(
    "name", ["test_resnet", "timm/test_resnet.r160_in1k", "hf_hub:timm/test_resnet.r160_in1k", "torchvision/resnet18"]
)
def test_a_hub_that_does_not_answer_is_one_sentence_with_three_ways_out(name: str) -> None:
    start = time.monotonic()
    with pytest.raises(HubUnavailableError) as caught:
        build_backbone(name)
    assert str(caught.value) == (
        f"The pretrained weights of backbone {name} cannot be fetched: no hub answers from here. Take the embedded "
        "backbone (`embedded`), give a local weights file, or train from scratch (`pretrained: false`)."
    )
    # The hub's own client would try for three quarters of a minute.
    assert time.monotonic() - start < 20
    assert constants.HF_HUB_OFFLINE is False


def test_takes_the_weights_from_the_hubs_cache(caches: Path) -> None:
    model = timm.create_model("test_resnet", pretrained=False)
    folder = caches / "hub" / "models--timm--test_resnet.r160_in1k"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    path = folder / "snapshots" / ("0" * 40) / "model.safetensors"
    path.parent.mkdir(parents=True)
    safetensors.torch.save_file(model.state_dict(), path)
    backbone = build_backbone("test_resnet")
    assert torch.equal(backbone.state_dict()["model.conv1.0.weight"], model.state_dict()["conv1.0.weight"])
    assert backbone.info.name == "test_resnet.r160_in1k"
    assert backbone.info.weights.source == "hub:timm/test_resnet.r160_in1k"
    assert backbone.info.weights.licence == "apache-2.0"
    assert backbone.info.weights.sha256 == file_digest(path)


def test_builds_a_hub_model_for_the_wanted_size(caches: Path) -> None:
    model: Any = timm.create_model("test_vit", pretrained=False)
    files = _snapshot(caches, "models--someone--vit")
    config = {
        key: value for key, value in model.pretrained_cfg.items() if not key.startswith(("hf_hub", "tag", "arch"))
    }
    content = {"architecture": "test_vit", "num_classes": 1000, "pretrained_cfg": {**config, "license": "mit"}}
    (files / "config.json").write_text(json.dumps(content))
    safetensors.torch.save_file(model.state_dict(), files / "model.safetensors")
    backbone = build_backbone("hf_hub:someone/vit", input_size=(64, 96)).eval()
    assert backbone(torch.zeros(1, 3, 64, 96)).final.shape == (1, 64, 4, 6)
    assert torch.equal(backbone.state_dict()["model.blocks.0.attn.qkv.weight"], model.blocks[0].attn.qkv.weight)
    assert backbone.info.name == backbone.info.weights.backbone == "hf_hub:someone/vit"
    assert (backbone.info.weights.source, backbone.info.weights.licence) == ("hub:someone/vit", "mit")
    assert backbone.info.weights.sha256 == file_digest(files / "model.safetensors")
    with pytest.raises(BackboneError, match="multiples of 16 pixels, got 64 x 90"):
        build_backbone("hf_hub:someone/vit", input_size=(64, 90))
    (files / "config.json").write_text(json.dumps({**content, "architecture": "unheard_of"}))
    with pytest.raises(BackboneError, match="is no model that timm can build"):
        build_backbone("hf_hub:someone/vit")


@pytest.mark.parametrize("name", ["hf_hub:", "hf_hub:a/b/c", "hf_hub:///"])
def test_a_name_that_no_hub_can_have_is_one_sentence(name: str) -> None:
    with pytest.raises(BackboneError, match=name):
        build_backbone(name)


def test_takes_torchvisions_weights_from_its_cache(caches: Path) -> None:
    weights = models.MobileNet_V3_Small_Weights.DEFAULT
    model = models.mobilenet_v3_small(weights=None)
    path = caches / "torch" / "hub" / "checkpoints" / weights.url.rpartition("/")[2]
    path.parent.mkdir(parents=True)
    torch.save(model.state_dict(), path)
    backbone = build_backbone("torchvision/mobilenet_v3_small")
    assert torch.equal(backbone.state_dict()["model.features.0.0.weight"], model.state_dict()["features.0.0.weight"])
    assert backbone.info.weights.source == weights.url
    assert backbone.info.weights.sha256 == file_digest(path)


def _bytes(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


_WHOLE = _bytes({"a": torch.zeros(3000)})
_DAMAGE = {
    "no weights at all": b"<html>Please log in</html>",
    "nothing": b"",
    "half a file": _WHOLE[: len(_WHOLE) // 2],
    "a broken archive": b"PK\x03\x04" + bytes(100),
    "no tensors": _bytes([1, 2]),
    "another network": _WHOLE,
}


@pytest.mark.parametrize("damage", _DAMAGE)
def test_damaged_weights_in_torchvisions_cache_are_one_sentence(caches: Path, damage: str) -> None:
    path = caches / "torch" / "hub" / "checkpoints" / models.ResNet18_Weights.DEFAULT.url.rpartition("/")[2]
    path.parent.mkdir(parents=True)
    path.write_bytes(_DAMAGE[damage])
    with pytest.raises(BackboneError) as caught:
        build_backbone("torchvision/resnet18")
    said = str(caught.value)
    assert f"weights of backbone torchvision/resnet18 cannot be read from the cache {path.parent}: got " in said
    assert said.endswith("Delete the cached file, or give the weights by model.weights.")
    assert "\n" not in said
    assert not isinstance(caught.value, HubUnavailableError)


def test_a_folder_in_place_of_the_cached_weights_is_not_blamed_on_the_network(caches: Path) -> None:
    name = models.ResNet18_Weights.DEFAULT.url.rpartition("/")[2]
    (caches / "torch" / "hub" / "checkpoints" / name).mkdir(parents=True)
    with pytest.raises(BackboneError, match=r"cannot be read from the cache.*IsADirectoryError"):
        build_backbone("torchvision/resnet18")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("test_resnet", "model.safetensors"),
        ("hf_hub:timm/test_resnet.r160_in1k", "model.safetensors"),
        ("hf_hub:timm/test_resnet.r160_in1k", "pytorch_model.bin"),
    ],
)
@pytest.mark.parametrize("damage", ["no weights at all", "nothing", "half a file"])
def test_damaged_weights_in_the_hubs_cache_are_one_sentence(caches: Path, name: str, file: str, damage: str) -> None:
    model: Any = timm.create_model("test_resnet", pretrained=False)
    files = _snapshot(caches, "models--timm--test_resnet.r160_in1k")
    config = {key: value for key, value in model.pretrained_cfg.items() if not key.startswith(("hf_hub", "tag"))}
    (files / "config.json").write_text(json.dumps({"architecture": "test_resnet", "pretrained_cfg": config}))
    (files / file).write_bytes(_DAMAGE[damage])
    with pytest.raises(
        BackboneError, match=r"cannot be read from the cache .*hub: got .*Delete the cached file"
    ) as told:
        build_backbone(name)
    assert not isinstance(told.value, HubUnavailableError)


def test_weights_that_exist_nowhere_need_no_hub_to_say_so() -> None:
    with pytest.raises(BackboneError, match="no pretrained weights for backbone test_maxvit") as caught:
        build_backbone("test_maxvit")
    assert not isinstance(caught.value, HubUnavailableError)


def _fail(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        with fetching("some", hub=False):
            raise error

    return fail


def test_errors_of_disk_and_name_are_not_blamed_on_the_network() -> None:
    with pytest.raises(BackboneError, match=r"cannot be stored: got .*No space left"):
        _fail(OSError(28, "No space left on device"))()
    with pytest.raises(BackboneError, match="the hub knows no such public model"):
        _fail(RepositoryNotFoundError.__new__(RepositoryNotFoundError))()
    with pytest.raises(RuntimeError, match="a defect of ours"):
        _fail(RuntimeError("a defect of ours"))()
    with pytest.raises(HubUnavailableError):
        _fail(TimeoutError("timed out"))()
