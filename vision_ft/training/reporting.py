"""The figures of a run, measured with its bundle, and its report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vision_ft.bundle.predictor import load
from vision_ft.errors import DataError
from vision_ft.evaluation.card import model_card
from vision_ft.evaluation.collect import collect
from vision_ft.evaluation.decide import decided
from vision_ft.evaluation.flattery import Flattery
from vision_ft.evaluation.flattery import flattery as probe
from vision_ft.evaluation.operating_point import OperatingPoint
from vision_ft.evaluation.report import write_report
from vision_ft.evaluation.summary import summarise, write_summary
from vision_ft.evaluation.table import PredictionTable
from vision_ft.export.write import update_metrics
from vision_ft.recipe.model import Recipe
from vision_ft.tasks.contract import FitData, TorchTask
from vision_ft.training.curves import read_curves
from vision_ft.training.fit import fresh_backbone
from vision_ft.training.prepare import Prepared
from vision_ft.training.run_folder import RunFolder


def report_run(
    recipe: Recipe,
    task: TorchTask,
    data: FitData,
    prepared: Prepared,
    table: PredictionTable,
    point: OperatingPoint,
    folder: RunFolder,
    *,
    flattery: bool,
) -> dict[str, Any]:
    """Judge the bundle on the parts held back (or for validation), or take the out-of-fold answers; write the report.

    Gives the figures; they are also in the bundle's manifest, in `metrics.json` and on the page.
    """
    predictor = load(folder.bundle)
    if prepared.test or prepared.folds is None:
        judged = collect(predictor, prepared.test or prepared.val, data.classes)
    else:
        # Every part was judged by a fold model that had not seen it, at the thresholds of the bundle.
        judged = replace(decided(table, point.rule), origin=table.origin)
    judged.write(folder.predictions)
    summary = summarise(judged, predictor.manifest, seed=recipe.seed)
    shown = _flattery(recipe, task, data, prepared, folder) if flattery else None
    figures = {**summary, "operating_point": point.to_json()}
    if shown is not None:
        figures["flattery"] = shown.to_json()
    update_metrics(folder.bundle, figures, model_card)
    manifest = load(folder.bundle).manifest
    write_report(
        folder.report,
        manifest=manifest,
        table=judged,
        summary=figures,
        predictor=predictor,
        curves=read_curves(folder.curves),
        flattery=shown,
    )
    write_summary(folder.report / "metrics.json", figures)
    return figures


def _flattery(recipe: Recipe, task: TorchTask, data: FitData, prepared: Prepared, folder: RunFolder) -> Flattery | None:
    train = prepared.index.in_split("train")
    try:
        found = probe(task.embed(data, fresh_backbone(recipe), data.train), train, seed=recipe.seed)
    except DataError as error:
        folder.say(str(error))
        return None
    folder.say(found.sentence)
    return found
