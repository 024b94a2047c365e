"""Out-of-fold answers: every training part judged by a model that has not seen it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vision_ft.bundle.predictor import Predictor
from vision_ft.errors import TrainingError
from vision_ft.evaluation.collect import collect
from vision_ft.evaluation.table import PredictionTable, concat, read_table
from vision_ft.tasks.contract import FitData, TorchTask
from vision_ft.training.fit import FitPlan, best_checkpoint, fine_tuning_pays, fit, rebuild, start_checkpoint
from vision_ft.training.run_folder import RunFolder

Scratch = Callable[[Any, FitData, Path], Predictor]
"""Exports a module, uncalibrated, into a folder and opens it: folds answer through the same graph as bundles."""


@dataclass(frozen=True)
class OutOfFold:
    """Answers on every training image, and what the folds say of fine-tuning."""

    table: PredictionTable
    fine_tuned: bool
    """Whether the epochs beat the start on the parts held out; else the start is what is judged and shipped."""


def out_of_fold(
    task: TorchTask,
    data: FitData,
    folds: np.ndarray[Any, np.dtype[np.int64]],
    plan: FitPlan,
    run: RunFolder,
    scratch: Scratch,
    *,
    resume: bool,
    bar: bool,
) -> OutOfFold:
    """Fit one model a fold, and collect answers on the images of the fold, uncalibrated.

    A fold that is finished already is read from the run. Each fold is validated on its own
    held-out images before the first step and after each epoch. One thing is decided by that,
    for all folds together: whether the last epoch's weights or the start's are better. So no
    fold chooses its own weights by the images that it is judged on.
    """
    numbers = [int(number) for number in np.unique(folds)]
    parts = {}
    for number in numbers:
        train = tuple(s for s, fold in zip(data.train, folds, strict=True) if fold != number)
        held = tuple(s for s, fold in zip(data.train, folds, strict=True) if fold == number)
        parts[number] = replace(data, train=train, val=held)
        folder = fold_folder(run, number)
        if not (resume and (folder / "done").exists()):
            own = replace(plan, name=folder.name, choose=False)
            fit(task, parts[number], own, folder, resume=resume, say=run.say, bar=bar)
            (folder / "done").touch()
    pays = plan.epochs > 0 and (
        not task.can_ship_start(data.recipe)
        or fine_tuning_pays([fold_folder(run, number) for number in numbers], data.recipe)
    )
    if plan.epochs > 0:
        run.say(
            "fine-tuning beats the linear probe on the parts held out"
            if pays
            else "fine-tuning does not beat its start on the parts held out: the start is judged and shipped"
        )
    for number in numbers:
        saved = fold_folder(run, number) / "predictions.parquet"
        if not (resume and saved.exists()):
            folder = fold_folder(run, number)
            checkpoint = best_checkpoint(folder) if pays else start_checkpoint(folder)
            assert checkpoint is not None
            predictor = scratch(rebuild(task, parts[number], checkpoint), parts[number], folder / "scratch")
            collect(predictor, parts[number].val, data.classes).write(saved)
    return OutOfFold(read_out_of_fold(run, folds), pays)


def read_out_of_fold(run: RunFolder, folds: np.ndarray[Any, np.dtype[np.int64]]) -> PredictionTable:
    """The saved answers of all folds; raises `TrainingError` where a fold is not judged yet."""
    files = [fold_folder(run, int(number)) / "predictions.parquet" for number in np.unique(folds)]
    if not all(file.exists() for file in files):
        raise TrainingError(
            f"{run.path} has not judged every fold yet", remedy="Go on with it by `vision-ft train --resume`."
        )
    tables = [read_table(file) for file in files]
    return replace(concat(tables), origin="out-of-fold", seen=np.zeros(sum(map(len, tables)), dtype=np.bool_))


def fold_folder(run: RunFolder, number: int) -> Path:
    """Folder of a fold's fit."""
    return run.fits / f"fold-{number}"
