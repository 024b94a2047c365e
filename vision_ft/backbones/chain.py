"""Backbones whose layers follow each other in one line, and can therefore be cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from torch import Tensor, nn

from vision_ft.backbones.contract import Activations, Backbone, BackboneInfo, Features


class Step(NamedTuple):
    """Modules that run one after the other; after a tap their output is one of the maps."""

    modules: tuple[nn.Module, ...]
    tap: bool = False

    def run(self, x: Tensor) -> Tensor:
        """Output of the last module."""
        for module in self.modules:
            x = module(x)
        return x

    def parameters(self) -> list[nn.Parameter]:
        """Parameters of all its modules."""
        return [p for module in self.modules for p in module.parameters()]


def run_chain(steps: Iterable[Step], x: Tensor, maps: tuple[Tensor, ...] = ()) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Output of the last step, and the tapped maps appended to `maps`."""
    for step in steps:
        x = step.run(x)
        if step.tap:
            maps = (*maps, x)
    return x, maps


class ChainBackbone(Backbone):
    """A model with the names of its parameters by layer, and its steps where they are known.

    A subclass whose model is no chain hands in no steps and gives `features` itself.
    """

    def __init__(
        self, model: nn.Module, info: BackboneInfo, *, layer_names: Sequence[Sequence[str]], steps: Sequence[Step]
    ) -> None:
        super().__init__(info)
        self.model = model
        self._names = [[f"model.{name}" for name in names] for names in layer_names]
        # By name, so that a module that is exchanged later (for synchronised batch normalisation, say) counts.
        paths = {id(module): path for path, module in model.named_modules()}
        self._paths = tuple((tuple(paths[id(m)] for m in step.modules), step.tap) for step in steps)

    @property
    def steps(self) -> list[Step]:
        """The model's steps from input to output; empty where they stand in no line."""
        return [Step(tuple(map(self.model.get_submodule, paths)), tap) for paths, tap in self._paths]

    def features(self, normalised: Tensor) -> Features:
        """Features of normalised images [N, 3, H, W]."""
        last, maps = run_chain(self.steps, normalised)
        return Features(maps, last)

    def maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """The maps alone of float images [N, 3, H, W], RGB, 0 to 255; what follows the last of them is not run."""
        steps = self.steps
        last = max((number for number, step in enumerate(steps) if step.tap), default=-1)
        return super().maps(images) if last < 0 else run_chain(steps[: last + 1], self.normalise(images))[1]

    def layer_names(self) -> list[list[str]]:
        """Names of the parameters of each layer."""
        return [list(names) for names in self._names]

    @property
    def split_points(self) -> tuple[int, ...]:
        """Every number of layers but none and all, where the layers follow each other in a line."""
        return tuple(range(1, len(self._names))) if self._paths else ()

    def _run_prefix(self, normalised: Tensor, layers: int) -> Activations:
        last, maps = run_chain(self.steps[: self._cut(layers)], normalised)
        return Activations(last, maps)

    def _run_suffix(self, activations: Activations, layers: int) -> Features:
        last, maps = run_chain(self.steps[self._cut(layers) :], activations.last, activations.maps)
        return Features(maps, last)

    def _cut(self, layers: int) -> int:
        """How many steps run within the first `layers` layers; a step without parameters goes with the one before."""
        steps = self.steps
        before = {id(p) for group in self.layers()[:layers] for p in group}
        for number, step in enumerate(steps):
            if any(id(p) not in before for p in step.parameters()):
                return number
        return len(steps)
