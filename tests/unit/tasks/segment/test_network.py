"""The network on real backbones, and the graph against the other path."""

from __future__ import annotations

import math

import pytest
import torch

from vision_ft.backbones import build_backbone
from vision_ft.bundle.manifest import Calibration
from vision_ft.errors import RecipeError
from vision_ft.tasks.segment.graph import OUTPUTS, SegmentGraph, image_logits, mirrored_axes
from vision_ft.tasks.segment.module import SegmentModule
from vision_ft.tasks.segment.network import Looked, SegmentNetwork, gated, labels_of, levels_of
from vision_ft.tasks.segment.task import TASK
from vision_ft.training.fit import fresh_backbone

from .conftest import MakeData


@pytest.mark.parametrize(
    ("strides", "finest", "levels"),
    [
        ((2, 4, 8, 16, 16, 32, 32), 2, (32, 16, 8, 4, 2)),
        ((2, 4, 8, 16, 32), 4, (32, 16, 8, 4)),
        ((4, 8, 16, 32), 2, (32, 16, 8, 4, 2)),
        ((16, 16, 16, 16), 2, (16, 8, 4, 2)),
        ((14, 14), 2, (14, 7, 3.5)),
        ((1, 2), 4, (2,)),
    ],
)
def test_levels_are_the_maps_strides_and_then_halves(
    strides: tuple[int, ...], finest: int, levels: tuple[float, ...]
) -> None:
    assert levels_of(strides, finest) == levels


@pytest.mark.parametrize("name", ["test_efficientnet", "test_vit"])
def test_it_gives_fine_maps_on_any_backbone(name: str) -> None:
    backbone = build_backbone(name, pretrained=False, input_size=(64, 96))
    network = SegmentNetwork(backbone, 3, decoder=32, stride=2).eval()
    looked = network(torch.rand(2, 3, 64, 96) * 255)
    assert looked.foreground.shape == (2, 1, 32, 48)
    assert looked.classes.shape == (2, 3, 8, 12)
    assert looked.presence.shape == (2, 3)
    assert looked.features.shape == (2, network.width)
    own = {id(p) for p in network.parameters()} - {id(p) for p in backbone.parameters()}
    assert {id(p) for p in network.head_parameters()} == own


def test_sizes_that_no_stride_divides_are_taken() -> None:
    backbone = build_backbone("test_efficientnet", pretrained=False)
    network = SegmentNetwork(backbone, 2, decoder=32, stride=2).eval()
    assert network(torch.rand(1, 3, 75, 101) * 255).foreground.shape == (1, 1, 38, 51)


def test_at_first_defects_are_rare() -> None:
    backbone = build_backbone("test_efficientnet", pretrained=False)
    network = SegmentNetwork(backbone, 5, decoder=32, stride=2).eval()
    foreground = network(torch.rand(1, 3, 64, 64) * 255).foreground.sigmoid()
    assert float(foreground.detach().mean()) == pytest.approx(0.05, rel=0.5)


def test_it_does_not_depend_on_the_batch() -> None:
    """No statistics of a batch: in training an image is answered as it is alone."""
    backbone = build_backbone("test_efficientnet", pretrained=False)
    backbone.freeze_norm_statistics()
    network = SegmentNetwork(backbone, 2, decoder=32, stride=2, dropout=0.0).train()
    images = torch.rand(3, 3, 64, 64) * 255
    torch.testing.assert_close(network(images).foreground[:1], network(images[:1]).foreground, rtol=1e-3, atol=1e-4)


def test_features_are_standardised_on_training_images() -> None:
    backbone = build_backbone("test_efficientnet", pretrained=False)
    network = SegmentNetwork(backbone, 2, decoder=32, stride=2).eval()
    images = torch.rand(16, 3, 64, 64) * 255
    with torch.no_grad():
        for _ in range(2):  # fitted twice is fitted once
            network.fit_standardisation(network(images).features)
            features = network(images).features
            assert float(features.mean(dim=0).abs().max()) < 1e-2
            assert 0.3 < float(features.std(dim=0).max()) < 1.0


def _looked(foreground: torch.Tensor, classes: torch.Tensor, presence: list[list[float]]) -> Looked:
    return Looked(foreground, classes, torch.tensor(presence), torch.zeros(len(presence), 1))


def test_the_gate_multiplies_classes_by_their_presence() -> None:
    looked = _looked(torch.zeros(2, 1, 8, 8), torch.randn(2, 2, 4, 4), [[0.0, 2.0], [-3.0, 1.0]])
    assert gated(looked, 0.0) is looked.classes
    share = gated(looked, 1.0).softmax(dim=1)
    expected = looked.classes.exp() * looked.presence.sigmoid()[:, :, None, None]
    torch.testing.assert_close(share, expected / expected.sum(dim=1, keepdim=True))


def test_a_defect_of_doubtful_class_is_one_still() -> None:
    foreground = torch.tensor([-0.1, 0.1, 5.0, -5.0]).view(1, 1, 1, 4)
    classes = torch.tensor([[9.0, 0.1, 0.0, 0.0], [0.0, 0.0, 3.0, 9.0]]).view(1, 2, 1, 4)
    assert labels_of(foreground, classes).tolist() == [[[0, 1, 2, 0]]]


