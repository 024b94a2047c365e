"""From a recipe to a run with a bundle: the whole of training."""

from __future__ import annotations

import difflib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.manifest import Calibration
from vision_ft.bundle.predictor import Predictor, load
from vision_ft.bundle.tiles import views_of
from vision_ft.data.index import Index, Sample
from vision_ft.errors import RecipeError, TrainingError, UsageError
from vision_ft.evaluation.collect import collect
from vision_ft.evaluation.judging import FittedOn, Observer, TaskJudge
from vision_ft.evaluation.operating_point import OperatingPoint
from vision_ft.evaluation.table import PredictionTable
from vision_ft.export.reference import LARGEST
from vision_ft.recipe.load import dump_recipe, load_recipe
from vision_ft.recipe.model import Recipe
from vision_ft.tasks.contract import FitData, TorchTask
from vision_ft.tasks.registry import task_judge, torch_task
from vision_ft.training.allocator import keep_freed_memory
from vision_ft.training.budget import Budget, answer_seconds, measure, plan_epochs
from vision_ft.training.bundling import scratch_predictor, write_run_bundle
from vision_ft.training.crossval import out_of_fold, read_out_of_fold
from vision_ft.training.curves import draw_curves, overfitting, read_curves, write_curves
from vision_ft.training.devices import (
    choose_precision,
    choose_workers,
    peak_gpu_memory,
    peak_memory,
    training_device,
    use_cpu_budget,
)
from vision_ft.training.embedding import embed_images
from vision_ft.training.finders import apply_finders
from vision_ft.training.fit import FitPlan, best_checkpoint, check_trainer, fit, fresh_backbone, rebuild
from vision_ft.training.prepare import Prepared, image_source, prepare, read_images, reopen
from vision_ft.training.reporting import report_run
from vision_ft.training.run_folder import RunFolder, open_run

_JUDGING = 12.0
"""Seconds in which one fold is exported and judged, reserved from `trainer.max_time`."""
_CLOSING = 36.0
"""The same for the final model, its bundle and the report, without the images that these are made from, and for what
was imported before the clock started."""


@dataclass(frozen=True)
class RunResult:
    """Where a finished run left what it made."""

    run: Path
    bundle: Path
    report: Path
    metrics: dict[str, Any]
    """The figures of the report, with their intervals."""
    findings: tuple[str, ...]
    """Sentences on the objective."""

    def load(self) -> Predictor:
        """The bundle, ready to predict."""
        return load(self.bundle)


