"""What a network really does, found by running it once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from vision_ft.backbones.contract import BackboneInfo, Features
from vision_ft.backbones.origin import Origin
from vision_ft.errors import BackboneError

Reader = Callable[[Tensor], Features]


def examine(
    model: nn.Module,
    read: Reader,
    origin: Origin,
    size: tuple[int, int],
    input_size: tuple[int, int] | None,
    strides: tuple[int, ...] = (),
) -> BackboneInfo:
    """Strip `model` to what its features need, and describe it from its answer to an image of `size`.

    `strides` are the maps' where they are known, else they are measured. Raises
    `BackboneError` where the model gives no maps at `size` or at `input_size` (height, width).
    """
    training = model.training
    model.eval()
    with _judged(origin.name, size):
        features = _drop_unused(model, read, size)
        strides = strides or tuple(_stride(size, x) for x in features.maps)
        final_stride = _stride(size, features.final)
    for x, stride in zip(features.maps, strides, strict=True):
        if x.shape[2:] == features.final.shape[2:]:
            final_stride = stride
    if input_size is not None and input_size != size:
        with _judged(origin.name, input_size), torch.no_grad():
            read(torch.zeros(1, 3, *input_size))
    model.train(training)
    return BackboneInfo(
        name=origin.name,
        channels=tuple(x.shape[1] for x in features.maps),
        strides=strides,
        final_channels=features.final.shape[1],
        final_stride=final_stride,
        mean=origin.mean,
        std=origin.std,
        input_size=origin.trained_at,
        weights=origin.weights,
        why=origin.why,
    )


@contextmanager
def _judged(name: str, size: tuple[int, int]) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError, AssertionError, TypeError, AttributeError, IndexError, KeyError) as error:
        raise BackboneError(
            f"Backbone {name} gives no feature maps of {size[0]} x {size[1]} pixels",
            got=(str(error) or type(error).__name__).splitlines()[0],
            remedy="Choose another input size (a multiple of 32 suits most) or another backbone.",
        ) from error


def _stride(size: tuple[int, int], features: Tensor) -> int:
    # Maps are rounded up or down at the border, by less than one position.
    return round(max(size[0] / features.shape[2], size[1] / features.shape[3]))


def _drop_unused(model: nn.Module, read: Reader, size: tuple[int, int]) -> Features:
    """Take out of `model` what its features do not depend upon (its classifier, say); its features.

    Unused modules become `nn.Identity`, an unused parameter of a used module becomes a buffer,
    so that what trains is what counts. A backward pass tells: what receives no gradient is unused.
    """
    parameters = dict(model.named_parameters())
    with torch.enable_grad():
        features = read(torch.zeros(1, 3, *size))
        total = features.final.sum() + sum(x.sum() for x in features.maps)
        gradients = torch.autograd.grad(total, list(parameters.values()), allow_unused=True)
    unused = {name for name, gradient in zip(parameters, gradients, strict=True) if gradient is None}
    for path in list(_largest(model, "", unused)):
        parent, _, name = path.rpartition(".")
        setattr(model.get_submodule(parent), name, nn.Identity())
    for path, parameter in list(model.named_parameters()):
        if path in unused:
            parent, _, name = path.rpartition(".")
            delattr(model.get_submodule(parent), name)
            model.get_submodule(parent).register_buffer(name, parameter.detach())
    return Features(tuple(x.detach() for x in features.maps), features.final.detach())


def _largest(module: nn.Module, prefix: str, unused: set[str]) -> Iterator[str]:
    for name, child in module.named_children():
        path = f"{prefix}{name}"
        names = [f"{path}.{key}" for key, _ in child.named_parameters()]
        if names and all(key in unused for key in names):
            yield path
        else:
            yield from _largest(child, f"{path}.", unused)
