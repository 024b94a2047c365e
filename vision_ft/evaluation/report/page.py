"""Put the report together and write it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from vision_ft.bundle.manifest import Manifest
from vision_ft.bundle.predictor import Predictor
from vision_ft.data.index import Sample
from vision_ft.evaluation.card import decision_lines, facts
from vision_ft.evaluation.flattery import Flattery
from vision_ft.evaluation.judging import Exhibit
from vision_ft.evaluation.metrics import confusion, reliability
from vision_ft.evaluation.names import figure_name
from vision_ft.evaluation.objective_words import objective_of, objective_words
from vision_ft.evaluation.parts import parts_of
from vision_ft.evaluation.pictures import Pictures
from vision_ft.evaluation.report.confusion_matrix import confusion_matrix, frequent_confusions
from vision_ft.evaluation.report.curves import learning_curves, overfitting
from vision_ft.evaluation.report.exhibits import shown_exhibits
from vision_ft.evaluation.report.gallery import Loader, Overlay, mistakes
from vision_ft.evaluation.report.reliability import reliability_diagram
from vision_ft.evaluation.report.rows import class_rows, flattery_rows, key_figures, part_counts, slice_tables
from vision_ft.evaluation.report.scores import score_chart
from vision_ft.evaluation.report.sections import Section
from vision_ft.evaluation.report.unknowns import unknowns
from vision_ft.evaluation.table import PredictionTable
from vision_ft.evaluation.verdicts import judge_decisions

REPORT = "report.html"
_TITLES = {
    "bundle": "on parts that it has not seen",
    "validation": "on its validation parts",
    "out-of-fold": "judged out of fold",
}
_VERDICTS = {
    "met": "The objective is met",
    "not met": "The objective is not met",
    "undecidable": "Not decidable with so few parts",
    "no objective": "No objective was stated",
}


def write_report(
    folder: Path,
    *,
    manifest: Manifest,
    table: PredictionTable,
    summary: Mapping[str, Any],
    predictor: Predictor | None = None,
    images: Loader | None = None,
    overlay: Overlay | None = None,
    curves: Sequence[Mapping[str, Any]] | None = None,
    flattery: Flattery | None = None,
    title: str = "",
    most_mistakes: int = 48,
    sections: Sequence[Section] = (),
    exhibits: Sequence[Exhibit] = (),
    truths: Mapping[str, Sample] | None = None,
) -> Path:
    """Write `report.html` into `folder` and return its path. The page loads nothing from elsewhere.

    `table` holds held-out or out-of-fold predictions with the bundle's decisions, `summary`
    is `summarise(table, manifest)`, with `operating_point` added where the table is the very one
    that the thresholds were set on (then its cross-fitted findings are shown). With a
    `predictor` the misclassified images are shown with their heatmap; `images` and `overlay`
    give a path's picture without and with the evidence in its place. An image that cannot be
    read is named without a picture. Without `flattery`, the one that the bundle keeps is shown.
    `curves` has one row an epoch (see `curves.learning_curves`). `sections` and `exhibits` are
    what the task adds; the labels of the exhibits' paths are drawn from `truths`.
    """
    if predictor is not None:
        pictures = Pictures(predictor)
        images, overlay = images or pictures.image, overlay or pictures.overlay
    if flattery is None and isinstance(manifest.metrics.get("flattery"), Mapping):
        flattery = Flattery.from_json(manifest.metrics["flattery"])
    environment = Environment(
        loader=PackageLoader("vision_ft.evaluation.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    environment.filters["unbroken"] = lambda text: str(text).replace(" %", "\u00a0%")
    page = environment.get_template("report.html.j2").render(
        style=Markup(style),
        title=title or f"{manifest.name} {_TITLES[table.origin]}",
        **_objective(manifest, table, summary),
        **_figures(manifest, table, summary),
        **_mistakes(table, images, overlay, most_mistakes, by_label="accuracy" in summary),
        by_label="accuracy" in summary,
        sections=sections,
        exhibits=shown_exhibits(exhibits, truths or {}, table.classes, images, overlay),
        class_figures=[(figure_name(n).title, figure_name(n).meaning) for n in summary["per_class_figures"]],
        curves=learning_curves(curves or ()),
        overfitting=overfitting(curves or ()),
        flattery=flattery,
        flattery_rows=flattery_rows(flattery),
        unknown=unknowns(manifest, table, summary),
        facts=facts(manifest),
        decision=decision_lines(manifest),
        manifest=manifest,
        summary=summary,
        table=table,
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / REPORT
    path.write_text(page, encoding="utf-8")
    return path


def _objective(manifest: Manifest, table: PredictionTable, summary: Mapping[str, Any]) -> dict[str, Any]:
    objective = objective_of(manifest.objective)
    set_here = summary.get("operating_point") if table.origin != "bundle" else None
    if set_here:
        # Judged at the final thresholds, the parts that these were chosen on would flatter.
        verdict, findings = set_here["verdict"], tuple(set_here["findings"])
    else:
        verdict, findings = judge_decisions(table, objective)
    if verdict == "no objective":
        findings = tuple(manifest.findings) or findings
    return {
        "verdict": verdict,
        "verdict_title": _VERDICTS[verdict],
        "findings": findings,
        "objective_words": objective_words(objective) if objective.stated else "",
        "earlier_findings": [f for f in manifest.findings if f not in findings],
    }


def _figures(manifest: Manifest, table: PredictionTable, summary: Mapping[str, Any]) -> dict[str, Any]:
    names = [c.title for c in table.classes]
    counts = confusion(table)
    parts = parts_of(table)
    judged = table.is_bad is not None and bool(parts.is_bad.any() or not all(table.good))
    return {
        "keys": key_figures(summary),
        "classes": class_rows(summary),
        "confusion": confusion_matrix(counts, names),
        "confusions": frequent_confusions(counts, names),
        "part_counts": part_counts(parts) if judged else [],
        "scores": score_chart(parts, manifest.decision) if judged and len(parts) else None,
        "reliability": reliability_diagram(reliability(table)),
        "slices": slice_tables(summary),
    }


def _mistakes(
    table: PredictionTable, images: Loader | None, overlay: Overlay | None, most: int, *, by_label: bool
) -> dict[str, Any]:
    shown = mistakes(table, images, overlay, most=most) if by_label else []
    return {"mistakes": shown, "mistake_count": int((table.labels != table.targets).sum())}
