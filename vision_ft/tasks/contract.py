"""What a task's torch half promises to training, export and evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import lightning.pytorch as pl
import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from vision_ft.backbones.contract import Backbone
from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.manifest import Calibration, InputSpec
from vision_ft.data.index import Sample
from vision_ft.recipe.model import Recipe

Outputs = dict[str, NDArray[Any]]
"""A graph's outputs by name."""


@dataclass(frozen=True)
class FitData:
    """The images of one fit."""

    recipe: Recipe
    classes: tuple[ClassInfo, ...]
    spec: InputSpec
    train: tuple[Sample, ...]
    val: tuple[Sample, ...]
    """Judged after each epoch; may be empty."""
    workers: int


@dataclass(frozen=True)
class Exportable:
    """A trained module, ready for export."""

    graph: nn.Module
    """From a uint8 RGB batch [N, H, W, 3] to a tuple of tensors."""
    outputs: tuple[str, ...]
    embedding: int
    """Width of the embedding."""
    heatmap: str
    """"" where the graph gives a heatmap, else why there is none."""
    reference: Callable[[Tensor], Outputs]
    """The module's own answer on a uint8 batch, by another path than the graph's: parity is judged by it."""
    classes: tuple[ClassInfo, ...]
    """The classes that the module was built for, in the order of its outputs."""
    graph_outputs: tuple[str, ...] = ()
    """What `graph` gives, where `finish` makes `outputs` of it."""
    finish: Callable[[Any], Any] | None = None
    """From the exported `onnx.ModelProto` to the one that is shipped: post-processing that torch cannot export."""


@runtime_checkable
class MakesParityImages(Protocol):
    """What a task offers besides whose answers on labelled images may all be alike: it learns from good parts alone."""

    def parity_images(self, images: Sequence[bytes], spec: InputSpec) -> list[bytes]:
        """Encoded images made from some of these, on whose first view (see `views_of`) another verdict is expected."""


class TorchTask(Protocol):
    """What a package in `tasks/` offers as `task.TASK`; the torch-free half is `evaluation.judging.TaskJudge`.

    Its modules have the network as `network`, and that has the backbone as `backbone`; the length
    of their schedule is `steps`, which may be changed while they train. Batches
    are lists of tensors, the uint8 images [N, H, W, 3] first.
    """

    default_epochs: int
    """Epochs where the recipe states neither epochs nor a time; 0: it has none, whatever the recipe states, and all
    that it learns it learns in `warm_start`."""

    monitors: tuple[str, ...]
    """Names of the validation figures that can choose a checkpoint, beside `objective` and `loss`."""

    trains_on_tiles: bool
    """Whether training shows tiles of large images, as `tile` has them answered on."""

    start_option: str
    """The option that makes the module of use before its first step, as advice to who has little time; "": none."""

    def can_ship_start(self, recipe: Recipe) -> bool:
        """Whether the module is of use before its first step; else it is not judged then."""

    def loaders(self, data: FitData) -> tuple[DataLoader[Any], DataLoader[Any] | None]:
        """Training and validation loaders; the images are cached by this call."""

    def preview(self, data: FitData, sample: Sample, seeds: Sequence[int]) -> list[NDArray[np.uint8]]:
        """What training shows of one of `data.train`, once for each seed: RGB pictures with their labels drawn.

        None where nothing is learned from that image.
        """

    def build(self, data: FitData, backbone: Backbone, *, steps: int) -> pl.LightningModule:
        """The module to be trained for `steps` steps."""

    def settle(self, data: FitData, backbone: Backbone, say: Callable[[str], None]) -> Recipe:
        """The recipe with what it leaves to the data decided, once for all fits of a run."""

    def warm_start(self, module: Any, data: FitData, train: DataLoader[Any], say: Callable[[str], None]) -> None:
        """What happens before the first step: a linear probe, say."""

    def warm_start_seconds(self, module: Any, data: FitData, train: DataLoader[Any]) -> float:
        """How long `warm_start` takes on these images, measured on a few of them."""

    def embed(self, data: FitData, backbone: Backbone, samples: Sequence[Sample]) -> NDArray[np.float32]:
        """What the pretrained backbone sees in images, float32 [N, D]: for a quick probe before training."""

    def exportable(self, module: Any, *, calibration: Calibration, heatmap: bool) -> Exportable:
        """The graph of a trained module with its calibration built in."""

    def prior(self, recipe: Recipe, samples: Sequence[Sample], classes: Sequence[ClassInfo]) -> dict[str, float]:
        """The class prior that the module's probabilities assume, by class id."""
