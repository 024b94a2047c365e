"""Anomaly detection as training and export see it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vision_ft.backbones.contract import Backbone
from vision_ft.bundle.classes import ClassInfo, background_of
from vision_ft.bundle.manifest import Calibration, InputSpec
from vision_ft.bundle.tasks.anomaly import AnomalyOptions
from vision_ft.data.index import Sample
from vision_ft.recipe.model import Recipe
from vision_ft.tasks.anomaly.blotches import blotched
from vision_ft.tasks.anomaly.features import FeatureCache, PatchSource
from vision_ft.tasks.anomaly.graph import AnomalyGraph
from vision_ft.tasks.anomaly.memory import fit_network
from vision_ft.tasks.anomaly.module import AnomalyModule
from vision_ft.tasks.anomaly.network import AnomalyNetwork
from vision_ft.tasks.anomaly.views import GoodViews
from vision_ft.tasks.contract import Exportable, FitData, Outputs
from vision_ft.tasks.embeddings import embed_samples
from vision_ft.tasks.images import PlacedImages, PlacedStore
from vision_ft.tasks.loading import drawn_items, loader
from vision_ft.tasks.sampling import Draw, derive_seed


class GoodImages(Dataset[tuple[Tensor, int]]):
    """Views of good parts, uint8 RGB [H, W, 3], each with its number."""

    def __init__(self, views: GoodViews) -> None:
        self.views = views

    def __len__(self) -> int:
        return len(self.views)

    def __getitem__(self, draw: Draw) -> tuple[Tensor, int]:
        return torch.from_numpy(self.views[draw[0]]), draw[0]


class AnomalyTask:
    """See `tasks.contract.TorchTask`. All that is learned is learned in `warm_start`, in one pass over good images."""

    default_epochs = 0

    trains_on_tiles = True

    monitors: tuple[str, ...] = ()

    start_option = ""

    def __init__(self) -> None:
        self._images = PlacedStore()
        self._features = FeatureCache()

    def can_ship_start(self, recipe: Recipe) -> bool:
        """There is nothing but the start."""
        return True

    def loaders(self, data: FitData) -> tuple[DataLoader[Any], DataLoader[Any] | None]:
        """The good images of the training set; there is no epoch that could be validated."""
        good = background_of(data.classes).id
        samples = [sample for sample in data.train if sample.targets == (good,)]
        images = PlacedImages(samples, data.spec, cache_mb=data.recipe.data.cache_mb, store=self._images)
        images.load()
        views = GoodViews(images)
        ordered: list[Draw] = [(number, 0) for number in range(len(views))]
        return loader(GoodImages(views), ordered, data), None

    def preview(self, data: FitData, sample: Sample, seeds: Sequence[int]) -> list[NDArray[np.uint8]]:
        """The image as it is, or its tiles in turn: nothing is varied, but mirrored ones are learned too where the
        recipe says so."""
        shown = self.loaders(data)[0]
        own = [number for number, one in enumerate(_views(shown).samples) if one == sample]
        return [drawn_items(shown, own[turn % len(own)], [seed])[0][0] for turn, seed in enumerate(seeds) if own]

    def build(self, data: FitData, backbone: Backbone, *, steps: int) -> AnomalyModule:
        """The module with its whole backbone frozen; it knows nothing of good parts yet."""
        options = data.recipe.options(AnomalyOptions)
        backbone.freeze(len(backbone.layers()))
        network = AnomalyNetwork(backbone.eval(), stages=options.stages, relative=options.relative)
        return AnomalyModule(network, data.classes)

    def settle(self, data: FitData, backbone: Backbone, say: Callable[[str], None]) -> Recipe:
        """Nothing is left to the data."""
        return data.recipe

    def warm_start(
        self, module: AnomalyModule, data: FitData, train: DataLoader[Any], say: Callable[[str], None]
    ) -> None:
        """Learn what good parts look like."""
        recipe = data.recipe
        options = recipe.options(AnomalyOptions)
        source = self._source(module, data, train)
        views = _views(train)
        share = fit_network(
            module.network.eval(),
            source,
            np.array([sample.group for sample in views.samples], dtype=np.str_),
            options,
            mirrored=options.mirrored and recipe.augment.flip_horizontal > 0,
            seed=derive_seed(recipe.seed, "memory"),
        )
        kept, dimensions = module.network.memory.shape
        shown = f"{len(views.images)} good images" + (f", {len(views)} tiles" if data.spec.tile else "")
        say(f"{shown}: {kept} patches of {dimensions} components, which hold {share:.0%} of the features' variance")

    def warm_start_seconds(self, module: AnomalyModule, data: FitData, train: DataLoader[Any]) -> float:
        """A batch's time for all views; what comes after the features takes little beside them."""
        count = len(_views(train))
        size = min(data.recipe.trainer.batch_size, count)
        started = time.perf_counter()
        for _ in self._source(module, data, train).batches([(row, False) for row in range(size)]):
            pass
        ways = 2 if data.recipe.options(AnomalyOptions).mirrored else 1
        return (time.perf_counter() - started) * ways * count / size

    def embed(self, data: FitData, backbone: Backbone, samples: Sequence[Sample]) -> NDArray[np.float32]:
        """Averaged last maps of the pretrained backbone, float32 [N, D]."""
        images = PlacedImages(samples, data.spec, cache_mb=data.recipe.data.cache_mb)
        return embed_samples(backbone, images, data.recipe.trainer.batch_size)

    def exportable(self, module: AnomalyModule, *, calibration: Calibration, heatmap: bool) -> Exportable:
        """The graph of a fitted module with its calibration built in."""
        module = module.eval()
        graph = AnomalyGraph(module.network, calibration=calibration, heatmap=heatmap).eval()

        @torch.no_grad()
        def reference(batch: Tensor) -> Outputs:
            found = module(batch.to(module.device))
            raw = found.scores.double().cpu().numpy()
            logits = np.log(raw) / calibration.temperature + calibration.offset
            unit = np.exp(-calibration.offset * calibration.temperature)
            answer = {
                "scores": (1.0 / (1.0 + np.exp(-logits))).astype(np.float32),
                "raw_scores": raw.astype(np.float32),
                "embeddings": found.embeddings.cpu().numpy(),
            }
            return answer | ({"map": (found.maps.cpu().numpy() / unit).astype(np.float32)} if heatmap else {})

        reason = "" if heatmap else "turned off in the recipe"
        return Exportable(graph, graph.outputs, module.network.width, reason, reference, module.classes)

    def prior(self, recipe: Recipe, samples: Sequence[Sample], classes: Sequence[ClassInfo]) -> dict[str, float]:
        """None is assumed: the bad score says how unusual an image is, not how likely a defect."""
        return {}

    def parity_images(self, images: Sequence[bytes], spec: InputSpec) -> list[bytes]:
        """A quarter of the images again, each with a blotch, encoded as PNG: so that something is rejected.

        Where all images are good the comparison would otherwise see one verdict only.
        """
        return [blotched(data, seed=number, spec=spec) for number, data in enumerate(images[: -(-len(images) // 4)])]

    def _source(self, module: AnomalyModule, data: FitData, train: DataLoader[Any]) -> PatchSource:
        section = data.recipe
        return PatchSource(
            module.network,
            _views(train),
            self._features,
            batch_size=section.trainer.batch_size,
            cache_mb=section.data.cache_mb,
        )


TASK = AnomalyTask()


def _views(train: DataLoader[Any]) -> GoodViews:
    dataset = train.dataset
    assert isinstance(dataset, GoodImages)
    return dataset.views
