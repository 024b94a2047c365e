"""`card.md`: what a person should know of a bundle before using it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vision_ft.bundle.manifest import Manifest
from vision_ft.bundle.tasks import bundle_task
from vision_ft.evaluation.names import figure_name
from vision_ft.evaluation.objective_words import objective_of, objective_words


def facts(manifest: Manifest) -> list[tuple[str, str]]:
    """What the model is and was trained on, as pairs of label and text."""
    stage, data = manifest.stage, manifest.data
    task = bundle_task(stage.task)
    size = f"{stage.input.width} x {stage.input.height} px, {stage.input.placement}"
    fit = stage.calibration
    if fit.fitted_on == "none":
        calibration = "none"
    else:
        calibration = (
            f"temperature {fit.temperature:.3f}, fitted on {fit.fitted_on} predictions "
            f"({fit.images} images, {fit.parts} parts)"
        )
    return [
        ("Bundle", f"{manifest.name}, version {manifest.version}"),
        ("Created", manifest.created),
        ("Task", stage.task),
        ("Backbone", stage.weights.backbone),
        ("Weights", f"{stage.weights.source}; licence {stage.weights.licence}"),
        ("Input", size),
        ("Calibration", calibration),
        ("Shown on the image", task.no_overlay(stage) or task.SHOWS),
        ("Training data", data.card or "no data card"),
        ("Training images", f"{data.images} images of {data.parts} parts"),
        ("Data fingerprint", data.fingerprint),
        ("Libraries", ", ".join(f"{name} {version}" for name, version in sorted(manifest.libraries.items())) or "-"),
    ]


def model_card(manifest: Manifest) -> str:
    """A model card in Markdown, from the manifest alone."""
    stage, data = manifest.stage, manifest.data
    lines = [f"# {manifest.name} {manifest.version}", ""]
    lines += ["| | |", "| --- | --- |", *(f"| {_cell(k)} | {_cell(v)} |" for k, v in facts(manifest)), ""]
    lines += ["## Classes", "", "| id | name | good | images | parts | assumed share |"]
    lines.append("| --- | --- | --- | ---: | ---: | ---: |")
    for one in stage.classes:
        prior = stage.prior.get(one.id)
        cells = (
            one.id,
            one.title,
            "yes" if one.good else "no",
            str(data.images_per_class.get(one.id, 0)),
            str(data.parts_per_class.get(one.id, 0)),
            "-" if prior is None else f"{prior:.3f}",
        )
        lines.append("| " + " | ".join(_cell(c) for c in cells) + " |")
    lines += ["", "## Objective", "", objective_words(objective_of(manifest.objective)), ""]
    lines += [f"- {finding}" for finding in manifest.findings]
    lines += ["", "## Decision", "", *(f"- {line}" for line in decision_lines(manifest)), ""]
    blocks = _metric_blocks(manifest.metrics)
    for name, block in blocks:
        lines += [f"## Figures: {name}", "", *_metrics(block), ""]
        lines += [*_classes(block), ""] if block.get("per_class") else []
    if not blocks:
        lines += ["## Figures", "", "None were measured.", ""]
    lines += [
        "## Limits",
        "",
        "The figures hold for parts, cameras and lighting like those that were measured. The model knows no class",
        "but those above. Of a class with few parts little is known, whatever the number of images.",
        "",
    ]
    return "\n".join(lines)


def decision_lines(manifest: Manifest) -> list[str]:
    """How an image and a part are decided, a sentence a line."""
    rule = manifest.decision
    lines = []
    if rule.pass_below is not None and rule.reject_from is not None:
        lines.append(f"The defect score is below {rule.pass_below:.4g}: pass. From {rule.reject_from:.4g} on: reject.")
        if rule.reject_from > rule.pass_below:
            lines.append("Between the two: review.")
    else:
        lines.append("The most probable class decides.")
        if rule.abstain_below is not None:
            lines.append(f"Its probability is below {rule.abstain_below:.2f}: review.")
    if rule.distance_limit is not None:
        lines.append(f"Unlike the training images (distance above {rule.distance_limit:.3f}): review.")
    lines.append("Of several images of a part, the worst decides.")
    return [*lines, *([rule.basis] if rule.basis else [])]


def _metric_blocks(metrics: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The blocks of figures in a manifest: those nested under what they were measured on, or the whole."""
    if "headline" in metrics:
        return [(str(metrics.get("origin", "measured")), metrics)]
    return [(name, block) for name, block in metrics.items() if isinstance(block, Mapping) and "headline" in block]


def _metrics(block: Mapping[str, Any]) -> list[str]:
    lines = [f"{block['images']} images of {block['parts']} parts.", ""] if {"images", "parts"} <= set(block) else []
    lines += ["| figure | value | 95 % interval |", "| --- | ---: | --- |"]
    for name in block["headline"]:
        value, title = block.get(name), figure_name(name).title
        if value is None:
            reason = block.get(f"{name}_reason")
            lines += [f"| {title} | - | {_cell(str(reason))} |"] if reason else []
            continue
        low, high = block.get(f"{name}_low"), block.get(f"{name}_high")
        span = f"{low:.3f} to {high:.3f}" if low is not None and high is not None else "-"
        lines.append(f"| {title} | {value:.3f} | {span} |")
    return lines


def _classes(block: Mapping[str, Any]) -> list[str]:
    figures = tuple(block["per_class_figures"])
    titles = [figure_name(name).title for name in figures]
    lines = ["| class | images | parts | " + " | ".join(titles) + " |"]
    lines.append("| --- | ---: | ---: |" + " --- |" * len(titles))
    for id_, entry in block["per_class"].items():
        cells = [str(entry.get("name", id_)), str(entry["support"]), str(entry["parts"])]
        cells += [_span(entry, figure) for figure in figures]
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return lines


def _span(entry: Mapping[str, Any], name: str) -> str:
    value, low, high = entry.get(name), entry.get(f"{name}_low"), entry.get(f"{name}_high")
    if value is None:
        return "-"
    return f"{value:.2f}" if low is None or high is None else f"{value:.2f} ({low:.2f} to {high:.2f})"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
