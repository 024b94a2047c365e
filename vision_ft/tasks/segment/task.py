"""Segmentation as training and export see it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from vision_ft.backbones.contract import Backbone
from vision_ft.bundle.classes import ClassInfo, object_classes
from vision_ft.bundle.manifest import Calibration
from vision_ft.bundle.tasks.segment import SegmentOptions
from vision_ft.data.drawing import draw_class_mask
from vision_ft.data.index import Sample
from vision_ft.errors import BackboneError, RecipeError
from vision_ft.recipe.model import Recipe
from vision_ft.tasks.augmentation import build_augmentation
from vision_ft.tasks.contract import Exportable, FitData, Outputs
from vision_ft.tasks.embeddings import embed_samples
from vision_ft.tasks.images import PlacedImages
from vision_ft.tasks.loading import drawn_items, loader, prepare_backbone
from vision_ft.tasks.sampling import Draw, EpochSampler, derive_seed
from vision_ft.tasks.segment.dataset import CropDataset, Variation, ViewDataset, crop_weights
from vision_ft.tasks.segment.graph import LARGEST_LOGIT, OUTPUTS, SegmentGraph
from vision_ft.tasks.segment.module import SegmentModule
from vision_ft.tasks.segment.network import Looked, SegmentNetwork
from vision_ft.tasks.segment.pictures import PictureStore

_STANDARD = 128
"""Crops that the pooled features are standardised on."""
_WHOLE = 1e6
"""A magnification for which no image is shrunk: validated are images as they are."""


class SegmentTask:
    """See `tasks.contract.TorchTask`."""

    default_epochs = 40

    trains_on_tiles = True

    monitors = ("mean_iou", "mean_dice")

    start_option = ""

    def __init__(self) -> None:
        self._train, self._val = PictureStore(), PictureStore()

    def can_ship_start(self, recipe: Recipe) -> bool:
        """An untrained decoder finds nothing."""
        return False

    def loaders(self, data: FitData) -> tuple[DataLoader[Any], DataLoader[Any] | None]:
        """Training and validation loaders; the images are cached by this call."""
        recipe, options = data.recipe, data.recipe.options(SegmentOptions)
        size = (options.crop or data.spec.height, options.crop or data.spec.width)
        zoom, varied = options.zoom, recipe.augment.preset != "none"
        variation = Variation(
            build_augmentation(recipe.augment, square=size[0] == size[1]),
            size,
            zoom if varied else (1.0, 1.0),
            options.focus,
            options.transplant if varied else 0.0,
        )
        room = recipe.data.cache_mb
        train = self._train.load(data.train, data.classes, data.spec, zoom=max(zoom), cache_mb=room)
        weights = crop_weights(data.train, data.classes, options.background)
        sampler = EpochSampler(len(train), seed=recipe.seed, weights=weights)
        shown = loader(CropDataset(train, data.classes, variation), sampler, data)
        if not data.val:
            return shown, None
        whole = self._val.load(data.val, data.classes, data.spec, zoom=_WHOLE, cache_mb=0)
        val = ViewDataset(whole, cache_mb=max(1, room // 4))
        return shown, loader(val, [(number, 0) for number in range(len(val))], data)

    def preview(self, data: FitData, sample: Sample, seeds: Sequence[int]) -> list[NDArray[np.uint8]]:
        """Crops as training shows them, with outlines."""
        items = drawn_items(self.loaders(data)[0], data.train.index(sample), seeds)
        return [draw_class_mask(image, mask, data.classes) for image, mask in items]

    def build(self, data: FitData, backbone: Backbone, *, steps: int) -> SegmentModule:
        """The module to be trained for `steps` steps, its backbone frozen as the recipe says.

        Raises `RecipeError` for crops of another size than the input's where the backbone takes none.
        """
        recipe, options = data.recipe, data.recipe.options(SegmentOptions)
        torch.manual_seed(derive_seed(recipe.seed, "head"))
        prepare_backbone(backbone, recipe)
        _check_crop(backbone, options)
        network = SegmentNetwork(
            backbone, len(object_classes(data.classes)), decoder=options.decoder, stride=options.stride
        )
        return SegmentModule(network, recipe, data.classes, steps=steps)

    def settle(self, data: FitData, backbone: Backbone, say: Callable[[str], None]) -> Recipe:
        """Nothing is left to the data."""
        return data.recipe

    def warm_start(
        self, module: SegmentModule, data: FitData, train: DataLoader[Any], say: Callable[[str], None]
    ) -> None:
        """Standardise the pooled features on some training crops."""
        every = [(row, derive_seed(data.recipe.seed, "standard", row)) for row in range(len(data.train))]
        chosen = [
            every[number] for number in np.linspace(0, len(every) - 1, min(_STANDARD, len(every))).round().astype(int)
        ]
        module.network.fit_standardisation(_pooled(module, train, chosen))

    def warm_start_seconds(self, module: SegmentModule, data: FitData, train: DataLoader[Any]) -> float:
        """One batch's time for each of them."""
        size = min(data.recipe.trainer.batch_size, len(data.train))
        started = time.perf_counter()
        _pooled(module, train, [(row, 0) for row in range(size)])
        return (time.perf_counter() - started) * min(_STANDARD, len(data.train)) / size

    def embed(self, data: FitData, backbone: Backbone, samples: Sequence[Sample]) -> NDArray[np.float32]:
        """Averaged last maps of the pretrained backbone, float32 [N, D]."""
        images = PlacedImages(samples, data.spec, cache_mb=data.recipe.data.cache_mb)
        return embed_samples(backbone, images, data.recipe.trainer.batch_size)

    def exportable(self, module: SegmentModule, *, calibration: Calibration, heatmap: bool) -> Exportable:
        """The graph of a trained module with its calibration built in."""
        module = module.eval()
        section = module.recipe.augment
        mirrors = ((3, section.flip_horizontal), (2, section.flip_vertical)) if module.options.flips else ()
        flips = tuple(axis for axis, chance in mirrors if chance)
        graph = SegmentGraph(
            module.network,
            gate=module.gate,
            flips=flips,
            temperature=calibration.temperature,
            offset=calibration.offset,
        ).eval()

        @torch.no_grad()
        def reference(batch: Tensor) -> Outputs:
            views = [module(batch.to(module.device))]
            for axes in [(axis,) for axis in flips] + ([flips] if len(flips) > 1 else []):
                # Of images the axes come one earlier than of maps.
                other = module(batch.to(module.device).flip([axis - 1 for axis in axes]))
                views.append(other._replace(foreground=other.foreground.flip(axes), classes=other.classes.flip(axes)))
            return answers(
                [Looked(*(one.cpu() for one in view)) for view in views],
                (int(batch.shape[1]), int(batch.shape[2])),
                module.gate,
                calibration,
            )

        reason = "" if heatmap else "turned off in the recipe"
        return Exportable(graph, OUTPUTS, module.network.width, reason, reference, module.classes)

    def prior(self, recipe: Recipe, samples: Sequence[Sample], classes: Sequence[ClassInfo]) -> dict[str, float]:
        """The share of the training images that show each class; an image may show several."""
        return {c.id: sum(c.id in s.targets for s in samples) / max(1, len(samples)) for c in classes}