def train(
    recipe: Recipe | str | Path | None = None,
    *,
    root: Path | str | None = None,
    run: Path | str | None = None,
    resume: bool = False,
    flattery: bool = False,
    progress: bool = False,
    overrides: Mapping[str, Any] | None = None,
) -> RunResult:
    """Fine-tune, judge, export and report.

    `recipe` is a `Recipe`, a YAML file, or the name of a shipped one; `overrides` are laid
    over it (dotted keys). `root` is the folder of images, `run` the folder to write
    (default: `runs/` and the time). With `resume` an interrupted run goes on where it was, with
    its own recipe; `root` then says where its images are now, if they have moved.
    `flattery` also shows what a split by image would have claimed.

    Raises `VisionFTError` and its kin for what a user can put right, and `Interrupted` on Ctrl-C.
    """
    started = time.monotonic()
    if resume and (recipe is not None or overrides):
        given = "overrides" if recipe is None else "another recipe"
        raise UsageError("A resumed run goes on with its own recipe", got=given, remedy="Leave them out.")
    at = Path(run) if run is not None else Path("runs") / time.strftime("%Y%m%d-%H%M%S")
    if resume:
        folder = open_run(at, resume=True)
        recipe = load_recipe(folder.recipe)
    elif not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe, overrides)
    elif overrides:
        recipe = load_recipe(None, {**recipe.plain(), **overrides})
    if root is not None:
        recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update={"root": Path(root)})})
    use_cpu_budget()
    keep_freed_memory()
    task, judge = torch_task(recipe.task.name), task_judge(recipe.task.name)
    _check(recipe, task)
    if not resume:
        # What cannot start leaves no folder behind.
        image_source(recipe)
        folder = open_run(at, resume=False)
    prepared = _reopened(recipe, folder, judge, root) if resume else _prepared(recipe, folder, judge)
    if not any(one.good for one in prepared.index.classes):
        folder.say(
            "No class is declared good, so every confident answer passes, a defect's too: "
            "name the good classes (objective.good) to have parts rejected."
        )
    recipe, budget = _budget(recipe, task, prepared, folder, started, resume=resume, flattery=flattery)
    data = FitData(
        recipe, prepared.index.classes, prepared.spec, prepared.train, prepared.val, choose_workers(recipe.trainer)
    )
    raw = None
    epochs = budget.final
    if prepared.folds is not None:
        plan = FitPlan("fold", budget.fold, budget.fold_seconds)
        found = out_of_fold(
            task, data, prepared.folds, plan, folder, scratch_predictor(task), resume=resume, bar=progress
        )
        raw = _relocated(found.table, data, prepared.folds)
        epochs = budget.final if found.fine_tuned else 0
    until = None if recipe.trainer.max_time is None else started + recipe.trainer.max_time - budget.closing
    final = FitPlan("final", epochs, until=until, most=recipe.trainer.max_epochs or task.default_epochs)
    module = _final(task, data, final, folder, resume=resume, bar=progress)
    observer = None
    if raw is None:
        raw, observer = _on_validation(task, judge, module, data, folder)
    result = finish(recipe, task, judge, module, data, prepared, raw, folder, observer=observer, flattery=flattery)
    gpu = peak_gpu_memory()
    folder.say(
        f"took {(time.monotonic() - started) / 60:.1f} minutes and {peak_memory():.1f} GB of memory"
        + (f", and {gpu:.1f} GB of the GPU's" if gpu else "")
    )
    return result


def _on_validation(
    task: TorchTask, judge: TaskJudge, module: Any, data: FitData, folder: RunFolder
) -> tuple[PredictionTable, Observer]:
    """Uncalibrated answers on the validation images, through the graph."""
    predictor = scratch_predictor(task)(module, data, folder.fits / "final" / "scratch")
    observer = judge.observer(predictor.manifest)
    return collect(predictor, data.val, data.classes, each=observer.see), observer


def finish(
    recipe: Recipe,
    task: TorchTask,
    judge: TaskJudge,
    module: Any,
    data: FitData,
    prepared: Prepared,
    raw: PredictionTable,
    folder: RunFolder,
    *,
    observer: Observer | None = None,
    flattery: bool = False,
) -> RunResult:
    """From a trained module and uncalibrated predictions on unseen parts to bundle and report."""
    _draw(folder)
    fitted_on: FittedOn = "out-of-fold" if prepared.folds is not None else "validation"
    calibration, table = judge.calibrate(raw, observer, fitted_on)
    point = judge.choose(table, recipe.objective, observer)
    _tell(folder, calibration, point)
    write_run_bundle(
        recipe, task, module, data, prepared, folder=folder, calibration=calibration, point=point, table=table
    )
    metrics = report_run(recipe, task, judge, data, prepared, raw, table, point, folder, flattery=flattery)
    folder.say(f"bundle: {folder.bundle}")
    report = folder.report / "report.html"
    folder.say(f"report: {report}")
    return RunResult(folder.path, folder.bundle, report, metrics, point.findings)


def export(run: Path, *, root: Path | str | None = None, flattery: bool = False) -> RunResult:
    """Write bundle and report of a run from its checkpoint, as its recipe and saved split say.

    `root` is the folder that its images are in now, if they have moved.

    Raises `TrainingError` when the run has no weights, or no predictions on unseen parts yet.
    """
    folder = open_run(run, resume=True)
    recipe = load_recipe(folder.recipe)
    use_cpu_budget()
    task, judge = torch_task(recipe.task.name), task_judge(recipe.task.name)
    prepared = _reopened(recipe, folder, judge, root)
    checkpoint = best_checkpoint(folder.fits / "final")
    if checkpoint is not None and not (folder.fits / "final" / "done").exists():
        folder.say("The final fit is unfinished: what is exported are its best weights so far.")
    if checkpoint is None:
        raise TrainingError(f"{run} holds no weights yet", remedy="Go on with it by `vision-ft train --resume`.")
    data = FitData(
        recipe, prepared.index.classes, prepared.spec, prepared.train, prepared.val, choose_workers(recipe.trainer)
    )
    module = rebuild(task, data, checkpoint)
    observer = None
    if prepared.folds is not None:
        raw = _relocated(read_out_of_fold(folder, prepared.folds), data, prepared.folds)
    else:
        raw, observer = _on_validation(task, judge, module, data, folder)
    return finish(recipe, task, judge, module, data, prepared, raw, folder, observer=observer, flattery=flattery)


