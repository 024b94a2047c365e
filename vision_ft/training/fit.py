"""One fit: a Lightning trainer from the recipe, its checkpoints, and the best weights at the end."""

from __future__ import annotations

import contextlib
import logging
import shutil
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import Logger, TensorBoardLogger

from vision_ft.backbones import build_backbone
from vision_ft.errors import MissingExtraError, RecipeError, TrainingError
from vision_ft.recipe.model import Recipe
from vision_ft.tasks.contract import FitData, TorchTask
from vision_ft.tasks.sampling import derive_seed
from vision_ft.training.curves import KeepCurves, read_curves, write_curves
from vision_ft.training.devices import choose_precision, training_device
from vision_ft.training.pace import Deadline, Pace

_START, _BEST, _LAST = "start.ckpt", "best.ckpt", "last.ckpt"


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
    """Time after the first step when it stops in any case."""
    until: float | None = None
    """The same as a time of the monotonic clock, whatever came before the first step."""
    choose: bool = True
    """Whether the validation images choose the checkpoint (and stop early); else the last epoch's weights are kept."""
    most: int | None = None
    """Epochs that it may grow to where they turn out quicker than planned; None: it does not grow."""


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
    steps = max(1, plan.epochs * len(train))
    module: Any = task.build(data, fresh_backbone(recipe), steps=steps)
    module.to(training_device(recipe.trainer))
    if resumed is None:
        task.warm_start(module, data, train, lambda text: say(f"{plan.name}: {text}"))
        torch.save({"state_dict": module.state_dict()}, folder / _START)
        if val is not None and task.can_ship_start(recipe):
            _judge_start(module, val, recipe, plan, folder)
    if plan.epochs == 0:
        shutil.copy(folder / _START, folder / _BEST)
        return module.cpu().eval()
    if recipe.trainer.compile:
        module.network = torch.compile(module.network)
    curves = KeepCurves(folder / "metrics.csv", plan.name, say, task.monitors)
    chooses = plan.choose and val is not None
    trainer = _trainer(recipe, plan, folder, curves, steps=steps, say=say, bar=bar, chooses=chooses)
    # Lightning leaves modes as they are, and the probe and the judging have put all into evaluation.
    module.train()
    with interruptible(folder), warnings.catch_warnings():
        # The start lies there already, and what a resumed fit goes on from.
        warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty")
        # The backbone keeps what is frozen there, normalisation statistics too.
        warnings.filterwarnings("ignore", r"Found \d+ module\(s\) in eval mode")
        trainer.fit(module, train, val, ckpt_path=resumed, weights_only=False if resumed else None)
    # The trainer holds the loaders, and these the decoded images and their processes.
    module._trainer = None
    if plan.choose and val is not None and task.can_ship_start(recipe) and not fine_tuning_pays([folder], recipe):
        say(f"{plan.name}: fine-tuning did not beat the start on the validation images: the start is kept")
        shutil.copy(folder / _START, folder / _BEST)
    best = _existing(folder)
    if best is None:
        raise TrainingError(f"{plan.name} ended before its first epoch", remedy="Give it more time (trainer.max_time).")
    _load(module, best)
    if not all(torch.isfinite(p).all() for p in module.parameters()):
        raise TrainingError(
            f"{plan.name}: the weights are no numbers any more", remedy="Lower trainer.head_lr and trainer.backbone_lr."
        )
    return module.cpu().eval()


@contextlib.contextmanager
def interruptible(folder: Path | None = None) -> Iterator[None]:
    """Lightning turns Ctrl-C into an exit and switches SIGINT off; this makes an `Interrupted` of it.

    What Lightning finds out this late, and running out of the GPU's memory, become a `TrainingError`.
    """
    try:
        yield
    except SystemExit:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.default_int_handler)
        raise Interrupted(_existing(folder) if folder is not None else None) from None
    except MisconfigurationException as error:
        raise TrainingError("The training cannot go on", got=str(error).splitlines()[0]) from error
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            "The GPU's memory is too small for this recipe",
            got=str(error).splitlines()[0],
            remedy="Lower trainer.batch_size or the size of the input.",
        ) from error


