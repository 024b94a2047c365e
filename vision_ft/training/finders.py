"""Looking for a learning rate and a batch size before training, where the recipe asks for it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.tuner.tuning import Tuner

from vision_ft.errors import TrainingError
from vision_ft.recipe.model import Recipe
from vision_ft.tasks.contract import FitData, TorchTask
from vision_ft.training.devices import choose_precision
from vision_ft.training.fit import fresh_backbone, interruptible, quiet_lightning
from vision_ft.training.run_folder import RunFolder

_STEPS = 60


def apply_finders(recipe: Recipe, task: TorchTask, data: FitData, folder: RunFolder) -> Recipe:
    """The recipe with what the finders found; what was found is said and saved with the run."""
    if recipe.trainer.find_batch_size:
        size = _find_batch_size(recipe, task, data)
        folder.say(f"batch size finder: {size} images fit")
        recipe = _with(recipe, batch_size=size)
        data = replace(data, recipe=recipe)
    if recipe.trainer.find_lr:
        rate = _find_rate(recipe, task, data)
        factor = rate / recipe.trainer.head_lr
        folder.say(f"learning rate finder: {rate:.2e} for the head, the backbone's in proportion")
        recipe = _with(recipe, head_lr=rate, backbone_lr=recipe.trainer.backbone_lr * factor)
    return recipe


def _find_rate(recipe: Recipe, task: TorchTask, data: FitData) -> float:
    loader, _ = task.loaders(replace(data, val=()))
    module: Any = task.build(data, fresh_backbone(recipe), steps=_STEPS)
    module.lr = recipe.trainer.head_lr
    task.warm_start(module, data, loader, lambda _: None)
    # Lightning tries each rate on all groups alike, and what is looked for is the head's.
    module.network.backbone.requires_grad_(requires_grad=False)
    with TemporaryDirectory() as scratch, _quiet():
        trainer = _trainer(recipe, Path(scratch))
        finder = Tuner(trainer).lr_find(module, loader, min_lr=1e-6, max_lr=1.0, num_training=_STEPS, update_attr=False)
        rate = finder.suggestion() if finder is not None else None
    if rate is None:
        raise TrainingError("The learning rate finder found none", remedy="Set trainer.head_lr, and find_lr to false.")
    return float(rate)


class _Sized(pl.LightningDataModule):
    """Gives loaders of any batch size, as the finder wants them."""

    def __init__(self, task: TorchTask, data: FitData) -> None:
        super().__init__()
        self.task, self.data = task, data
        self.batch_size = 2

    def train_dataloader(self) -> Any:
        """A training loader of the present batch size."""
        recipe = _with(self.data.recipe, batch_size=self.batch_size)
        return self.task.loaders(replace(self.data, recipe=recipe, val=()))[0]

    def val_dataloader(self) -> Any:
        """The same images: the finder validates one batch too, which has to fit as well."""
        return self.train_dataloader()


def _find_batch_size(recipe: Recipe, task: TorchTask, data: FitData) -> int:
    module: Any = task.build(data, fresh_backbone(recipe), steps=_STEPS)
    sized = _Sized(task, data)
    # More images a step than this are of no use to the few images that a defect has.
    largest = max(2, min(256, len(data.train)))
    with TemporaryDirectory() as scratch, _quiet():
        found = Tuner(_trainer(recipe, Path(scratch))).scale_batch_size(
            module, datamodule=sized, mode="power", steps_per_trial=1, init_val=2, max_trials=largest.bit_length() - 1
        )
    return min(int(found or recipe.trainer.batch_size), largest)


def _trainer(recipe: Recipe, folder: Path) -> pl.Trainer:
    section = recipe.trainer
    quiet_lightning()
    return pl.Trainer(
        accelerator=section.accelerator,
        devices=1,
        precision=choose_precision(section),  # type: ignore[arg-type]
        max_epochs=100,
        gradient_clip_val=section.clip_norm or None,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Lightning warns of what is meant to be so here: nothing is validated, and norms may be fixed."""
    with interruptible(), warnings.catch_warnings():
        for message in ("You defined a `validation_step`", r"Found \d+ module\(s\) in eval mode"):
            warnings.filterwarnings("ignore", message)
        yield


def _with(recipe: Recipe, **values: Any) -> Recipe:
    return recipe.model_copy(update={"trainer": recipe.trainer.model_copy(update=values)})