def answers(views: Sequence[Looked], size: tuple[int, int], gate: float, calibration: Calibration) -> Outputs:
    """The graph's outputs by another path, from what the module sees in the mirrored views of a batch, the plain first.

    It works with odds and probabilities in double precision, where the graph adds logits.
    """
    foreground, classes, presence = (
        torch.stack([one[number].double() for one in views]).mean(dim=0) for number in range(3)
    )
    resize = torch.nn.functional.interpolate
    odds = resize(foreground, size=size, mode="bilinear").exp()[:, 0]
    ways = resize(classes + gate * presence.sigmoid().log()[:, :, None, None], size=size, mode="bilinear").exp()
    labels = torch.where(odds > 1.0, ways.argmax(dim=1) + 1, 0)
    defect = 1.0 / (1.0 + (-foreground[:, 0]).exp())
    own = resize(classes, size=tuple(defect.shape[1:]), mode="bilinear").exp()
    share = defect[:, None] * own / own.sum(dim=1, keepdim=True)
    highest = torch.nn.functional.avg_pool2d(share, 3, stride=1, padding=1).flatten(2).max(dim=2).values
    highest = highest.clamp(1e-6, 1 - 1e-6)
    logits = (0.5 * (highest.log() - (1 - highest).log() + presence)).clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
    scores = 1.0 / (1.0 + (-(logits / calibration.temperature + calibration.offset)).exp())
    features = views[0].features.double()
    return {
        "labels": labels.numpy().astype(np.uint8),
        "foreground": (defect * 255.0).round().numpy().astype(np.uint8),
        "scores": scores.numpy().astype(np.float32),
        "embeddings": (features / features.norm(dim=1, keepdim=True).clamp_min(1e-12)).numpy().astype(np.float32),
    }


TASK = SegmentTask()


@torch.no_grad()
def _pooled(module: SegmentModule, train: DataLoader[Any], draws: Sequence[Draw]) -> Tensor:
    """Pooled features of training crops, float [N, F], on the CPU."""
    training = module.training
    module.eval()
    found = []
    size = train.batch_size or 1
    for start in range(0, len(draws), size):
        crops = [train.dataset[draw] for draw in draws[start : start + size]]
        found.append(module(torch.stack([image for image, _ in crops]).to(module.device)).features.float().cpu())
    module.train(training)
    return torch.cat(found)


@torch.no_grad()
def _check_crop(backbone: Backbone, options: SegmentOptions) -> None:
    if options.crop is None:
        return
    device = next(backbone.parameters()).device
    try:
        backbone.eval()(torch.zeros(1, 3, options.crop, options.crop, device=device))
    except BackboneError:
        raise RecipeError(
            f"task.crop {options.crop}",
            expected="crops of the input's size",
            got=f"{backbone.info.name}, which takes images of one size alone",
            remedy="Leave task.crop out.",
        ) from None
