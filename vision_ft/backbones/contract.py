"""What a backbone promises, whatever library it comes from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from vision_ft.bundle.manifest import Weights
from vision_ft.errors import BackboneError


class Features(NamedTuple):
    """What a backbone sees in a batch of images."""

    maps: tuple[Tensor, ...]
    """Float [N, C_i, H_i, W_i], from input to output, in the order of `BackboneInfo.strides`."""
    final: Tensor
    """Float [N, C, h, w]: what the network's own classifier averages over the positions."""


class Activations(NamedTuple):
    """The state of a forward pass between two layers, to be kept where the layers before it are frozen."""

    last: Tensor
    """Float [N, C, H, W]: what the next layer takes."""
    maps: tuple[Tensor, ...] = ()
    """The maps of `Features` that lie before the cut; may be dropped by who needs `Features.final` alone."""


@dataclass(frozen=True)
class BackboneInfo:
    """A backbone's shapes, its input and where its weights come from."""

    name: str
    channels: tuple[int, ...]
    """Channels of each map."""
    strides: tuple[int, ...]
    """Input pixels per position of each map; never falling, all alike in a plain transformer."""
    final_channels: int
    final_stride: int
    mean: tuple[float, float, float]
    """Of red, green and blue, on the scale 0 to 255."""
    std: tuple[float, float, float]
    """Of red, green and blue, on the scale 0 to 255."""
    input_size: tuple[int, int]
    """Height and width that the weights were trained at."""
    weights: Weights
    why: str
    """One sentence: what was taken and why."""


class Backbone(nn.Module, ABC):
    """A network from images to `Features`, that can be frozen from its input on.

    A subclass gives `features` (of normalised images) and `layer_names`; one whose layers
    follow each other in a line can also give `split_points`, `_run_prefix` and `_run_suffix`.
    """

    info: BackboneInfo
    mean: Tensor
    std: Tensor

    def __init__(self, info: BackboneInfo) -> None:
        super().__init__()
        self.info = info
        # Not part of the state: they belong to the weights' origin, which `info` states.
        self.register_buffer("mean", torch.tensor(info.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(info.std).view(1, 3, 1, 1), persistent=False)
        self._frozen = 0
        self._statistics_fixed = False

    # -- images to features --------------------------------------------------------------

    def forward(self, images: Tensor) -> Features:
        """Features of float images [N, 3, H, W], RGB, values 0 to 255."""
        return self.features(self.normalise(images))

    def maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """The maps alone of float images [N, 3, H, W], RGB, values 0 to 255."""
        return self(images).maps  # type: ignore[no-any-return]

    def normalise(self, images: Tensor) -> Tensor:
        """Images as the weights want them: [N, 3, H, W], less the mean, over the deviation."""
        return (images - self.mean) / self.std

    @abstractmethod
    def features(self, normalised: Tensor) -> Features:
        """Features of normalised images [N, 3, H, W]."""

    # -- layers --------------------------------------------------------------------------

    @abstractmethod
    def layer_names(self) -> list[list[str]]:
        """Names of the parameters of each layer, every parameter once, from input to output."""

    def layers(self) -> list[list[nn.Parameter]]:
        """Parameters of each layer, every parameter once, from input to output.

        A layer is the stem, one block of a stage, or what follows the last block.
        """
        parameters = dict(self.named_parameters())
        return [[parameters[name] for name in names] for names in self.layer_names()]

    def layer_modules(self) -> list[list[nn.Module]]:
        """The largest modules whose parameters all lie in one layer, for each layer."""
        layer_of = self._layer_of()
        found: list[list[nn.Module]] = [[] for _ in self.layer_names()]

        def visit(module: nn.Module) -> None:
            inside = {layer_of[id(p)] for p in module.parameters() if id(p) in layer_of}
            if len(inside) == 1:
                found[inside.pop()].append(module)
            elif inside:
                for child in module.children():
                    visit(child)

        visit(self)
        return found

    @property
    def frozen_layers(self) -> int:
        """How many layers, counted from the input, do not train."""
        return self._frozen

    def freeze(self, layers: int) -> None:
        """Freeze the first `layers` layers and let all others train; 0 frees everything.

        Frozen layers have no gradients and stay in evaluation mode, so that neither their
        normalisation statistics nor their dropout move, also after `train()`.

        Raises `BackboneError` when there are not that many layers.
        """
        groups = self.layers()
        if not 0 <= layers <= len(groups):
            raise BackboneError(
                f"Backbone {self.info.name} cannot freeze {layers} layers", expected=f"0 to {len(groups)}"
            )
        self._frozen = layers
        for number, parameters in enumerate(groups):
            for parameter in parameters:
                parameter.requires_grad_(number >= layers)
        self.train(self.training)

    def freeze_norm_statistics(self) -> None:
        """Fix the running statistics of batch normalisation for good; scale and shift keep training."""
        self._statistics_fixed = True
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Set training mode everywhere but in what is frozen."""
        super().train(mode)
        if mode:
            for module in self._always_in_evaluation():
                module.eval()
        return self

    def _always_in_evaluation(self) -> Iterator[nn.Module]:
        if self._frozen:
            yield from self._frozen_modules()
        if self._statistics_fixed:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._NormBase) and module.track_running_stats:
                    yield module

    def _frozen_modules(self) -> Iterator[nn.Module]:
        layer_of = self._layer_of()
        for module in self.modules():
            inside = [layer_of[id(p)] for p in module.parameters()]
            # Its own mode is what was asked for: unfreezing goes back to it.
            if module is not self and inside and max(inside) < self._frozen:
                yield module

    def _layer_of(self) -> dict[int, int]:
        return {id(p): number for number, parameters in enumerate(self.layers()) for p in parameters}

    # -- a forward pass in two halves ----------------------------------------------------

    @property
    def split_points(self) -> tuple[int, ...]:
        """Numbers of layers after which `prefix` and `suffix` can cut; empty where they cannot."""
        return ()

    def prefix(self, images: Tensor, layers: int) -> Activations:
        """Run the first `layers` layers alone on float images [N, 3, H, W], RGB, 0 to 255.

        `suffix` of the result is what `forward` gives. Raises `BackboneError` where
        `layers` is not among `split_points`.
        """
        self._check_split(layers)
        return self._run_prefix(self.normalise(images), layers)

    def suffix(self, activations: Activations, layers: int) -> Features:
        """Run all but the first `layers` layers; maps dropped from `activations` are missing in the result."""
        self._check_split(layers)
        return self._run_suffix(activations, layers)

    def _check_split(self, layers: int) -> None:
        if layers not in self.split_points:
            possible = ", ".join(map(str, self.split_points)) or "no cut at all"
            raise BackboneError(
                f"Backbone {self.info.name} cannot be cut after layer {layers}",
                expected=possible,
                remedy="Run it whole.",
            )

    def _run_prefix(self, normalised: Tensor, layers: int) -> Activations:
        raise BackboneError(f"Backbone {self.info.name} cannot be cut after layer {layers}")

    def _run_suffix(self, activations: Activations, layers: int) -> Features:
        raise BackboneError(f"Backbone {self.info.name} cannot be cut after layer {layers}")
