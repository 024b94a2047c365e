"""The figures of a run, measured with its bundle, and its report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from vision_ft.bundle.decision import Decision, DecisionRule
from vision_ft.bundle.predictor import load
from vision_ft.errors import DataError
from vision_ft.evaluation.card import model_card
from vision_ft.evaluation.collect import collect
from vision_ft.evaluation.decide import decided
from vision_ft.evaluation.flattery import Flattery, judged_classes
from vision_ft.evaluation.flattery import flattery as probe
from vision_ft.evaluation.judging import TaskJudge
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
    judge: TaskJudge,
    data: FitData,
    prepared: Prepared,
    raw: PredictionTable,
    table: PredictionTable,
    point: OperatingPoint,
    folder: RunFolder,
    *,
    flattery: bool,
) -> dict[str, Any]:
    """Judge the bundle on the parts held back, or the answers that thresholds were set on; write the report.

    `table` holds the answers, on validation parts or out of fold, that `point` was chosen on,
    `raw` the same before the temperature. Where nothing was held back for a test, each of their groups is judged at the
    temperature and the thresholds that the other groups give.

    Gives the figures; they are also in the bundle's manifest, in `metrics.json` and on the page.
    """
    predictor = load(folder.bundle)
    observer = judge.observer(predictor.manifest)
    looked_at = prepared.test or prepared.val
    if prepared.test:
        judged = collect(predictor, prepared.test, data.classes, each=observer.see)
    elif prepared.folds is None:
        answered = collect(predictor, prepared.val, data.classes, each=observer.see)
        answered = replace(answered, origin="validation")
        judged = _cross_fitted(judge, answered, raw, point, predictor.manifest.decision)
    else:
        # Every part was judged by a fold model that had not seen it.
        answered = replace(decided(table, point.rule), origin=table.origin)
        judged = _cross_fitted(judge, answered, raw, point, point.rule)
    judged.write(folder.predictions)
    summary = summarise(judged, predictor.manifest, seed=recipe.seed, judge=judge, observer=observer)
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
        sections=observer.sections(figures),
        exhibits=observer.exhibits(judged),
        truths={sample.path.as_posix(): sample for sample in looked_at},
    )
    write_summary(folder.report / "metrics.json", figures)
    return figures


def _cross_fitted(
    judge: TaskJudge, table: PredictionTable, raw: PredictionTable, point: OperatingPoint, rule: DecisionRule
) -> PredictionTable:
    """The answers of `table` as calibration and thresholds from other groups would have made them."""
    decisions = table.decisions if point.decisions is None else point.decisions
    if rule.distance_limit is not None:
        # Whatever the thresholds, these go to review.
        decisions = tuple(
            Decision.REVIEW if distance > rule.distance_limit else decision
            for decision, distance in zip(decisions, table.distances, strict=True)
        )
    # The bundle lists validation images among those that made it, and was not trained on them.
    unseen = np.zeros(len(table), dtype=np.bool_)
    return replace(judge.cross_fitted(table, raw), decisions=decisions, seen=unseen)


def _flattery(recipe: Recipe, task: TorchTask, data: FitData, prepared: Prepared, folder: RunFolder) -> Flattery | None:
    train = prepared.index.in_split("train")
    try:
        judged_classes(train)  # before the embeddings, which take their time
        found = probe(task.embed(data, fresh_backbone(recipe), data.train), train, seed=recipe.seed)
    except DataError as error:
        folder.say(str(error))
        return None
    folder.say(found.sentence)
    return found
