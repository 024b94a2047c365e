"""Classification as training, export and evaluation see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from vision_ft.backbones.contract import Backbone
from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.manifest import Calibration
from vision_ft.bundle.tasks.classify import ClassifyOptions
from vision_ft.data.index import Sample
from vision_ft.recipe.model import Recipe
from vision_ft.tasks.augmentation import build_augmentation
from vision_ft.tasks.classify.dataset import ClassifyDataset, Variation
from vision_ft.tasks.classify.graph import ClassifyGraph
from vision_ft.tasks.classify.module import ClassifyModule
from vision_ft.tasks.classify.network import PooledClassifier
from vision_ft.tasks.classify.probe import (
    FeatureCache,
    choose_penalty,
    fit_classifier,
    pooled_features,
    probe_views,
    seconds_per_view,
)
from vision_ft.tasks.contract import Exportable, FitData, Outputs
from vision_ft.tasks.images import PlacedImages, PlacedStore
from vision_ft.tasks.loading import drawn_items, loader, prepare_backbone
from vision_ft.tasks.sampling import Draw, EpochSampler, derive_seed, sample_weights


class ClassifyTask:
    """See `tasks.contract.TorchTask`."""

    default_epochs = 12

    trains_on_tiles = False

    monitors = ("accuracy", "balanced_accuracy", "macro_f1")

    start_option = "task.probe true"

    def __init__(self) -> None:
        self._cache = FeatureCache()
        self._images = PlacedStore()

    def loaders(self, data: FitData) -> tuple[DataLoader[Any], DataLoader[Any] | None]:
        """Training and validation loaders; the images are cached by this call."""
        recipe = data.recipe
        variation = _variation(data)
        train = self._placed(data.train, data)
        weights = sample_weights(data.train) if recipe.options(ClassifyOptions).imbalance == "sampler" else None
        sampler = EpochSampler(len(train), seed=recipe.seed, weights=weights)
        shown = loader(ClassifyDataset(train, data.classes, variation), sampler, data)
        if not data.val:
            return shown, None
        val = self._placed(data.val, data)
        ordered: list[Draw] = [(row, 0) for row in range(len(val))]
        return shown, loader(ClassifyDataset(val, data.classes, None), ordered, data)

    def can_ship_start(self, recipe: Recipe) -> bool:
        """The probe's classifier is; without a probe all classes are alike at first."""
        return recipe.options(ClassifyOptions).probe

    def _placed(self, samples: Sequence[Sample], data: FitData) -> PlacedImages:
        images = PlacedImages(samples, data.spec, cache_mb=data.recipe.data.cache_mb, store=self._images)
        images.load()
        return images

    def preview(self, data: FitData, sample: Sample, seeds: Sequence[int]) -> list[NDArray[np.uint8]]:
        """The image as training shows it."""
        return [item[0] for item in drawn_items(self.loaders(data)[0], data.train.index(sample), seeds)]

    def build(self, data: FitData, backbone: Backbone, *, steps: int) -> ClassifyModule:
        """The module to be trained for `steps` steps, its backbone frozen as the recipe says."""
        recipe = data.recipe
        torch.manual_seed(derive_seed(recipe.seed, "head"))
        prepare_backbone(backbone, recipe)
        network = _network(data, backbone, recipe.options(ClassifyOptions).dropout)
        counts = [sum(s.targets[0] == c.id for s in data.train) for c in data.classes]
        prior = [count / len(data.train) for count in counts]
        return ClassifyModule(network, recipe, data.classes, prior=prior, steps=steps)

    def settle(self, data: FitData, backbone: Backbone, say: Callable[[str], None]) -> Recipe:
        """The recipe with the probe's penalty chosen on all training images, by groups left out.

        Once for a run: folds with penalties of their own would be confident in different measures,
        and one temperature could not serve them.
        """
        recipe = data.recipe
        if not recipe.options(ClassifyOptions).probe or recipe.options(ClassifyOptions).probe_penalty != "auto":
            return recipe
        plain = recipe.options(ClassifyOptions).model_copy(update={"probe_draws": 0.0})
        data = replace(data, recipe=recipe.model_copy(update={"task": plain}), val=())
        loader, _ = self.loaders(data)
        dataset = loader.dataset
        assert isinstance(dataset, ClassifyDataset)
        device = next(backbone.parameters()).device
        network = _network(data, backbone, 0.0).to(device)
        views = probe_views(network, dataset, data, self._cache, device=device)
        network.fit_standardisation(views.features)
        # Numbered in the order of their hash, so that the folds made of them are random.
        names = sorted({s.group for s in data.train}, key=lambda name: derive_seed(recipe.seed, "penalty", name))
        numbers = {name: number for number, name in enumerate(names)}
        penalty = choose_penalty(
            views.standardised(network),
            torch.tensor(dataset.targets)[torch.from_numpy(views.rows)],
            views.weights,
            np.array([numbers[data.train[row].group] for row in views.rows], dtype=np.int64),
            classes=len(data.classes),
        )
        say(f"linear probe: penalty {penalty:g}, chosen by likelihood on groups left out")
        return recipe.model_copy(
            update={"task": recipe.options(ClassifyOptions).model_copy(update={"probe_penalty": penalty})}
        )

    def warm_start(
        self, module: ClassifyModule, data: FitData, train: DataLoader[Any], say: Callable[[str], None]
    ) -> None:
        """Standardise the pooled features, and fit the classifier on them (where the recipe asks for it)."""
        recipe = data.recipe
        dataset = train.dataset
        assert isinstance(dataset, ClassifyDataset)
        views = probe_views(module.network, dataset, data, self._cache, device=module.device)
        module.network.fit_standardisation(views.features)
        if not recipe.options(ClassifyOptions).probe:
            return
        features = views.standardised(module.network)
        targets = torch.tensor(dataset.targets)[torch.from_numpy(views.rows)]
        penalty = recipe.options(ClassifyOptions).probe_penalty
        assert penalty != "auto", "settled before the first fit"
        smoothing = recipe.options(ClassifyOptions).label_smoothing
        adjusts = recipe.options(ClassifyOptions).imbalance == "logit_adjustment"
        loss = fit_classifier(
            module.network,
            features,
            targets,
            views.weights,
            penalty=penalty,
            smoothing=smoothing,
            offset=module.log_prior.cpu() if adjusts else None,
        )
        say(f"linear probe on {len(features)} views of {len(dataset)} images: penalty {penalty:g}, loss {loss:.3f}")

    def warm_start_seconds(self, module: ClassifyModule, data: FitData, train: DataLoader[Any]) -> float:
        """The pass over the images as they are (shared by all fits where it was made already), and the drawn views."""
        dataset = train.dataset
        assert isinstance(dataset, ClassifyDataset)
        options = data.recipe.options(ClassifyOptions)
        each = seconds_per_view(module.network, dataset, data.recipe.trainer.batch_size, device=module.device)
        plain = 0.0 if options.probe else 1.0
        return each * len(dataset) * (plain + (options.probe_draws if options.probe else 0.0))

    def embed(self, data: FitData, backbone: Backbone, samples: Sequence[Sample]) -> NDArray[np.float32]:
        """Pooled features of the pretrained backbone, float32 [N, F]."""
        network = _network(data, backbone, 0.0)
        images = self._placed(samples, data)
        dataset = ClassifyDataset(images, data.classes, None)
        device = next(backbone.parameters()).device
        every = [(row, 0) for row in range(len(dataset))]
        found = pooled_features(network, dataset, every, batch_size=data.recipe.trainer.batch_size, device=device)
        return np.asarray(found.numpy(), dtype=np.float32)

    def exportable(self, module: ClassifyModule, *, calibration: Calibration, heatmap: bool) -> Exportable:
        """The graph of a trained module with its temperature built in."""
        module = module.eval()
        temperature = calibration.temperature
        graph = ClassifyGraph(module.network, temperature=temperature, heatmap=heatmap).eval()

        @torch.no_grad()
        def reference(batch: Tensor) -> Outputs:
            logits = module(batch.to(module.device)).float().cpu()
            further = dict(zip(graph.outputs, graph.cpu()(batch.cpu()), strict=True))
            answer = {name: value.numpy() for name, value in further.items()}
            return {**answer, "probabilities": (logits / temperature).softmax(dim=1).numpy()}

        reason = "" if heatmap else "turned off in the recipe"
        return Exportable(graph, graph.outputs, module.network.width, reason, reference, module.classes)

    def prior(self, recipe: Recipe, samples: Sequence[Sample], classes: Sequence[ClassInfo]) -> dict[str, float]:
        """Even over the classes where they were drawn evenly, else the training shares."""
        counts = {c.id: sum(s.targets[0] == c.id for s in samples) for c in classes}
        if recipe.options(ClassifyOptions).imbalance == "none":
            return {name: count / len(samples) for name, count in counts.items()}
        present = sum(count > 0 for count in counts.values())
        return {name: (1.0 / present if count else 0.0) for name, count in counts.items()}


TASK = ClassifyTask()


def _variation(data: FitData) -> Variation:
    section = data.recipe.augment
    square = data.spec.height == data.spec.width
    light = section.model_copy(
        update={
            "flip_horizontal": 0.0,
            "flip_vertical": 0.0,
            "rotate_90": 0.0,
            "rotate_degrees": 0.0,
            "shift": 0.0,
            "scale": (1.0, 1.0),
        }
    )
    return Variation(
        build_augmentation(section, square=square),
        build_augmentation(light, square=square),
        data.recipe.options(ClassifyOptions).transplant if data.recipe.data.masks and section.preset != "none" else 0.0,
    )


def _network(data: FitData, backbone: Backbone, dropout: float) -> PooledClassifier:
    options = data.recipe.options(ClassifyOptions)
    return PooledClassifier(
        backbone, len(data.classes), taps=options.taps, statistics=options.statistics, dropout=dropout
    )
