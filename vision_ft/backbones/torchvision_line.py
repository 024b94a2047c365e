"""The layers of a torchvision network in the order in which they run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torchvision.models import DenseNet, EfficientNet, MobileNetV2, MobileNetV3, RegNet, ResNet
from torchvision.models.convnext import CNBlock
from torchvision.models.efficientnet import FusedMBConv, MBConv

from vision_ft.backbones.chain import Step


def tapped_line(model: nn.Module, size: tuple[int, int]) -> list[Step]:
    """The network's steps without its classifier, with a tap at the last one of each stride.

    A last convolution or normalisation before the classifier is part of `Features.final` and
    no map. `size` is an input size (height, width) that shows the strides.
    """
    steps = list(_line(model))
    model.eval()
    with torch.no_grad():
        x = torch.zeros(1, 3, *size)
        heights = [(x := step.run(x)).shape[2] for step in steps]
    model.train()
    has_head = isinstance(model, DenseNet | EfficientNet | MobileNetV2 | MobileNetV3)
    last = {height: number for number, height in enumerate(heights[:-1] if has_head else heights)}
    return [step._replace(tap=number in last.values()) for number, step in enumerate(steps)]


def _line(model: Any) -> Iterable[Step]:
    if isinstance(model, ResNet):
        yield Step((model.conv1, model.bn1, model.relu))
        yield Step((model.maxpool,))
        for stage in (model.layer1, model.layer2, model.layer3, model.layer4):
            yield from (Step((block,)) for block in stage)
    elif isinstance(model, RegNet):
        yield Step((model.stem,))
        for stage in model.trunk_output:
            yield from (Step((block,)) for block in stage)
    elif isinstance(model, DenseNet):
        convolution, normalisation, relu, pool, *blocks, last = model.features
        yield Step((convolution, normalisation, relu))
        yield Step((pool,))
        yield from (Step((block,)) for block in blocks)
        # torchvision calls this one as a function; a chain is made of modules.
        model.features.add_module("relu5", nn.ReLU(inplace=True))
        yield Step((last, model.features.relu5))
    else:
        for part in model.features:
            is_stage = isinstance(part, nn.Sequential) and isinstance(part[0], MBConv | FusedMBConv | CNBlock)
            yield from (Step((block,)) for block in (part if is_stage else [part]))
