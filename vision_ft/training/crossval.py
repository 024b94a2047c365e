"""Out-of-fold answers: every training part judged by a model that has not seen it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vision_ft.bundle.predictor import Predictor
from vision_ft.evaluation.collect import collect
from vision_ft.evaluation.table import PredictionTable, concat, read_table
from vision_ft.tasks.contract import FitData, TorchTask
from vision_ft.training.fit import FitPlan, fit
from vision_ft.training.run_folder import RunFolder

Scratch = Callable[[Any, FitData, Path], Predictor]
"""Exports a module, uncalibrated, into a folder and opens it: folds answer through the same graph as bundles."""


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
) -> PredictionTable:
    """Fit one model a fold and collect its answers on the images of the fold, uncalibrated.

    A fold that is finished already is read from the run. Each fold is validated on its own
    held-out images after each epoch, for the curves; the weights of the last epoch answer,
    so that no fold chooses its weights by the images that it is judged on.
    """
    tables = []
    for number in np.unique(folds):
        name = f"fold-{number}"
        folder = run.fits / name
        saved = folder / "predictions.parquet"
        if not (resume and saved.exists()):
            train = tuple(s for s, fold in zip(data.train, folds, strict=True) if fold != number)
            held = tuple(s for s, fold in zip(data.train, folds, strict=True) if fold == number)
            part = replace(data, train=train, val=held)
            module = fit(
                task, part, replace(plan, name=name, choose=False), folder, resume=resume, say=run.say, bar=bar
            )
            predictor = scratch(module, part, folder / "scratch")
            collect(predictor, held, data.classes).write(saved)
        tables.append(read_table(saved))
    return replace(concat(tables), origin="out-of-fold", seen=np.zeros(sum(map(len, tables)), dtype=np.bool_))
