"""How long things take on this machine, and how many epochs fit into a time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch

from vision_ft.bundle.manifest import InputSpec
from vision_ft.tasks.contract import Exportable

_STEPS = 3
_VIEWS = 4
"""Views at once, when answers are timed: as many as a bundle looks at together."""
_PATIENCE = 1.3
"""A fold may take this many times as long as planned before it is cut short."""


@dataclass(frozen=True)
class Speed:
    """Measured seconds."""

    step: float
    """One optimisation step on a batch, loading included."""
    forward: float
    """One forward pass of a batch, loading included."""


@dataclass(frozen=True)
class Budget:
    """Epochs of the fits of a run."""

    final: int
    fold: int
    fold_seconds: float | None
    """Time after which a fold's epochs end in any case; None: never."""
    why: str
    closing: float = 0.0
    """Seconds kept free after the final fit: for its export, the figures and the report."""


def measure(
    module: Any, loader: Any, val: Any, device: torch.device, *, clip_norm: float = 0.0, precision: str = "32-true"
) -> Speed:
    """Time a few training steps, as the module's own optimiser takes them, and forward passes of a throwaway module.

    Forward passes are of batches of `val` where there is such a loader, as training may show crops of the images
    that are looked at. `precision` is Lightning's: what is timed, and warmed up by it, are the kernels of the fit.
    The module is changed by it; build another one to train.
    """
    module.to(device).train()
    workers = int(getattr(loader, "num_workers", 0))
    optimizer = module.configure_optimizers()["optimizer"]
    trained = [p for p in module.parameters() if p.requires_grad]
    batches: list[list[torch.Tensor]] = []
    # Loader processes take their time to start, and their first batches come all at once.
    skipped = 2 * workers + 1 if workers else 0
    started = time.perf_counter()
    for number, batch in enumerate(loader):
        if number < skipped and number + 2 < len(loader):
            started = time.perf_counter()
            continue
        batches.append([t.to(device) for t in batch])
        if len(batches) == _STEPS + workers:
            break
    loading = (time.perf_counter() - started) / len(batches)
    batches = batches[:_STEPS]
    # The last batch of an epoch may hold a few images only, and would be mistaken for a quick one.
    batches = [batch for batch in batches if len(batch[0]) == len(batches[0][0])]

    whole = next(iter(val), None) if val is not None else None
    looked_at = batches if whole is None else [[t.to(device) for t in whole]] * _STEPS

    def timed(train: bool) -> float:
        seconds = []
        shown = batches if train else looked_at
        for batch in (shown[0], *shown):  # the first one warms up
            start = time.perf_counter()
            with torch.set_grad_enabled(train):
                if train:
                    optimizer.zero_grad()
                    with _cast(device, precision):
                        loss = _quietly(module, batch)
                    torch.autograd.backward(loss)
                    if clip_norm:
                        torch.nn.utils.clip_grad_norm_(trained, clip_norm)
                    optimizer.step()
                else:
                    with _cast(device, precision):
                        module(batch[0])
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - start)
        # Processes load while the device computes.
        return max(median(seconds[1:]), loading) if workers else median(seconds[1:]) + loading

    forward = timed(False)
    if whole is not None:
        # A short validation set makes a short batch.
        forward *= len(batches[0][0]) / len(whole[0])
    return Speed(step=timed(True), forward=forward)


@torch.no_grad()
def answer_seconds(exportable: Exportable, spec: InputSpec) -> float:
    """Seconds in which this machine's processors answer one view as a bundle will, mirrored views included.

    Figures and report are made with the bundle, wherever the fit has run: a forward pass on a GPU says nothing of
    the time that they take. The graph is moved to the CPU by it.
    """
    graph = exportable.graph.to("cpu").eval()
    views = torch.zeros((_VIEWS, spec.height, spec.width, 3), dtype=torch.uint8)
    seconds = []
    for _ in range(1 + _STEPS):  # the first one warms up
        start = time.perf_counter()
        graph(views)
        seconds.append(time.perf_counter() - start)
    return median(seconds[1:]) / _VIEWS


def _cast(device: torch.device, precision: str) -> torch.autocast:
    kind = torch.float16 if precision == "16-mixed" else torch.bfloat16
    return torch.autocast(device.type, kind, enabled=precision != "32-true")


def _quietly(module: Any, batch: Any) -> torch.Tensor:
    """A training step outside of a trainer: nothing is logged."""
    module.log = lambda *_, **__: None
    loss: torch.Tensor = module.training_step(batch, 0)
    return loss


def plan_epochs(
    speed: Speed | None,
    *,
    max_time: float | None,
    max_epochs: int | None,
    default_epochs: int,
    steps: int,
    val_steps: int,
    start: float,
    folds: int,
    fold_share: float,
    judging: float,
    closing: float,
) -> Budget:
    """Epochs of the final fit and of each fold.

    `steps` are the steps of an epoch over all training images, `val_steps` the batches that
    the final fit is validated on after each one, `start` the seconds before the first step
    (the probe) over all training images, `judging` the seconds in which the folds are exported
    and judged, `closing` those after the final fit.
    A fold sees (folds - 1) / folds of the images and is validated on the rest; the final fit
    never gets less time than a fold, and no epochs where the folds have none. Where neither
    `max_epochs` nor `default_epochs` ask for one, all that is learned is learned before the first step.
    """
    wanted = max_epochs or default_epochs
    if not wanted:
        return Budget(0, 0, None, "no epochs: this task learns in one pass over the images")
    smaller = (folds - 1) / folds if folds else 1.0
    if max_time is None or speed is None:
        fold = wanted if folds == 0 else max(1, round(wanted * min(1.0, fold_share * folds)))
        return Budget(wanted, fold, None, f"{wanted} epochs, as the recipe says", closing)
    epoch = steps * speed.step + val_steps * speed.forward
    fold_epoch = steps * (smaller * speed.step + speed.forward / folds) if folds else 0.0
    spare = max(0.0, max_time * 0.95 - judging - closing - start * (1 + folds * smaller))
    fold = 0
    if folds:
        share = min(fold_share * folds, folds / (folds + 1))
        fold = min(wanted, int(spare * share / (folds * fold_epoch)))
        if fold == 0 and spare >= folds * fold_epoch + epoch:
            fold = 1
    final = min(wanted, int((spare - folds * fold * fold_epoch) / epoch))
    if folds and not fold:
        # Without an epoch in the folds nobody knows whether fine-tuning helps, nor what its answers are worth.
        final = 0
    why = f"{max_time:.0f} s allow {final} of {wanted} epochs at {epoch:.1f} s"
    if not final:
        why = f"{max_time:.0f} s leave no time for epochs of {epoch:.1f} s: the start is judged and shipped"
    elif folds:
        why += f", and {fold} for each of {folds} folds"
    return Budget(
        final,
        fold,
        fold * fold_epoch * _PATIENCE if folds else None,
        why,
        closing,
    )
