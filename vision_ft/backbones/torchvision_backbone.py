"""A torchvision classification network as a `Backbone`."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn
from torchvision import models

from vision_ft.backbones.chain import ChainBackbone, run_chain
from vision_ft.backbones.contract import Features
from vision_ft.backbones.hub import fetching, url_file_digest
from vision_ft.backbones.origin import Origin, on_byte_scale
from vision_ft.backbones.probe import examine
from vision_ft.backbones.torchvision_line import tapped_line
from vision_ft.backbones.weights import load_weights_file, weights_of_file
from vision_ft.bundle.manifest import Weights
from vision_ft.errors import BackboneError

PREFIX = "torchvision/"
# Families whose layers stand in one line, by torchvision's name of the architecture's start.
_FAMILIES = ("convnext", "densenet", "efficientnet", "mobilenet", "regnet", "resnet", "resnext", "wide_resnet")
_PROBE = (128, 128)  # a multiple of all strides
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def list_torchvision() -> list[str]:
    """Names of the networks that can be a backbone, `torchvision/` in front."""
    return [PREFIX + name for name in models.list_models(module=models) if name.startswith(_FAMILIES)]


def is_torchvision(name: str) -> bool:
    """Whether `torchvision/NAME` is one of torchvision's classification networks, of whatever family."""
    return name.removeprefix(PREFIX).partition(".")[0] in models.list_models(module=models)


def build_torchvision(
    name: str, *, pretrained: bool, weights: Path | None, input_size: tuple[int, int] | None
) -> ChainBackbone:
    """Build `torchvision/NAME`, or `torchvision/NAME.WEIGHTS` for weights other than the default ones.

    Raises `BackboneError` for a network of another family, unknown weights or a weights file
    that does not fit; `HubUnavailableError` when the pretrained weights cannot be fetched.
    """
    architecture, _, tag = name.removeprefix(PREFIX).partition(".")
    if PREFIX + architecture not in list_torchvision():
        raise BackboneError(
            f"{name} cannot be a backbone",
            expected=f"a network of the families {', '.join(_FAMILIES)}",
            remedy="`vision_ft.backbones.list_backbones('torchvision/')` lists them.",
        )
    kinds = models.get_model_weights(architecture)
    if tag and tag not in kinds.__members__:
        raise BackboneError(f"{PREFIX}{architecture} has no weights named {tag}", expected=", ".join(kinds.__members__))
    entry = kinds[tag] if tag else kinds.DEFAULT
    full = f"{PREFIX}{architecture}.{entry.name}"
    if weights is not None:
        model = models.get_model(architecture, weights=None)
        record = weights_of_file(weights, full)
        why = f"{name} was asked for, with the weights in {weights.name}."
    elif pretrained:
        with fetching(name, hub=False):
            model = models.get_model(architecture, weights=entry)
        licence = str(entry.meta.get("license", "BSD-3-Clause"))
        record = Weights(backbone=full, source=entry.url, licence=licence, sha256=url_file_digest(entry.url))
        why = f"{name} was asked for, with its pretrained weights."
    else:
        model = models.get_model(architecture, weights=None)
        record = Weights(backbone=full, source="none")
        why = f"{name} was asked for, without pretrained weights."
    transform = entry.transforms()
    mean, std = getattr(transform, "mean", _IMAGENET[0]), getattr(transform, "std", _IMAGENET[1])
    side = int(transform.crop_size[0])
    origin = Origin(full, record, why, on_byte_scale(tuple(mean)), on_byte_scale(tuple(std)), (side, side))
    names = tuple(model.state_dict())
    backbone = _wrap(model, origin, input_size)
    if weights is not None:
        load_weights_file(backbone, weights, optional=names)
    return backbone


def _wrap(model: nn.Module, origin: Origin, input_size: tuple[int, int] | None) -> ChainBackbone:
    steps = tapped_line(model, _PROBE)

    def read(x: Tensor) -> Features:
        last, maps = run_chain(steps, x)
        return Features(maps, last)

    info = examine(model, read, origin, _PROBE, input_size)
    names = {id(p): name for name, p in model.named_parameters()}
    layers = [[names[id(p)] for p in step.parameters()] for step in steps]
    return ChainBackbone(model, info, layer_names=[layer for layer in layers if layer], steps=steps)
