"""Weights from a local file, held against the model tensor by tensor."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from vision_ft.backbones.chain import ChainBackbone
from vision_ft.backbones.origin import file_digest
from vision_ft.bundle.manifest import Weights
from vision_ft.errors import BackboneError

_WRAPPINGS = ("state_dict_ema", "model_ema", "state_dict", "model")
_COUNTER = "num_batches_tracked"  # of batch normalisation: old files lack it, and nothing depends on it


def weights_of_file(path: Path, name: str) -> Weights:
    """The record of a local weights file for backbone `name`. Raises `BackboneError` where there is none."""
    if not path.is_file():
        raise BackboneError(f"There is no weights file {path}", remedy="Give a .pth, .pt or .safetensors file.")
    return Weights(backbone=name, source=path.name, sha256=file_digest(path))


def load_weights_file(
    backbone: ChainBackbone, path: Path, *, optional: Iterable[str] = (), by_order: Sequence[str] = ()
) -> None:
    """Load a `.pth`, `.pt` or `.safetensors` file into a backbone, strictly.

    The file may be wrapped (`state_dict`, `model`, an EMA of them) and its names may carry a
    prefix. `optional` are names, or beginnings of names, that it may have besides: the
    classifier's. `by_order` are the names of all tensors of the whole network: a file whose
    names are all foreign is read in that order, where the tensors' own names (weight, bias ...)
    agree. Raises `BackboneError` when a tensor is missing, is unexpected or has another shape.
    """
    target = backbone.model.state_dict()
    state = read_state(path)
    matched = _matched(state, target)
    if not matched.keys() & target.keys() and _same_kinds(state, by_order):
        matched = dict(zip(by_order, state.values(), strict=True))
    state = _converted(matched, backbone.model)
    state = {key: value for key, value in state.items() if key in target or not key.startswith(tuple(optional))}
    missing = {key for key in target.keys() - state.keys() if not key.endswith(_COUNTER)}
    unexpected = state.keys() - target.keys()
    shaped = {key for key in target.keys() & state.keys() if target[key].shape != state[key].shape}
    if missing or unexpected or shaped:
        raise BackboneError(
            f"The weights in {path} are not those of backbone {backbone.info.name}",
            expected=f"its {len(target)} tensors",
            got=_difference(missing, unexpected, shaped),
            remedy="Name the backbone that the file was saved from.",
        )
    backbone.model.load_state_dict(state, strict=False)


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file by name. No code in it is run. Raises `BackboneError`."""
    content: Any
    try:
        if path.suffix == ".safetensors":
            content = safetensors.torch.load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # on foreign bytes the unpickler fails in every way there is
        raise BackboneError(
            f"{path} cannot be read as weights",
            expected="a state dict saved by PyTorch or safetensors, without code in it",
            got=type(error).__name__,
            remedy="Save `model.state_dict()` to a .pth or .safetensors file.",
        ) from error
    for key in _WRAPPINGS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise BackboneError(f"{path} holds no weights", expected="tensors by name", got=type(content).__name__)
    return {str(key): value for key, value in content.items()}


def _matched(state: dict[str, Tensor], target: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`state` without the prefix (`module.`, `backbone.model.` ...) that hides most of the target's names."""
    first = next(iter(target))
    prefixes = {""} | {key.removesuffix(first) for key in state if key.endswith(f".{first}")}

    def without(prefix: str) -> dict[str, Tensor]:
        return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}

    return max(map(without, sorted(prefixes)), key=lambda candidate: len(candidate.keys() & target.keys()))


def _same_kinds(state: Mapping[str, Tensor], names: Sequence[str]) -> bool:
    kinds = [name.rpartition(".")[2] for name in names]
    return kinds == [key.rpartition(".")[2] for key in state]


def _converted(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """`state` after timm's own conversion for the model's family: foreign names, other image sizes."""
    convert = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return state
    try:
        converted: dict[str, Tensor] = convert(dict(state), model)
    except (KeyError, RuntimeError, ValueError, AssertionError, AttributeError, IndexError):
        return state  # of another family altogether: the comparison of names says so
    return converted


def _difference(missing: set[str], unexpected: set[str], shaped: set[str]) -> str:
    parts = []
    for words, keys in (
        ("missing", sorted(missing)),
        ("unexpected", sorted(unexpected)),
        ("of another shape", sorted(shaped)),
    ):
        if keys:
            parts.append(f"{len(keys)} {words} (first {keys[0]})")
    return ", ".join(parts)