def check_trainer(recipe: Recipe) -> None:
    """Raise `RecipeError` for a trainer section that Lightning does not accept on this machine."""
    section = recipe.trainer
    several = section.num_nodes > 1 or (isinstance(section.devices, int) and section.devices > 1)
    if several:
        raise RecipeError(
            "trainer.devices and trainer.num_nodes",
            expected="one device",
            got=f"{section.devices} on {section.num_nodes} nodes",
            remedy="Training on several devices is not supported yet.",
        )
    quiet_lightning()
    try:
        pl.Trainer(
            accelerator=section.accelerator,
            devices=section.devices,
            strategy=section.strategy,
            precision=choose_precision(section),  # type: ignore[arg-type]
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    except (MisconfigurationException, ValueError, TypeError, RuntimeError) as error:
        raise RecipeError(
            "The section trainer cannot be used here",
            got=str(error).splitlines()[0],
            remedy="Correct trainer.accelerator, devices, strategy or precision: `vision-ft doctor` says what is here.",
        ) from error


def averaging(decay: float, steps: int) -> float:
    """The decay of averaged weights for a fit of so many steps: never longer a memory than a tenth of them.

    A long memory in a short fit would still hold the first, untrained steps at the end.
    """
    return min(decay, max(0.5, 1.0 - 10.0 / max(1, steps)))


def _judge_start(module: Any, val: Any, recipe: Recipe, plan: FitPlan, folder: Path) -> None:
    """Validate before the first step: row 0 of the curves."""
    quiet_lightning()
    judge = pl.Trainer(
        accelerator=recipe.trainer.accelerator,
        devices=1,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        default_root_dir=folder,
    )
    with interruptible(folder):
        figures = judge.validate(module, val, verbose=False)[0]
    module._trainer = None
    write_curves(folder / "metrics.csv", [{"fit": plan.name, "epoch": 0, **figures}])


def fine_tuning_pays(folders: Sequence[Path], recipe: Recipe) -> bool:
    """Whether, over these fits together, the epochs beat the start on the validated images.

    Where the weights of the best epoch are kept the best one counts, else the last. Epochs that
    were cut short before they could be validated have shown nothing. Raises `TrainingError`
    where no fit has logged the figure.
    """
    name = f"val/{recipe.trainer.monitor}"
    sign = -1.0 if recipe.trainer.monitor == "loss" else 1.0
    gains = []
    logged = False
    for folder in folders:
        values = [sign * float(row[name]) for row in read_curves(folder / "metrics.csv") if name in row]
        logged = logged or bool(values)
        if len(values) > 1:
            gains.append((max(values[1:]) if len(folders) == 1 else values[-1]) - values[0])
    if not logged:
        raise TrainingError(
            f"trainer.monitor {recipe.trainer.monitor}",
            expected="a figure that the fits have logged",
            remedy="Use objective, loss, or a figure of metrics.csv.",
        )
    return sum(gains) > 0


def start_checkpoint(folder: Path) -> Path:
    """The weights before the first step: backbone as pretrained, classifier as the probe has fitted it."""
    return folder / _START


def quiet_lightning() -> None:
    """Keep Lightning's remarks on devices and products to itself; it sets its own level when imported."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)


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
    # Without pretrained weights they are drawn here.
    torch.manual_seed(derive_seed(recipe.seed, "backbone"))
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


def _trainer(
    recipe: Recipe, plan: FitPlan, folder: Path, curves: KeepCurves, *, steps: int, say: Any, bar: bool, chooses: bool
) -> pl.Trainer:
    section = recipe.trainer
    callbacks: list[pl.Callback] = [curves]
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
        # Buffers are kept as they are: averaging constants (the mean of the pixels, say) lets rounding move them.
        callbacks.append(EMAWeightAveraging(decay=averaging(section.ema_decay, steps), use_buffers=False))
    if section.patience and chooses:
        mode = "min" if section.monitor == "loss" else "max"
        callbacks.append(EarlyStopping(monitor, patience=section.patience, mode=mode))
    ends = [plan.until, None if plan.seconds is None else time.monotonic() + plan.seconds]
    if any(end is not None for end in ends):
        end = min(end for end in ends if end is not None)
        callbacks += [Pace(end, max(plan.epochs, plan.most or 0), say), Deadline(end, say)]
    if bar:
        from lightning.pytorch.callbacks import RichProgressBar

        callbacks.append(RichProgressBar(leave=False))
    quiet_lightning()
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
            logger = MLFlowLogger(experiment_name="vision-ft", run_name=folder.name)
            _ = logger.experiment_id  # Lightning speaks to MLflow on first use, which would be after the probe.
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                "trainer.mlflow",
                expected="MLflow",
                got=f"no package {error.name}",
                remedy="Install the package mlflow into this environment.",
            ) from error
        except Exception as error:  # MLflow raises types of its own for whatever its server or store says
            raise TrainingError(
                "MLflow cannot be used",
                got=str(error).splitlines()[0],
                remedy="Set MLFLOW_TRACKING_URI to a server or a database such as sqlite:///mlflow.db.",
            ) from error
        loggers.append(logger)
    return loggers or False
