"""The network, what is fitted into it, and how it is exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist, mahalanobis

from vision_ft.bundle.decode import decode
from vision_ft.bundle.manifest import Calibration, InputSpec, Region, TileSpec
from vision_ft.bundle.tasks.anomaly import AnomalyOptions
from vision_ft.tasks.anomaly.blotches import blotched
from vision_ft.tasks.anomaly.memory import choose_spread
from vision_ft.tasks.anomaly.module import AnomalyModule
from vision_ft.tasks.anomaly.network import AnomalyNetwork
from vision_ft.tasks.anomaly.task import AnomalyTask
from vision_ft.tasks.contract import FitData, MakesParityImages
from vision_ft.training.fit import FitPlan, fit, fresh_backbone, rebuild

from .conftest import MakeData


def _fitted(data: FitData, task: AnomalyTask | None = None) -> tuple[AnomalyModule, list[str]]:
    task = task or AnomalyTask()
    loader, val = task.loaders(data)
    assert val is None
    module = task.build(data, fresh_backbone(data.recipe), steps=1)
    said: list[str] = []
    task.warm_start(module, data, loader, said.append)
    return module.eval(), said


def _images(data: FitData, good: bool) -> torch.Tensor:
    loader, _ = AnomalyTask().loaders(data)
    del loader
    paths = [s.path for s in data.train if (s.targets == ("good",)) == good]
    return torch.from_numpy(np.stack([decode(path.read_bytes())[:64, :64] for path in paths]))


def test_only_good_images_are_learned(make_data: MakeData) -> None:
    data = make_data()
    module, said = _fitted(data)
    assert said[0].startswith("10 good images: 50 patches of 16 components")
    assert module.network.memory.shape == (50, 16)
    assert not any(parameter.requires_grad for parameter in module.parameters())


def test_the_chosen_points_are_spread() -> None:
    rng = torch.Generator().manual_seed(0)
    points = torch.cat([torch.randn(500, 8, generator=rng), torch.randn(5, 8, generator=rng) + 9.0])
    chosen = choose_spread(points, 20, seed=0)
    assert len(set(chosen.tolist())) == 20
    assert (chosen >= 500).any()

    def reach(taken: torch.Tensor) -> float:
        return float(np.asarray(cdist(points, points[taken])).min(axis=1).max())

    drawn = [reach(torch.randperm(505, generator=rng)[:20]) for _ in range(20)]
    assert reach(chosen) < np.median(drawn)
    assert choose_spread(points, 600, seed=0).tolist() == list(range(505))


def test_distances_are_those_to_the_nearest_patch(make_data: MakeData) -> None:
    network = _fitted(make_data())[0].network
    found = torch.randn(2, 30, 16) * 3.0
    expected = np.asarray(cdist(found.reshape(60, 16), network.memory)).min(axis=1)
    np.testing.assert_allclose(network.distances(found).reshape(60), expected, rtol=1e-3, atol=1e-3)


def test_a_normal_distribution_gives_mahalanobis_distances(make_data: MakeData) -> None:
    network = _fitted(make_data(task__method="gaussian", task__dimensions=256))[0].network
    assert len(network.memory) == 1
    patches = torch.randn(1, network.width, 2, 3)
    whitening = network.components.double() @ network.components.double().T
    for found, patch in zip(network.distances(network.coordinates(patches))[0], patches[0].flatten(1).T, strict=True):
        expected = mahalanobis(patch.numpy(), network.mean.numpy(), whitening.numpy())
        assert float(found) == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("options", [{}, {"task__relative": 0.0}, {"task__method": "gaussian"}, {"task__stages": 3}])
def test_what_is_odd_stands_out_where_it_is(make_data: MakeData, options: dict[str, Any]) -> None:
    data = make_data(**options)
    module, _ = _fitted(data)
    good = _images(data, good=True)
    odd = good.clone()
    odd[:, 8:28, 8:28] = torch.randint(0, 256, (20, 20, 3), dtype=torch.uint8)
    with torch.no_grad():
        plain, marked = module(good), module(odd)
    assert (marked.scores > plain.scores).float().mean() > 0.9
    assert (marked.scores == marked.maps.flatten(1).amax(dim=1)).all()
    height, width = marked.maps.shape[1:]
    at = marked.maps.mean(dim=0).flatten().argmax()
    assert int(at) // width < height / 2
    assert int(at) % width < width / 2


def test_a_checkpoint_brings_its_own_sizes(make_data: MakeData, tmp_path: Path) -> None:
    data = make_data()
    task = AnomalyTask()
    module = fit(task, data, FitPlan("final", 0), tmp_path, resume=False, say=lambda _: None, bar=False)
    again = rebuild(task, data, tmp_path / "best.ckpt")
    images = _images(data, good=False)
    with torch.no_grad():
        for one, other in zip(module(images), again(images), strict=True):
            assert torch.equal(one, other)
    assert isinstance(again.network, AnomalyNetwork)


def test_fits_are_repeatable_and_share_features(make_data: MakeData, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_data()
    task = AnomalyTask()
    first, _ = _fitted(data, task)
    monkeypatch.setattr(AnomalyNetwork, "patches", lambda *_: pytest.fail("all features are known already"))
    second, _ = _fitted(data, task)
    monkeypatch.undo()
    fresh, _ = _fitted(make_data(data__cache_mb=0))
    for name, value in first.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name]), name
        torch.testing.assert_close(value, fresh.network.state_dict()[name], msg=name)


def test_mirrored_images_are_learned_where_the_augmentation_mirrors(make_data: MakeData) -> None:
    many = {"task__memory": 20_000, "augment__preset": "surface"}
    alone = _fitted(make_data(**many, task__mirrored=False))[0].network.memory
    signs = _fitted(make_data(**{**many, "augment__preset": "sign"}))[0].network.memory
    both = _fitted(make_data(**many))[0].network.memory
    assert len(both) == 2 * len(alone) == 2 * len(signs)


@pytest.mark.parametrize("heatmap", [True, False])
def test_graph_and_reference_agree(make_data: MakeData, heatmap: bool) -> None:
    data = make_data()
    module, _ = _fitted(data)
    calibration = Calibration(temperature=0.3, offset=0.8)
    made = AnomalyTask().exportable(module, calibration=calibration, heatmap=heatmap)
    assert ("map" in made.outputs) == heatmap
    images = _images(data, good=False)
    expected = made.reference(images)
    with torch.no_grad():
        given = dict(zip(made.outputs, made.graph(images), strict=True))
    assert set(given) == set(expected)
    for name, value in given.items():
        np.testing.assert_allclose(value.numpy(), expected[name], rtol=1e-4, atol=1e-5, err_msg=name)
    assert given["embeddings"].shape[1] == made.embedding
    if heatmap:
        # The map is 1 where the score's half is.
        highest = given["map"].flatten(1).amax(dim=1)
        assert ((highest >= 1.0) == (given["scores"] >= 0.5)).all()


def test_the_blotch_is_a_new_verdict(make_data: MakeData) -> None:
    data = make_data()
    task = AnomalyTask()
    assert isinstance(task, MakesParityImages)
    encoded = [sample.path.read_bytes() for sample in data.train[:6]]
    made = task.parity_images(encoded, data.spec)
    assert len(made) == 2
    before, after = decode(encoded[0]), decode(made[0])
    assert before.shape == after.shape
    changed = (before != after).any(axis=2).mean()
    assert 0.08 < changed < 0.16
    assert blotched(encoded[0], seed=0) == made[0]


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"tile": TileSpec(size=40, overlap=0.2)}, (0, 0, 40, 40)),
        ({"region": Region(left=0.5, top=0.25)}, (50, 20, 50, 60)),
    ],
)
def test_the_blotch_lies_in_what_is_looked_at_first(change: dict[str, Any], seen: tuple[int, int, int, int]) -> None:
    done, encoded = cv2.imencode(".png", np.full((80, 100, 3), 99, np.uint8))
    assert done
    spec = InputSpec(height=64, width=64).model_copy(update=change)
    left, top, width, height = seen
    for seed in range(5):
        changed = (decode(blotched(encoded.tobytes(), seed=seed, spec=spec)) != 99).any(axis=2)
        assert changed[top : top + height, left : left + width].sum() == changed.sum() > 0.08 * width * height


@pytest.mark.parametrize("size", [(1, 5), (5, 1), (1, 1), (2, 3)])
def test_the_smallest_image_can_have_a_blotch(size: tuple[int, int]) -> None:
    done, encoded = cv2.imencode(".png", np.zeros((*size, 3), np.uint8))
    assert done
    assert decode(blotched(encoded.tobytes(), seed=0)).shape == (*size, 3)


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="memory"):
        AnomalyOptions(memory=0)


def test_time_and_embeddings(make_data: MakeData) -> None:
    data = make_data()
    task = AnomalyTask()
    loader, _ = task.loaders(data)
    backbone = fresh_backbone(data.recipe)
    assert task.warm_start_seconds(task.build(data, backbone, steps=1), data, loader) > 0.0
    assert task.embed(data, backbone, data.train[:3]).shape[0] == 3
    assert task.prior(data.recipe, data.train, data.classes) == {}
    assert next(iter(loader))[0].shape == (4, 64, 64, 3)
