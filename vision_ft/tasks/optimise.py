"""Optimiser and schedule of every task: layer-wise rates, head first, warm-up, cosine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from torch import nn, optim

from vision_ft.backbones.contract import Backbone
from vision_ft.recipe.sections import TrainerSection


def parameter_groups(backbone: Backbone, head: Iterable[nn.Parameter], section: TrainerSection) -> list[dict[str, Any]]:
    """AdamW's groups: the backbone's layers with rates that decay towards the input, and the head.

    Norms and biases (parameters of one dimension) are not decayed. Frozen parameters are left out.
    """
    groups: list[dict[str, Any]] = []
    layers = backbone.layers()
    for number, layer in enumerate(layers):
        rate = section.backbone_lr * section.layer_decay ** (len(layers) - 1 - number)
        groups += _by_decay(layer, rate, section.weight_decay, "backbone")
    return groups + _by_decay(list(head), section.head_lr, section.weight_decay, "head")


def _by_decay(parameters: list[nn.Parameter], rate: float, decay: float, part: str) -> list[dict[str, Any]]:
    trained = [p for p in parameters if p.requires_grad]
    groups = []
    for wide, weight_decay in ((True, decay), (False, 0.0)):
        chosen = [p for p in trained if (p.ndim > 1) == wide]
        if chosen:
            groups.append({"params": chosen, "lr": rate, "weight_decay": weight_decay, "part": part})
    return groups


def configured(
    backbone: Backbone, head: Iterable[nn.Parameter], section: TrainerSection, steps: Callable[[], int]
) -> dict[str, Any]:
    """What a LightningModule's `configure_optimizers` gives: AdamW with layer-wise rates, scheduled by step.

    `steps` gives the length of the schedule, and is asked at each step.
    """
    optimizer = optim.AdamW(parameter_groups(backbone, head, section))
    return {
        "optimizer": optimizer,
        "lr_scheduler": {"scheduler": schedule(optimizer, section, steps), "interval": "step"},
    }


def schedule(
    optimizer: optim.Optimizer, section: TrainerSection, steps: Callable[[], int]
) -> optim.lr_scheduler.LambdaLR:
    """Warm-up and cosine by step; the backbone starts after the head's share of the steps."""

    def head(step: int) -> float:
        return _warm_cosine(step / max(1, steps()), section.warmup)

    def backbone(step: int) -> float:
        progress = (step / max(1, steps()) - section.head_warmup) / (1 - section.head_warmup)
        return _warm_cosine(progress, section.warmup) if progress >= 0 else 0.0

    return optim.lr_scheduler.LambdaLR(
        optimizer, [backbone if group["part"] == "backbone" else head for group in optimizer.param_groups]
    )


def _warm_cosine(progress: float, warmup: float) -> float:
    if progress < warmup:
        return 0.02 + 0.98 * progress / warmup
    along = min(1.0, (progress - warmup) / (1 - warmup))
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * along))
