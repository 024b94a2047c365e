"""Reading feature maps out of a timm model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from timm.models.convnext import ConvNeXt
from timm.models.efficientnet import EfficientNet
from timm.models.mobilenetv3 import MobileNetV3
from timm.models.regnet import RegNet
from timm.models.resnet import ResNet
from torch import Tensor, nn

from vision_ft.backbones.chain import Step
from vision_ft.backbones.contract import Features


def choose_levels(model: nn.Module) -> list[int]:
    """Which of timm's intermediates become maps.

    The last one of each stride where the strides differ; four evenly spaced depths where
    they do not, as in a plain transformer.
    """
    reductions = _reductions(model)
    if not reductions or not hasattr(model, "forward_intermediates"):
        return []
    if len(set(reductions)) > 1:
        return sorted({reduction: index for index, reduction in enumerate(reductions)}.values())
    count = len(reductions)
    return sorted({max(0, round(count * quarter / 4) - 1) for quarter in (1, 2, 3, 4)})


def strides_of(model: nn.Module, levels: Sequence[int]) -> tuple[int, ...]:
    """Input pixels per position of these levels, as timm states them."""
    reductions = _reductions(model)
    return tuple(reductions[level] for level in levels)


def snap_strides(model: nn.Module, measured: Sequence[int]) -> tuple[int, ...]:
    """The strides that timm states nearest to measured ones, which rounding at the border blurs."""
    stated = sorted(set(_reductions(model)))
    return tuple(min(stated, key=lambda one: abs(math.log(one / stride))) for stride in measured)


def largest_stride(model: nn.Module) -> int:
    """Input pixels per position of the coarsest level, 0 where timm does not say."""
    return max(_reductions(model), default=0)


def _reductions(model: nn.Module) -> list[int]:
    information: Any = getattr(model, "feature_info", None) or []
    return [int(level["reduction"]) for level in information]


def read_features(model: nn.Module, levels: Sequence[int], x: Tensor) -> Features:
    """Features by timm's own `forward_intermediates`, or by `forward_features` where it has none.

    In a plain transformer the maps are normalised as the last one is.
    """
    anything: Any = model
    if not levels:
        final = as_map(model, anything.forward_features(x), None)
        return Features((final,), final)
    flat = len(set(_reductions(model))) == 1
    final, maps = anything.forward_intermediates(
        x, indices=list(levels), norm=flat, output_fmt="NCHW", intermediates_only=False
    )
    return Features(tuple(maps), as_map(model, final, maps[-1]))


def as_map(model: nn.Module, features: Tensor, like: Tensor | None) -> Tensor:
    """Features as [N, C, H, W], from that, from [N, H, W, C], or from tokens [N, L, C].

    Tokens take the height and width of `like`, or a square; class and register tokens are
    left out. Raises `ValueError` for anything else.
    """
    if features.ndim == 4:
        channels_last = getattr(model, "output_fmt", "NCHW") == "NHWC"
        return features.permute(0, 3, 1, 2).contiguous() if channels_last else features
    if features.ndim != 3:
        raise ValueError(f"features of shape {tuple(features.shape)} are no map")
    tokens = features[:, int(getattr(model, "num_prefix_tokens", 0)) :]
    batch, count, channels = tokens.shape
    height, width = like.shape[-2:] if like is not None else (round(count**0.5),) * 2
    return tokens.transpose(1, 2).reshape(batch, channels, height, width)


def chain_of(model: nn.Module, levels: Sequence[int]) -> list[Step]:
    """The model as one line of steps with taps at `levels`; empty where it is not of a known family."""
    for family, steps in _FAMILIES.items():
        # A subclass with a forward pass of its own is another family.
        if isinstance(model, family) and type(model).forward_features is family.forward_features:
            return list(steps(model, levels))
    return []


def _efficientnet(model: Any, levels: Sequence[int]) -> Iterable[Step]:
    # Every stage is a map, also those that share a stride with the next: texture shows best in the
    # stage before the last (measured on steel and magnetic tiles), which timm's levels leave out.
    yield Step((model.conv_stem, model.bn1), tap=model.stage_ends[levels[0]] == 0)
    for stage in model.blocks:
        yield from _stage(stage, tap=True)
    # MobileNetV3 has its last convolution after the pooling: it belongs to the classifier.
    if isinstance(model, EfficientNet):
        yield Step((model.conv_head, model.bn2))


def _resnet(model: Any, levels: Sequence[int]) -> Iterable[Step]:
    yield Step((model.conv1, model.bn1, model.act1), tap=0 in levels)
    yield Step((model.maxpool,))
    for number, stage in enumerate((model.layer1, model.layer2, model.layer3, model.layer4), start=1):
        yield from _stage(stage.children(), tap=number in levels)


def _convnext(model: Any, levels: Sequence[int]) -> Iterable[Step]:
    yield Step((model.stem,))
    for number, stage in enumerate(model.stages):
        yield from _stage((stage.downsample, *stage.blocks), tap=number in levels)
    yield Step((model.norm_pre,))


def _regnet(model: Any, levels: Sequence[int]) -> Iterable[Step]:
    yield Step((model.stem,), tap=0 in levels)
    for number, stage in enumerate((model.s1, model.s2, model.s3, model.s4), start=1):
        yield from _stage(stage.children(), tap=number in levels)
    yield Step((model.final_conv,))


def _stage(blocks: Iterable[nn.Module], *, tap: bool) -> Iterable[Step]:
    *earlier, last = blocks
    yield from (Step((block,)) for block in earlier)
    yield Step((last,), tap=tap)


_FAMILIES: dict[Any, Any] = {
    EfficientNet: _efficientnet,
    MobileNetV3: _efficientnet,
    ResNet: _resnet,
    ConvNeXt: _convnext,
    RegNet: _regnet,
}