def _check(recipe: Recipe, task: TorchTask) -> None:
    """What can be known to be wrong before any image is read; raises `RecipeError`."""
    check_trainer(recipe)
    if recipe.tile is not None and not task.trains_on_tiles:
        raise RecipeError(
            "tile",
            expected="a task that learns from tiles",
            got=recipe.task.name,
            remedy="Leave it out, or enlarge the input.",
        )
    monitors = ("objective", "loss", *task.monitors)
    if recipe.trainer.monitor not in monitors:
        near = difflib.get_close_matches(recipe.trainer.monitor, monitors, 1)
        raise RecipeError(
            "trainer.monitor",
            expected=f"one of {', '.join(monitors)}",
            got=recipe.trainer.monitor,
            remedy=f"Did you mean {near[0]!r}?" if near else "",
        )


def _reopened(recipe: Recipe, folder: RunFolder, judge: TaskJudge, root: Path | str | None) -> Prepared:
    """What the run started with; raises `UsageError` where its images are not below the `root` that is given."""
    index = Index.read(folder.index, root=None if root is None else Path(root))
    if root is not None:
        lost = next((one for one in index.column("path") if not (index.root / one).is_file()), None)
        if lost is not None:
            raise UsageError(f"root {root}", expected="the folder that the run's images are in now", got=f"no {lost}")
        # They are there from now on, also for whoever resumes or exports it again.
        index.write(folder.index)
    return reopen(recipe, index, int(folder.read_plan()["folds"]), judge)


def _relocated(table: PredictionTable, data: FitData, folds: NDArray[np.int64]) -> PredictionTable:
    """Answers of all folds with their images' paths of today: a fold may have been judged before they moved."""
    held = [s for number in np.unique(folds) for s, fold in zip(data.train, folds, strict=True) if fold == number]
    return replace(table, paths=np.array([sample.path.as_posix() for sample in held], dtype=np.str_))


def _prepared(recipe: Recipe, folder: RunFolder, judge: TaskJudge) -> Prepared:
    index = read_images(recipe, embed=embed_images)
    prepared = prepare(recipe, folder, index, judge)
    parts = len(set(prepared.index.column("part")))
    folder.say(
        f"{len(prepared.index)} images of {parts} parts in {len(prepared.index.classes)} classes: "
        f"{len(prepared.train)} train, {len(prepared.val)} validate, {len(prepared.test)} are held back"
        + ("" if prepared.folds is None else f"; {len(np.unique(prepared.folds))} folds by group")
    )
    return prepared


