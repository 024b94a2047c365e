"""A timm model as a `Backbone`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from timm.models import group_parameters
from torch import Tensor, nn

from vision_ft.backbones.chain import ChainBackbone, run_chain
from vision_ft.backbones.contract import Features
from vision_ft.backbones.origin import Origin
from vision_ft.backbones.probe import examine
from vision_ft.backbones.timm_features import chain_of, choose_levels, read_features, snap_strides, strides_of
from vision_ft.errors import BackboneError

_JOINS_PREVIOUS = (99999,)  # timm's suffix for what counts to the last block


class TimmBackbone(ChainBackbone):
    """A timm model without its classifier, and without all else that its features do not use."""

    def __init__(
        self,
        model: nn.Module,
        origin: Origin,
        *,
        fixed_size: tuple[int, int] | None = None,
        input_size: tuple[int, int] | None = None,
    ) -> None:
        """Wrap `model`; it takes images of `fixed_size` alone where that is given.

        Raises `BackboneError` where the model gives no map, or none at `input_size`.
        """
        levels = choose_levels(model)
        steps = chain_of(model, levels)

        def read(x: Tensor) -> Features:
            if not steps:
                return read_features(model, levels, x)
            last, maps = run_chain(steps, x)
            return Features(maps, last)

        stated = () if steps else strides_of(model, levels)
        info = examine(model, read, origin, fixed_size or origin.trained_at, input_size, stated)
        if steps:
            *strides, final = snap_strides(model, (*info.strides, info.final_stride))
            info = replace(info, strides=tuple(strides), final_stride=final)
        super().__init__(model, info, layer_names=names_by_layer(model), steps=steps)
        self._levels = levels
        self._fixed_size = fixed_size

    def features(self, normalised: Tensor) -> Features:
        """Features of normalised images [N, 3, H, W]; `BackboneError` where the size is not the one built for."""
        height, width = normalised.shape[-2:]
        if self._fixed_size is not None and (height, width) != self._fixed_size:
            raise BackboneError(
                f"Backbone {self.info.name} was built for images of one size",
                expected=f"{self._fixed_size[0]} x {self._fixed_size[1]} pixels (height x width)",
                got=f"{height} x {width}",
                remedy="Build it with the input size that the images have.",
            )
        return (
            super().features(normalised) if self.split_points else read_features(self.model, self._levels, normalised)
        )


def names_by_layer(model: nn.Module) -> list[list[str]]:
    """Names of the model's parameters by layer, from input to output, by timm's own grouping.

    What timm counts to the last block although it follows it (a last convolution, a last
    normalisation) is a layer of its own here.
    """
    anything: Any = model
    matcher = anything.group_matcher(coarse=False)
    if isinstance(matcher, dict):
        matcher = {
            key: [part for part in spec if not _follows(part)] if number and isinstance(spec, list) else spec
            for number, (key, spec) in enumerate(matcher.items())
        }
    numbers: dict[str, int] = group_parameters(model, matcher, reverse=True)
    layers: dict[int, list[str]] = {}
    for name, _ in model.named_parameters():
        layers.setdefault(numbers[name], []).append(name)
    return [layers[number] for number in sorted(layers)]


def _follows(part: tuple[str, Any]) -> bool:
    # timm puts what matches nothing into a last layer; a capture group means a place inside a stage.
    expression, suffix = part
    return suffix == _JOINS_PREVIOUS and "(" not in expression
