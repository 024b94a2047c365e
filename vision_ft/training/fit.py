"""One fit: a Lightning trainer from the recipe, its checkpoints, and the best weights at the end."""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import Logger, TensorBoardLogger

from vision_ft.backbones import build_backbone
from vision_ft.errors import MissingExtraError, TrainingError
from vision_ft.recipe.model import Recipe
from vision_ft.tasks.contract import FitData, TorchTask
from vision_ft.training.budget import Deadline
from vision_ft.training.curves import KeepCurves
from vision_ft.training.devices import choose_precision, training_device

_BEST, _LAST = "best.ckpt", "last.ckpt"


class Interrupted(Exception):  # noqa: N818 - it is no error: a person asked for it
    """Ctrl-C during a fit. `checkpoint` holds the best weights so far, if an epoch was finished."""

    def __init__(self, checkpoint: Path | None) -> None:
        super().__init__("interrupted")
        self.checkpoint = checkpoint


@dataclass(frozen=True)
class FitPlan:
    """How long one fit trains, and under which name."""

    name: str
    epochs: int
    seconds: float | None = None
    """Time after which it stops in any case."""
    choose: bool = True
    """Whether the validation images choose the checkpoint (and stop early); else the last epoch's weights are kept."""


def fit(task: TorchTask, data: FitData, plan: FitPlan, folder: Path, *, resume: bool, say: Any, bar: bool) -> Any:
    """Train one module and give it with its best weights, on the CPU, in evaluation mode.

    `folder` gets `last.ckpt` after each epoch, `best.ckpt`, `metrics.csv` and TensorBoard
    events. With `resume` it goes on from `last.ckpt`, exactly (optimizer, schedule, seed).

    Raises `Interrupted` on Ctrl-C, and `TrainingError` when the loss is no number any more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    last = folder / _LAST
    resumed = last if resume and last.exists() else None
    train, val = task.loaders(data)
    recipe = data.recipe
    module: Any = task.build(data, fresh_backbone(recipe), steps=max(1, plan.epochs * len(train)))
    module.to(training_device(recipe.trainer))
    if resumed is None:
        task.warm_start(module, data, train, lambda text: say(f"{plan.name}: {text}"))
    if plan.epochs == 0 or not any(p.requires_grad for p in module.parameters()):
        torch.save({"state_dict": module.state_dict()}, folder / _BEST)
        return module.cpu().eval()
    if recipe.trainer.compile:
        module.network = torch.compile(module.network)
    trainer = _trainer(recipe, plan, folder, say=say, bar=bar, chooses=plan.choose and val is not None)
    try:
        trainer.fit(module, train, val, ckpt_path=resumed, weights_only=False if resumed else None)
    except SystemExit:
        # Lightning turns Ctrl-C into an exit and switches SIGINT off; both are ours to decide.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.default_int_handler)
        raise Interrupted(_existing(folder)) from None
    best = _existing(folder)
    if best is None:
        raise TrainingError(f"{plan.name} ended before its first epoch", remedy="Give it more time (trainer.max_time).")
    _load(module, best)
    if not all(torch.isfinite(p).all() for p in module.parameters()):
        raise TrainingError(
            f"{plan.name}: the weights are no numbers any more", remedy="Lower trainer.head_lr and trainer.backbone_lr."
        )
    return module.cpu().eval()


def rebuild(task: TorchTask, data: FitData, checkpoint: Path) -> Any:
    """The module of a finished fit from its weights, on the CPU, in evaluation mode."""
    module: Any = task.build(data, fresh_backbone(data.recipe, pretrained=False), steps=1)
    _load(module, checkpoint)
    return module.cpu().eval()


def best_checkpoint(folder: Path) -> Path | None:
    """The weights to use of a fit's folder, if there are any."""
    return _existing(folder)


def fresh_backbone(recipe: Recipe, *, pretrained: bool | None = None) -> Any:
    """The recipe's backbone with the weights that it starts from (or without, to load others)."""
    return build_backbone(
        recipe.model.backbone,
        pretrained=recipe.model.pretrained if pretrained is None else pretrained,
        weights=recipe.model.weights if pretrained is None else None,
        input_size=(recipe.input.height, recipe.input.width),
    )


def _existing(folder: Path) -> Path | None:
    for name in (_BEST, _LAST):
        if (folder / name).exists():
            return folder / name
    return None


def _load(module: Any, checkpoint: Path) -> None:
    content = torch.load(checkpoint, map_location="cpu", weights_only=False)
    state = {name.replace("network._orig_mod.", "network."): value for name, value in content["state_dict"].items()}
    if hasattr(module.network, "_orig_mod"):
        module.network = module.network._orig_mod
    module.load_state_dict(state)


def _trainer(recipe: Recipe, plan: FitPlan, folder: Path, *, say: Any, bar: bool, chooses: bool) -> pl.Trainer:
    section = recipe.trainer
    callbacks: list[pl.Callback] = [KeepCurves(folder / "metrics.csv", plan.name, say)]
    monitor = f"val/{section.monitor}"
    callbacks.append(
        ModelCheckpoint(
            dirpath=folder,
            filename="best",
            monitor=monitor if chooses else None,
            mode="min" if section.monitor == "loss" else "max",
            save_top_k=1,
            save_last=True,
            enable_version_counter=False,
        )
    )
    if section.ema_decay:
        callbacks.append(EMAWeightAveraging(decay=section.ema_decay))
    if section.patience and chooses:
        mode = "min" if section.monitor == "loss" else "max"
        callbacks.append(EarlyStopping(monitor, patience=section.patience, mode=mode))
    if plan.seconds is not None:
        callbacks.append(Deadline(plan.seconds, say))
    if bar:
        from lightning.pytorch.callbacks import RichProgressBar

        callbacks.append(RichProgressBar(leave=False))
    return pl.Trainer(
        accelerator=section.accelerator,
        devices=section.devices,
        strategy=section.strategy,
        num_nodes=section.num_nodes,
        precision=choose_precision(section),  # type: ignore[arg-type]
        max_epochs=plan.epochs,
        gradient_clip_val=section.clip_norm or None,
        callbacks=callbacks,
        logger=_loggers(recipe, folder),
        enable_progress_bar=bar,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        default_root_dir=folder,
    )


def _loggers(recipe: Recipe, folder: Path) -> list[Logger] | bool:
    loggers: list[Logger] = []
    if recipe.trainer.tensorboard:
        loggers.append(TensorBoardLogger(folder, name="", version="tensorboard"))
    if recipe.trainer.mlflow:
        from lightning.pytorch.loggers import MLFlowLogger

        try:
            loggers.append(MLFlowLogger(experiment_name="vision-ft", run_name=folder.name))
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                "trainer.mlflow", expected="MLflow", got="not installed", remedy="Install vision-ft[mlflow]."
            ) from error
    return loggers or False
