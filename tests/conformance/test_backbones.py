"""What every backbone promises, held against one of each kind. Offline, without pretrained weights."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from vision_ft.backbones import Backbone, BackboneInfo, Features, build_backbone
from vision_ft.errors import BackboneError

NAMES = (
    "embedded/lite0",
    "test_efficientnet.r160_in1k",
    "test_resnet.r160_in1k",
    "test_convnext.r160_in1k",
    "test_vit.r160_in1k",
    "test_vit_relpos",
    "test_maxvit",
    "test_mambaout",
    "torchvision/mobilenet_v3_small",
)
CHAINS = tuple(name for name in NAMES if not name.startswith(("test_vit", "test_ma")))
EXPORTED = NAMES[1:5]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@cache
def _built(name: str) -> Backbone:
    torch.manual_seed(0)
    return build_backbone(name, pretrained=False)


@pytest.fixture(params=NAMES)
def backbone(request: pytest.FixtureRequest) -> Backbone:
    return copy.deepcopy(_built(request.param))


def _images(info: BackboneInfo, count: int = 2) -> Tensor:
    height, width = info.input_size
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1)) * 255


def _equal(left: Features, right: Features) -> bool:
    return torch.equal(left.final, right.final) and all(map(torch.equal, left.maps, right.maps))


def test_features_have_the_shapes_that_the_info_states(backbone: Backbone) -> None:
    info = backbone.info
    with torch.no_grad():
        maps, final = backbone.eval()(_images(info))
    height, width = info.input_size
    assert [tuple(x.shape) for x in maps] == [
        (2, channels, -(-height // stride), -(-width // stride))
        for channels, stride in zip(info.channels, info.strides, strict=True)
    ]
    assert final.shape[:2] == (2, info.final_channels)
    assert final.shape[2] == height // info.final_stride
    assert list(info.strides) == sorted(info.strides)
    assert all(torch.isfinite(x).all() for x in (*maps, final))


def test_normalises_bytes_inside(backbone: Backbone) -> None:
    images = _images(backbone.info)
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in (backbone.info.mean, backbone.info.std))
    assert all(10 < value < 200 for value in (*backbone.info.mean, *backbone.info.std))
    with torch.no_grad():
        assert _equal(backbone.eval()(images), backbone.features((images - mean) / std))
    assert not {"mean", "std"} & set(backbone.state_dict())


def test_every_parameter_lies_in_one_layer_and_receives_a_gradient(backbone: Backbone) -> None:
    layered = [id(p) for layer in backbone.layers() for p in layer]
    assert all(backbone.layers())
    assert sorted(layered) == sorted(id(p) for p in backbone.parameters())
    maps, final = backbone.eval()(_images(backbone.info))
    (final.sum() + sum(x.sum() for x in maps)).backward()
    assert all(p.grad is not None for p in backbone.parameters())


def test_layers_run_from_input_to_output(backbone: Backbone) -> None:
    """The earliest output that a layer moves is never earlier than what the layer before it moves."""
    state = copy.deepcopy(backbone.state_dict())
    earliest = []
    with torch.no_grad():
        before = backbone.eval()(_images(backbone.info, 1))
        for layer in backbone.layers():
            for parameter in layer:
                parameter.mul_(1.5).add_(0.1)
            after = backbone(_images(backbone.info, 1))
            pairs = zip((*before.maps, before.final), (*after.maps, after.final), strict=True)
            earliest.append([torch.equal(x, y) for x, y in pairs].index(False))
            backbone.load_state_dict(state)
    if len(set(backbone.info.strides)) == 1:
        earliest.pop()  # the last normalisation of a plain transformer is applied to all of its maps
    assert earliest == sorted(earliest)
    assert earliest[0] == 0
    assert earliest[-1] >= len(before.maps) - 1


def test_modules_of_a_layer_hold_its_parameters(backbone: Backbone) -> None:
    for modules, parameters in zip(backbone.layer_modules(), backbone.layers(), strict=True):
        inside = {id(p) for module in modules for p in module.parameters()}
        assert inside <= {id(p) for p in parameters}


def test_frozen_layers_neither_train_nor_move(backbone: Backbone) -> None:
    half = len(backbone.layers()) // 2
    backbone.freeze(half)
    backbone.train()
    frozen = [id(p) for layer in backbone.layers()[:half] for p in layer]
    state = {key: value.clone() for key, value in backbone.state_dict().items()}
    optimizer = torch.optim.SGD(backbone.parameters(), lr=0.1)
    maps, final = backbone(_images(backbone.info))
    (final.square().mean() + sum(x.square().mean() for x in maps)).backward()
    optimizer.step()
    for module in backbone.modules():
        own = [id(p) for p in module.parameters()]
        if own and set(own) <= set(frozen):
            assert not module.training
    moved = {key for key, value in backbone.state_dict().items() if not torch.equal(value, state[key])}
    frozen_names = {name for name, p in backbone.named_parameters() if id(p) in frozen}
    assert moved
    assert not moved & frozen_names
    for modules in backbone.layer_modules()[:half]:
        for module in modules:
            assert not any(buffer.data_ptr() in _pointers(backbone, moved) for buffer in module.buffers())
    assert [p.requires_grad for layer in backbone.layers() for p in layer] == [
        number >= half for number, layer in enumerate(backbone.layers()) for _ in layer
    ]
    backbone.freeze(0)
    backbone.train()
    assert all(p.requires_grad for p in backbone.parameters())
    assert all(module.training for module in backbone.modules())


def _pointers(backbone: Backbone, names: set[str]) -> set[int]:
    return {value.data_ptr() for key, value in backbone.state_dict().items() if key in names}


def test_norm_statistics_stay_and_their_scales_train(backbone: Backbone) -> None:
    norms = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    backbone.freeze_norm_statistics()
    backbone.eval()
    backbone.train()
    before = [m.running_mean.clone() for m in norms if m.running_mean is not None]
    maps, final = backbone(_images(backbone.info))
    (final.square().mean() + sum(x.square().mean() for x in maps)).backward()
    assert all(torch.equal(m.running_mean, x) for m, x in zip(norms, before, strict=True) if m.running_mean is not None)
    assert not any(m.training for m in norms)
    assert all(p.requires_grad and p.grad is not None for p in backbone.parameters())
    assert backbone.training


@pytest.mark.parametrize("name", CHAINS)
def test_two_halves_are_the_whole(name: str) -> None:
    backbone = copy.deepcopy(_built(name)).eval()
    images = _images(backbone.info)
    assert backbone.split_points == tuple(range(1, len(backbone.layers())))
    with torch.no_grad():
        whole = backbone(images)
        for cut in backbone.split_points:
            assert _equal(backbone.suffix(backbone.prefix(images, cut), cut), whole)


@pytest.mark.parametrize("name", CHAINS)
def test_the_first_half_runs_the_first_layers_alone(name: str) -> None:
    backbone = copy.deepcopy(_built(name)).eval()
    cut = len(backbone.layers()) // 2
    activations = backbone.prefix(_images(backbone.info), cut)
    torch.autograd.backward(activations.last.sum())
    assert [all(p.grad is not None for p in layer) for layer in backbone.layers()] == [
        number < cut for number in range(len(backbone.layers()))
    ]
    with torch.no_grad():
        alone = backbone.suffix(activations._replace(maps=()), cut)
        assert torch.equal(alone.final, backbone(_images(backbone.info)).final)
    assert len(alone.maps) == len(backbone.info.strides) - len(activations.maps)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CHAINS])
def test_a_network_that_cannot_be_cut_says_so(name: str) -> None:
    backbone = _built(name)
    assert backbone.split_points == ()
    with pytest.raises(BackboneError, match="cannot be cut"):
        backbone.prefix(_images(backbone.info), 1)


@pytest.mark.parametrize("name", EXPORTED)
def test_exports_with_a_dynamic_batch(name: str, tmp_path: Path) -> None:
    backbone = copy.deepcopy(_built(name)).eval()
    height, width = backbone.info.input_size
    path = tmp_path / "backbone.onnx"
    torch.onnx.export(
        backbone,
        (_images(backbone.info),),
        path,
        dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        input_names=["images"],
        verbose=False,
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape[1:] == [3, height, width]
    for count in (1, 3):
        images = _images(backbone.info, count)
        with torch.no_grad():
            maps, final = backbone(images)
        answers = session.run(None, {"images": images.numpy()})
        assert len(answers) == len(maps) + 1
        for answer, expected in zip(answers, (*maps, final), strict=True):
            scale = max(1.0, float(expected.abs().max()))
            assert np.abs(answer - expected.numpy()).max() <= 1e-4 * scale