def _budget(
    recipe: Recipe,
    task: TorchTask,
    prepared: Prepared,
    folder: RunFolder,
    started: float,
    *,
    resume: bool,
    flattery: bool,
) -> tuple[Recipe, Budget]:
    folds = 0 if prepared.folds is None else len(np.unique(prepared.folds))
    if resume:
        plan = folder.read_plan()
        saved = (int(plan["final"]), int(plan["fold"]), plan["fold_seconds"], str(plan["why"]), float(plan["closing"]))
        return recipe, Budget(*saved)
    data = FitData(
        recipe, prepared.index.classes, prepared.spec, prepared.train, prepared.val, choose_workers(recipe.trainer)
    )
    backbone = fresh_backbone(recipe)
    folder.say(backbone.info.why)
    recipe = task.settle(data, backbone.to(training_device(recipe.trainer)), folder.say)
    recipe = apply_finders(recipe, task, replace(data, recipe=recipe), folder)
    data = replace(data, recipe=recipe)
    speed, start, closing = None, 0.0, 0.0
    if recipe.trainer.max_time is not None and task.default_epochs:
        loader, val = task.loaders(data)
        module = task.build(data, backbone, steps=1)
        device = training_device(recipe.trainer)
        start = task.warm_start_seconds(module.to(device), data, loader)
        precision = choose_precision(recipe.trainer)
        speed = measure(module, loader, val, device, clip_norm=recipe.trainer.clip_norm, precision=precision)
        views = _views_to_come(prepared) + (len(prepared.train) if flattery else 0)
        exportable = task.exportable(module, calibration=Calibration(), heatmap=recipe.export.heatmap)
        # The one without loading, the other without what the graph does around the network.
        each = max(speed.forward / recipe.trainer.batch_size, answer_seconds(exportable, prepared.spec))
        closing = _CLOSING + views * each
    spent = time.monotonic() - started
    budget = plan_epochs(
        speed,
        max_time=None if recipe.trainer.max_time is None else max(1.0, recipe.trainer.max_time - spent),
        max_epochs=recipe.trainer.max_epochs if task.default_epochs else None,
        default_epochs=task.default_epochs,
        steps=-(-len(prepared.train) // recipe.trainer.batch_size),
        val_steps=-(-len(prepared.val) // recipe.trainer.batch_size),
        start=start,
        folds=folds,
        fold_share=recipe.split.fold_share,
        judging=folds * _JUDGING,
        closing=closing,
    )
    folder.say(budget.why)
    if not budget.final and not task.can_ship_start(recipe):
        raise TrainingError(
            "trainer.max_time",
            expected="time for an epoch at least, for nothing is learned before it",
            got=budget.why,
            remedy="Give it more time, or smaller inputs"
            + (f", or {task.start_option}." if task.start_option else "."),
        )
    dump_recipe(recipe, folder.recipe)
    folder.write_plan(
        {
            "folds": folds,
            "final": budget.final,
            "fold": budget.fold,
            "fold_seconds": budget.fold_seconds,
            "closing": budget.closing,
            "why": budget.why,
            "weights": backbone.info.weights.model_dump(mode="json"),
        }
    )
    return recipe, budget


def _views_to_come(prepared: Prepared) -> int:
    """Views that the trained model looks at after its fit: for its thresholds, its reference and its figures."""

    def views(samples: Sequence[Sample]) -> int:
        return sum(len(views_of(sample.width, sample.height, prepared.spec)) for sample in samples)

    folds = prepared.folds is not None
    judged = () if folds and not prepared.test else prepared.test or prepared.val
    return (0 if folds else views(prepared.val)) + views(prepared.train[:LARGEST]) + views(judged)


def _final(task: TorchTask, data: FitData, plan: FitPlan, folder: RunFolder, *, resume: bool, bar: bool) -> Any:
    own = folder.fits / plan.name
    done = own / "done"
    if resume and done.exists():
        checkpoint = best_checkpoint(own)
        if checkpoint is not None:
            return rebuild(task, data, checkpoint)
    module = fit(task, data, plan, own, resume=resume, say=folder.say, bar=bar)
    done.touch()
    return module


def _draw(folder: RunFolder) -> None:
    rows = [row for file in sorted(folder.fits.glob("*/metrics.csv")) for row in read_curves(file)]
    if not rows:
        return
    write_curves(folder.curves, rows)
    draw_curves(rows, folder.path / "curves.png")
    warning = overfitting(rows)
    if warning:
        kept = any(row["fit"] == "final" and "train/loss" in row for row in rows)
        folder.say(warning if kept else f"{warning} The shipped model holds none of these epochs.")


def _tell(folder: RunFolder, calibration: Calibration, point: OperatingPoint) -> None:
    if calibration.fitted_on != "none":
        folder.say(
            f"temperature {calibration.temperature:.2f} from {calibration.images} {calibration.fitted_on} images "
            f"of {calibration.parts} parts"
        )
    for finding in point.findings:
        folder.say(finding)
