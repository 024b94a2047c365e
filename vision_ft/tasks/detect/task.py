"""Detection as training and export see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from vision_ft.backbones.contract import Backbone
from vision_ft.bundle.classes import ClassInfo, object_classes
from vision_ft.bundle.manifest import Calibration
from vision_ft.bundle.tasks.detect import DetectOptions, calibrated_floor
from vision_ft.data.drawing import draw_boxes
from vision_ft.data.index import Sample
from vision_ft.recipe.model import Recipe
from vision_ft.tasks.augmentation import build_augmentation
from vision_ft.tasks.contract import Exportable, FitData, Outputs
from vision_ft.tasks.detect.dataset import DetectDataset, Variation
from vision_ft.tasks.detect.decode import decode_dense
from vision_ft.tasks.detect.graph import DetectGraph
from vision_ft.tasks.detect.labels import NONE
from vision_ft.tasks.detect.module import DetectModule
from vision_ft.tasks.detect.network import Detector
from vision_ft.tasks.detect.suppression import append_suppression
from vision_ft.tasks.embeddings import embed_samples
from vision_ft.tasks.images import PlacedImages, PlacedStore
from vision_ft.tasks.loading import drawn_items, loader, prepare_backbone
from vision_ft.tasks.sampling import EpochSampler, derive_seed, sample_weights


class DetectTask:
    """See `tasks.contract.TorchTask`."""

    default_epochs = 40

    trains_on_tiles = True

    monitors = ("map_50", "map_75")

    start_option = ""

    def __init__(self) -> None:
        self._images = PlacedStore()

    def can_ship_start(self, recipe: Recipe) -> bool:
        """An untrained head finds nothing."""
        return False

    def loaders(self, data: FitData) -> tuple[DataLoader[Any], DataLoader[Any] | None]:
        """Training and validation loaders; the images are cached by this call."""
        recipe, options = data.recipe, data.recipe.options(DetectOptions)
        train = self._placed(data.train, data)
        square = data.spec.height == data.spec.width
        varied = recipe.augment.preset != "none"
        variation = Variation(
            build_augmentation(recipe.augment, square=square, boxes=True),
            options.mosaic if varied else 0.0,
            options.copy_paste if varied else 0.0,
        )
        weights = sample_weights(data.train) if options.imbalance == "sampler" else None
        sampler = EpochSampler(len(train), seed=recipe.seed, weights=weights)
        shown = loader(DetectDataset(train, data.classes, variation), sampler, data)
        if not data.val:
            return shown, None
        val = DetectDataset(self._placed(data.val, data), data.classes, None)
        return shown, loader(val, [(row, 0) for row in range(len(val))], data)

    def preview(self, data: FitData, sample: Sample, seeds: Sequence[int]) -> list[NDArray[np.uint8]]:
        """The image as training shows it, with its boxes."""
        items = drawn_items(self.loaders(data)[0], data.train.index(sample), seeds)
        return [
            draw_boxes(image, boxes[labels != NONE], labels[labels != NONE], data.classes)
            for image, boxes, labels in items
        ]

    def build(self, data: FitData, backbone: Backbone, *, steps: int) -> DetectModule:
        """The module to be trained for `steps` steps, its backbone frozen as the recipe says."""
        recipe, options = data.recipe, data.recipe.options(DetectOptions)
        torch.manual_seed(derive_seed(recipe.seed, "head"))
        prepare_backbone(backbone, recipe)
        network = Detector(
            backbone,
            len(object_classes(data.classes)),
            size=(data.spec.height, data.spec.width),
            strides=options.strides,
            width=options.width,
            convs=options.convs,
        )
        return DetectModule(network, recipe, data.classes, steps=steps)

    def settle(self, data: FitData, backbone: Backbone, say: Callable[[str], None]) -> Recipe:
        """Nothing is left to the data."""
        return data.recipe

    def warm_start(
        self, module: DetectModule, data: FitData, train: DataLoader[Any], say: Callable[[str], None]
    ) -> None:
        """Nothing comes before the first step."""

    def warm_start_seconds(self, module: DetectModule, data: FitData, train: DataLoader[Any]) -> float:
        """Nothing does."""
        return 0.0

    def embed(self, data: FitData, backbone: Backbone, samples: Sequence[Sample]) -> NDArray[np.float32]:
        """Averaged last maps of the pretrained backbone, float32 [N, D]."""
        return embed_samples(backbone, self._placed(samples, data), data.recipe.trainer.batch_size)

    def exportable(self, module: DetectModule, *, calibration: Calibration, heatmap: bool) -> Exportable:
        """The dense graph of a trained module with its calibration built in; suppression is added to the file."""
        module = module.eval()
        network, options = module.network, module.recipe.options(DetectOptions)
        settings: dict[str, Any] = {
            "floor": calibrated_floor(options, calibration),
            "iou": options.nms_iou,
            "most": options.max_detections,
        }
        graph = DetectGraph(network, temperature=calibration.temperature, offset=calibration.offset).eval()
        cells, classes = len(network.centres), network.class_head.out_channels
        width = network.backbone.info.channels[-1]

        @torch.no_grad()
        def reference(batch: Tensor) -> Outputs:
            found = decode_dense(
                module(batch.to(module.device)),
                network.size,
                temperature=calibration.temperature,
                offset=calibration.offset,
                **settings,
            )
            maps = network.backbone.maps(batch.to(module.device).permute(0, 3, 1, 2).float())
            embeddings = torch.nn.functional.normalize(maps[-1].mean(dim=(2, 3)), dim=1)
            return {
                **{name: value.cpu().numpy() for name, value in found._asdict().items()},
                "embeddings": embeddings.cpu().numpy(),
            }

        def finish(model: onnx.ModelProto) -> onnx.ModelProto:
            return append_suppression(model, cells=cells, classes=classes, width=width, **settings)

        return Exportable(
            graph,
            ("boxes", "scores", "labels", "counts", "embeddings"),
            width,
            "boxes say where the objects are",
            reference,
            module.classes,
            graph_outputs=graph.outputs,
            finish=finish,
        )

    def prior(self, recipe: Recipe, samples: Sequence[Sample], classes: Sequence[ClassInfo]) -> dict[str, float]:
        """The share of the training images that show each class; an image may show several."""
        return {c.id: sum(c.id in s.targets for s in samples) / max(1, len(samples)) for c in classes}

    def _placed(self, samples: Sequence[Sample], data: FitData) -> PlacedImages:
        # Tiles are cut in the loader processes; those of training and of validation live side by side.
        sharers = max(1, data.workers) * (2 if data.val else 1)
        cache_mb = data.recipe.data.cache_mb
        images = PlacedImages(samples, data.spec, cache_mb=cache_mb, store=self._images, sharers=sharers)
        images.load()
        return images


TASK = DetectTask()