def test_an_images_logit_is_the_mean_of_both_heads() -> None:
    spot = torch.full((1, 1, 9, 9), -9.0)
    spot[..., 3:6, 3:6] = 2.0
    classes = torch.tensor([30.0, 0.0]).view(1, 2, 1, 1)
    found = image_logits(_looked(spot, classes, [[1.0, 1.0]]))
    assert float(found[0, 0]) == pytest.approx((2.0 + 1.0) / 2, abs=1e-3)
    assert float(found[0, 1]) < -5
    lonely = torch.full((1, 1, 9, 9), -9.0)
    lonely[..., 4, 4] = 2.0
    assert float(image_logits(_looked(lonely, classes, [[1.0, 1.0]]))[0, 0]) < 0


def test_mirrored_views() -> None:
    assert mirrored_axes(()) == ()
    assert mirrored_axes((3,)) == ((3,),)
    assert mirrored_axes((3, 2)) == ((3,), (2,), (3, 2))


def _module(make_data: MakeData, **changes: object) -> SegmentModule:
    data = make_data(**changes)
    module = TASK.build(data, fresh_backbone(data.recipe), steps=10)
    with torch.no_grad():
        for parameter in module.network.head_parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module.eval()


@pytest.mark.parametrize("flips", [False, True])
@pytest.mark.parametrize("presence", [0.0, 0.3])
def test_the_graph_answers_like_the_other_path(make_data: MakeData, flips: bool, presence: float) -> None:
    module = _module(make_data, task__flips=flips, task__presence_weight=presence)
    calibration = Calibration(temperature=1.7, offset=-0.4)
    made = TASK.exportable(module, calibration=calibration, heatmap=True)
    batch = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    with torch.no_grad():
        ours = dict(zip(OUTPUTS, made.graph(batch), strict=True))
    theirs = made.reference(batch)
    assert made.outputs == OUTPUTS
    assert (ours["labels"].shape, ours["foreground"].shape) == ((3, 64, 64), (3, 32, 32))
    assert float((ours["labels"] != torch.from_numpy(theirs["labels"])).float().mean()) < 1e-3
    assert int((ours["foreground"].int() - torch.from_numpy(theirs["foreground"]).int()).abs().max()) <= 1
    torch.testing.assert_close(ours["scores"], torch.from_numpy(theirs["scores"]), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(ours["embeddings"], torch.from_numpy(theirs["embeddings"]), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(ours["embeddings"].norm(dim=1), torch.ones(3))


def test_scores_are_scaled_by_temperature_and_offset(make_data: MakeData) -> None:
    module = _module(make_data)
    batch = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)

    def scores(temperature: float, offset: float) -> torch.Tensor:
        network = module.network
        graph = SegmentGraph(network, gate=0.5, flips=(), temperature=temperature, offset=offset).eval()
        with torch.no_grad():
            found: torch.Tensor = graph(batch)[2]
        return found

    torch.testing.assert_close(scores(2.0, 0.5), (scores(1.0, 0.0).logit() / 2.0 + 0.5).sigmoid())


def test_mirrored_answers_are_those_of_the_mirrored_image(make_data: MakeData) -> None:
    module = _module(make_data)
    graph = SegmentGraph(module.network, gate=0.5, flips=(3, 2), temperature=1.0, offset=0.0).eval()
    batch = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    with torch.no_grad():
        plain, mirrored = graph(batch), graph(batch.flip(2))
    torch.testing.assert_close(plain[2], mirrored[2], rtol=1e-4, atol=1e-5)
    assert float((plain[0] != mirrored[0].flip(2)).float().mean()) < 1e-2


def test_smaller_crops_need_a_backbone_that_takes_them(make_data: MakeData) -> None:
    data = make_data(model__backbone="test_vit", task__crop=48)
    with pytest.raises(RecipeError, match=r"task\.crop"):
        TASK.build(data, fresh_backbone(data.recipe), steps=1)


def test_a_step_is_seeded_by_its_number_alone(make_data: MakeData, monkeypatch: pytest.MonkeyPatch) -> None:
    module = _module(make_data)
    batch = (torch.zeros(1), torch.zeros(1))
    drawn = []
    for epoch, step, noise in ((1, 2, 0), (1, 2, 5), (2, 2, 0), (1, 3, 0)):
        monkeypatch.setattr(SegmentModule, "current_epoch", epoch)
        torch.rand(noise)
        module.on_train_batch_start(batch, step)
        drawn.append(float(torch.rand(1)))
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3


def test_a_training_step_gives_a_loss_outside_of_a_trainer(make_data: MakeData) -> None:
    data = make_data()
    loader, _ = TASK.loaders(data)
    module = TASK.build(data, fresh_backbone(data.recipe), steps=10).train()
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    loss = module.training_step(next(iter(loader)), 0)
    assert math.isfinite(float(loss.detach()))
    loss.backward()  # type: ignore[no-untyped-call]
