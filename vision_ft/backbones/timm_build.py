"""Building a backbone by its timm name."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import timm
import torch
from torch import nn

from vision_ft.backbones.hub import fetching, hub_file_digest, is_damage, url_file_digest
from vision_ft.backbones.names import unknown
from vision_ft.backbones.origin import Origin, on_byte_scale
from vision_ft.backbones.timm_backbone import TimmBackbone
from vision_ft.backbones.timm_features import largest_stride
from vision_ft.backbones.weights import load_weights_file, weights_of_file
from vision_ft.bundle.manifest import Weights
from vision_ft.errors import BackboneError

HUB_PREFIXES = ("hf_hub:", "hf-hub:")
_FILES = ("model.safetensors", "pytorch_model.bin")


def build_timm(
    name: str, *, pretrained: bool, weights: Path | None, input_size: tuple[int, int] | None
) -> TimmBackbone:
    """Build a timm model: `resnet18`, `resnet18.a1_in1k`, `timm/resnet18` or `hf_hub:owner/model`.

    Raises `BackboneError` for an unknown name, a size that the model cannot take or a weights
    file that does not fit; `HubUnavailableError` when the pretrained weights cannot be fetched.
    """
    on_hub = name.startswith(HUB_PREFIXES)
    short = name if on_hub else name.removeprefix("timm/")
    if not on_hub:
        short = _current_name(name, short)
    download = pretrained and weights is None
    if on_hub:
        # The hub holds the configuration too, so it is asked even where no weights are wanted.
        model, config = _from_hub(name, download, input_size)
    else:
        config = _config(short, need_weights=download)
        keywords = _size_keywords(name, short, config, input_size)
        if download:
            with fetching(name, hub=bool(config.get("hf_hub_id"))):
                model, config = _create(short, True, keywords)
        else:
            model, config = _create(short, False, keywords)
    full = name if on_hub else _full_name(short.partition(".")[0], str(config.get("tag") or ""))
    if config["input_size"][0] != 3:
        raise BackboneError(
            f"Backbone {name} does not take colour images", expected="3 channels", got=str(config["input_size"][0])
        )
    trained_at = (int(config["input_size"][1]), int(config["input_size"][2]))
    if weights is not None:
        record = weights_of_file(weights, full)
        why = f"{name} was asked for, with the weights in {weights.name}."
    elif pretrained:
        record = Weights(
            backbone=full,
            source=_source(config),
            licence=str(config.get("license") or "unknown"),
            sha256=_digest(config),
        )
        why = f"{name} was asked for, with its pretrained weights."
    else:
        record = Weights(backbone=full, source="none")
        why = f"{name} was asked for, without pretrained weights."
    origin = Origin(full, record, why, on_byte_scale(config["mean"]), on_byte_scale(config["std"]), trained_at)
    fixed = (input_size or trained_at) if config.get("fixed_input_size") else None
    optional = (*model.state_dict(), *_classifiers(config))
    backbone = TimmBackbone(model, origin, fixed_size=fixed, input_size=input_size)
    if weights is not None:
        load_weights_file(backbone, weights, optional=optional)
    return backbone


def _from_hub(name: str, download: bool, input_size: tuple[int, int] | None) -> tuple[nn.Module, dict[str, Any]]:
    with fetching(name, hub=True):
        try:
            model, config = _create(name, download, {})
        except (RuntimeError, KeyError, TypeError, ValueError) as error:
            if is_damage(error):
                raise
            raise BackboneError(
                f"{name} is no model that timm can build",
                got=str(error).partition("\n")[0],
                remedy="Choose one of timm's on the hub.",
            ) from error
    resize: Any = getattr(model, "set_input_size", None)
    if config.get("fixed_input_size") and input_size is not None and resize is not None:
        stride = largest_stride(model) or 1
        if any(side % stride for side in input_size):
            raise _wrong_size(name, input_size, stride)
        resize(img_size=input_size)
    return model, config


def _current_name(name: str, short: str) -> str:
    """`short` as timm calls it today; `BackboneError` where timm knows no such architecture."""
    architecture = short.partition(".")[0]
    if architecture in timm.list_models():
        return short
    if not timm.is_model(architecture):
        raise unknown(name)
    # An old name: timm still builds it, and the model tells its present one.
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        config: Any = timm.create_model(short, pretrained=False).pretrained_cfg
    return f"{config['architecture']}.{config['tag']}"


def _full_name(architecture: str, tag: str) -> str:
    return f"{architecture}.{tag}" if tag and _has_tag(architecture, tag) else architecture


def _create(short: str, pretrained: bool, keywords: dict[str, Any]) -> tuple[nn.Module, dict[str, Any]]:
    try:
        model = timm.create_model(short, pretrained=pretrained, **keywords)
    except TypeError as error:
        if "img_size" not in keywords or "img_size" not in str(error):
            raise
        raise BackboneError(
            f"Backbone {short} takes images of one size only, not {keywords['img_size']}",
            remedy="Leave the input size at what the backbone was trained at.",
        ) from error
    config: Any = model.pretrained_cfg
    return model, dict(config)


def _config(short: str, *, need_weights: bool) -> dict[str, Any]:
    """What timm knows of the weights. Raises `BackboneError` for an unknown tag, or where there are no weights."""
    architecture, _, tag = short.partition(".")
    config = timm.get_pretrained_cfg(short, allow_unregistered=False) if _has_tag(architecture, tag) else None
    if config is None:
        tags = timm.list_pretrained(f"{architecture}.*")
        raise BackboneError(
            f"Backbone {architecture} has no weights named {tag}",
            expected=", ".join(tags) or f"plain {architecture}, from scratch",
        )
    if need_weights and not config.has_weights:
        raise BackboneError(
            f"There are no pretrained weights for backbone {short}",
            remedy="Choose another backbone, give a local weights file, or train from scratch (`pretrained: false`).",
        )
    described: Any = config
    return dict(described.to_dict())


def _has_tag(architecture: str, tag: str) -> bool:
    return not tag or f"{architecture}.{tag}" in timm.list_models(f"{architecture}.{tag}", include_tags=True)


def _size_keywords(name: str, short: str, config: dict[str, Any], input_size: tuple[int, int] | None) -> dict[str, Any]:
    """What to hand to a model that is built for one size; `BackboneError` for a size that cannot be."""
    if input_size is None or input_size == tuple(config["input_size"][1:]) or not config.get("fixed_input_size"):
        return {}
    stride = _stride(short)
    if any(side % stride for side in input_size):
        raise _wrong_size(name, input_size, stride)
    return {"img_size": input_size}


def _wrong_size(name: str, input_size: tuple[int, int], stride: int) -> BackboneError:
    return BackboneError(
        f"Backbone {name} cannot take images of this size",
        expected=f"height and width that are multiples of {stride} pixels",
        got=f"{input_size[0]} x {input_size[1]}",
    )


def _stride(short: str) -> int:
    try:
        with torch.device("meta"):
            return largest_stride(timm.create_model(short, pretrained=False)) or 1
    except (RuntimeError, NotImplementedError):
        return 1  # some models cannot be built without memory; the first forward pass judges then


def _classifiers(config: dict[str, Any]) -> tuple[str, ...]:
    names = config.get("classifier") or ()
    return tuple(f"{name}." for name in ((names,) if isinstance(names, str) else names))


def _source(config: dict[str, Any]) -> str:
    repository = config.get("hf_hub_id")
    return f"hub:{repository}" if repository else str(config.get("url") or "timm")


def _digest(config: dict[str, Any]) -> str:
    repository = config.get("hf_hub_id")
    if repository:
        return hub_file_digest(str(repository), _FILES)
    return url_file_digest(str(config.get("url") or ""))
