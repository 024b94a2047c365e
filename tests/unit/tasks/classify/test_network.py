"""Statistics pooling, and each location's share of a logit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vision_ft.backbones import build_backbone
from vision_ft.backbones.contract import Backbone, BackboneInfo, Features
from vision_ft.bundle.manifest import Weights
from vision_ft.tasks.classify.graph import ClassifyGraph
from vision_ft.tasks.classify.network import PooledClassifier

CHOICES: list[tuple[Any, ...]] = [
    ("mean",),
    ("max",),
    ("deviation",),
    ("max", "deviation"),
    ("mean", "max", "deviation"),
    ("deviation", "mean", "deviation"),
]


class _Grids(Backbone):
    """Maps of given grids: resized images through a pointwise convolution each."""

    def __init__(self, *grids: tuple[int, int]) -> None:
        weights = Weights(backbone="grids", source="none")
        channels = tuple(3 + n for n in range(len(grids)))
        info = BackboneInfo(
            "grids", channels, (4,) * len(grids), 3, 4, (120.0, 120.0, 120.0), (60.0, 60.0, 60.0), (24, 24), weights, ""
        )
        super().__init__(info)
        self.grids = grids
        self.layers_ = nn.ModuleList(nn.Conv2d(3, c, 1) for c in channels)

    def features(self, normalised: Tensor) -> Features:
        maps = tuple(
            layer(nn.functional.interpolate(normalised, grid))
            for layer, grid in zip(self.layers_, self.grids, strict=True)
        )
        return Features(maps, maps[-1])

    def layer_names(self) -> list[list[str]]:
        return [[f"layers_.{n}.weight", f"layers_.{n}.bias"] for n in range(len(self.grids))]


def _network(backbone: Backbone, statistics: tuple[Any, ...], taps: int) -> PooledClassifier:
    network = PooledClassifier(backbone, 3, taps=taps, statistics=statistics, dropout=0.5).eval()
    nn.init.normal_(network.classifier.weight)
    nn.init.normal_(network.classifier.bias)
    with torch.no_grad():
        network.fit_standardisation(network.pool(torch.rand(8, 3, 24, 24) * 255).features)
    return network


def _check_evidence(network: PooledClassifier, images: Tensor, grid: tuple[int, int]) -> None:
    with torch.no_grad():
        pooled = network.pool(images)
        share = network.evidence(pooled)
        expected = network(images) - network.classifier.bias
    assert share.shape == (len(images), 3, *grid)
    torch.testing.assert_close(share.sum(dim=(2, 3)), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max() + 1))


@pytest.mark.parametrize("statistics", CHOICES)
@pytest.mark.parametrize(
    "grids", [((6, 6),), ((8, 8), (4, 4), (2, 2)), ((7, 9), (4, 5), (2, 3)), ((5, 6), (5, 6)), ((3, 4), (7, 5))]
)
def test_the_shares_sum_to_the_logit_without_its_bias(
    statistics: tuple[Any, ...], grids: tuple[tuple[int, int], ...]
) -> None:
    network = _network(_Grids(*grids), statistics, taps=len(grids))
    _check_evidence(network, torch.rand(4, 3, 24, 24) * 255, max(grids, key=lambda g: g[0] * g[1]))


@pytest.mark.parametrize("name", ["test_efficientnet", "test_vit"])
def test_they_do_on_real_backbones(name: str) -> None:
    backbone = build_backbone(name, pretrained=False, input_size=(96, 64)).eval()
    network = PooledClassifier(backbone, 3, taps=3, statistics=("mean", "max", "deviation"), dropout=0.0).eval()
    nn.init.normal_(network.classifier.weight)
    images = torch.rand(3, 3, 96, 64) * 255
    with torch.no_grad():
        network.fit_standardisation(network.pool(torch.rand(8, 3, 96, 64) * 255).features)
    _check_evidence(network, images, (12, 8) if name == "test_efficientnet" else (6, 4))


def test_the_evidence_lies_where_the_odd_pixel_is() -> None:
    backbone = _Grids((8, 8))
    network = _network(backbone, ("max",), taps=1)
    nn.init.constant_(network.classifier.weight, 1.0)
    with torch.no_grad():
        nn.init.ones_(next(backbone.layers_[0].parameters()))
        network.mean.zero_()
        network.scale.fill_(1.0)
        images = torch.full((1, 3, 8, 8), 130.0)
        images[0, :, 5, 2] = 255.0
        share = network.evidence(network.pool(images))[0, 0]
    assert int(share.argmax()) == 5 * 8 + 2
    assert float(share[5, 2]) == pytest.approx(float(share.sum()))


def test_one_statistic_is_pooled_once_however_often_it_is_named() -> None:
    once = _network(_Grids((4, 4)), ("max", "deviation"), taps=1)
    twice = _network(_Grids((4, 4)), ("max", "deviation", "max"), taps=1)
    assert once.width == twice.width == 6


def test_standardised_features_have_no_mean_and_an_even_spread() -> None:
    network = _network(_Grids((6, 6), (3, 3)), ("mean", "max", "deviation"), taps=2)
    images = torch.rand(32, 3, 24, 24) * 255
    with torch.no_grad():
        network.fit_standardisation(network.pool(images).features)
        first = network.pool(images).features
        network.fit_standardisation(first)
        second = network.pool(images).features
    assert float(first.mean(dim=0).abs().max()) < 1e-4
    torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-4)  # fitted twice is fitted once
    assert float(first.std(dim=0).max()) < 10.0 / network.width**0.5


def test_the_graph_divides_by_the_temperature_and_gives_unit_embeddings() -> None:
    network = _network(_Grids((6, 6)), ("max", "deviation"), taps=1)
    batch = torch.randint(0, 256, (3, 24, 24, 3), dtype=torch.uint8)
    graph = ClassifyGraph(network, temperature=2.5, heatmap=True).eval()
    with torch.no_grad():
        probabilities, embeddings, heatmap = graph(batch)
        logits = network(batch.permute(0, 3, 1, 2).float())
        bare = ClassifyGraph(network, temperature=1.0, heatmap=False).eval()(batch)
    torch.testing.assert_close(probabilities, (logits / 2.5).softmax(dim=1))
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(3))
    assert heatmap.shape == (3, 3, 6, 6)
    assert len(bare) == 2
    torch.testing.assert_close(bare[0], logits.softmax(dim=1))


def test_features_and_network_may_lie_on_different_devices() -> None:
    """Features are kept on the CPU and the network lies on the GPU; `meta` is a device that every machine has."""
    network = PooledClassifier(_Grids((3, 4), (2, 2)), 3, taps=2, statistics=("max",), dropout=0.0).to("meta")
    network.fit_standardisation(torch.rand(8, network.width))
    assert network.mean.device.type == "meta"
