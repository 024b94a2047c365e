"""`metrics.json`: every figure with its interval, in one flat and strict JSON object."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vision_ft.bundle.manifest import Manifest
from vision_ft.evaluation.escape import escapes
from vision_ft.evaluation.figures import Figure, missing
from vision_ft.evaluation.intervals import REPLICATES, bootstrap
from vision_ft.evaluation.judging import Observer, TaskJudge
from vision_ft.evaluation.objective_words import objective_of
from vision_ft.evaluation.proportions import LEVEL, share
from vision_ft.evaluation.table import PredictionTable
from vision_ft.evaluation.verdicts import judge_decisions

HEADLINE = (
    "escape_rate", "overkill_rate", "review_share", "balanced_accuracy", "macro_f1", "accuracy", "ece", "out_of_scope",
)  # fmt: skip
"""Figures that are shown first where an image has one label."""
PER_CLASS = ("precision", "recall", "f1")
_OVERALL = ("accuracy", "balanced_accuracy", "macro_f1", "ece", "nll", "brier")
_SLICE_FIGURES = ("accuracy", "balanced_accuracy", "macro_f1")
_SLICE_VALUES = 30
"""More values than this make no slice: a serial number is none."""


def summarise(
    table: PredictionTable,
    manifest: Manifest | None = None,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
    judge: TaskJudge | None = None,
    observer: Observer | None = None,
) -> dict[str, Any]:
    """Every figure of a table as strict JSON.

    Where an image has one label, which is what is assumed without a `judge`, these are:

    Keys: `images`, `parts`, `groups`, `origin`, `bundle` and `bundle_version`, `seen_images`;
    `accuracy`, `balanced_accuracy`, `macro_f1`, `ece`, `nll`, `brier`, `escape_rate`,
    `overkill_rate`, `review_share`, `out_of_scope`, each with `_low` and `_high` (two-sided
    95 %), `_method`, where it is a rate by count `_numerator` and `_denominator`, and where it
    is null `_reason`; `per_class` by id with `precision`, `recall`, `f1` (each with the same),
    `support` (images) and `parts`; `slices` by name and value; `objective` with `verdict` and
    `findings`, where a manifest states one; `notes`, sentences on what the figures cannot say.

    Of other tasks the figures of an image's label are left out, and those of the task's observer
    take their place. `headline` and `per_class_figures` name what is shown first.
    `out_of_scope` is the share of images beyond the manifest's distance limit.
    """
    rates = escapes(table)
    seen = int(table.seen.sum())
    summary: dict[str, Any] = {
        "images": len(table),
        "parts": len(np.unique(table.parts)),
        "groups": len(np.unique(table.groups)),
        "origin": table.origin,
        "bundle": manifest.name if manifest else None,
        "bundle_version": manifest.version if manifest else None,
        "interval_level": LEVEL,
        "seen_images": seen,
        "seen_share": seen / len(table) if len(table) else None,
    }
    summary["task"] = manifest.stage.task if manifest else None
    summary |= rates.escape_rate.to_json("escape_rate")
    summary |= rates.overkill_rate.to_json("overkill_rate")
    summary |= rates.review_share.to_json("review_share")
    summary |= _out_of_scope(table, manifest).to_json("out_of_scope")
    by_label = judge is None or judge.image_level
    if by_label:
        summary |= _by_label(table, replicates, seed)
    if judge is not None:
        summary |= {"headline": list(judge.headline), "per_class_figures": list(judge.per_class)}
    if observer is not None:
        summary |= observer.figures(table, seed=seed)
    summary["slices"] = _slices(table, replicates, seed, _SLICE_FIGURES if by_label else ())
    if manifest is not None:
        verdict, findings = judge_decisions(table, objective_of(manifest.objective))
        summary["objective"] = {"verdict": verdict, "findings": list(findings)}
    summary["notes"] = _notes(table, summary)
    return summary


def _by_label(table: PredictionTable, replicates: int, seed: int) -> dict[str, Any]:
    """The figures of images that have one label."""
    intervals = bootstrap(table, replicates=replicates, seed=seed)
    found: dict[str, Any] = {"headline": list(HEADLINE), "per_class_figures": list(PER_CLASS), "per_class": {}}
    for name in _OVERALL:
        found |= intervals.overall[name].to_json(name)
    for number, one in enumerate(table.classes):
        mine = table.targets == number
        entry: dict[str, Any] = {"name": one.title, "good": one.good}
        for name in PER_CLASS:
            entry |= intervals.per_class[name][number].to_json(name)
        entry |= {"support": int(mine.sum()), "parts": len(np.unique(table.parts[mine]))}
        found["per_class"][one.id] = entry
    return found


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    """Write a summary as strict JSON (no NaN, no infinity)."""
    text = json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


def _out_of_scope(table: PredictionTable, manifest: Manifest | None) -> Figure:
    limit = manifest.decision.distance_limit if manifest else None
    if limit is None:
        return missing("no distance limit is set", "images")
    known = ~np.isnan(table.distances)
    return share(
        np.asarray(table.distances[known] > limit), table.groups[known], unit="images", none="no image has a distance"
    )


def _slices(table: PredictionTable, replicates: int, seed: int, figures: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, values in table.slices.items():
        present = [str(value) for value in np.unique(values) if value]
        if not present or len(present) > _SLICE_VALUES:
            continue
        found[name] = {}
        for value in present:
            piece = table.select(values == value)
            rates = escapes(piece)
            entry: dict[str, Any] = {"images": len(piece), "parts": len(np.unique(piece.parts))}
            if figures:
                intervals = bootstrap(piece, replicates=replicates, seed=seed)
                for figure in figures:
                    entry |= intervals.overall[figure].to_json(figure)
            entry |= rates.escape_rate.to_json("escape_rate")
            entry |= rates.overkill_rate.to_json("overkill_rate")
            found[name][value] = entry
    return found


def _notes(table: PredictionTable, summary: dict[str, Any]) -> list[str]:
    notes = []
    if summary["seen_images"]:
        notes.append(
            f"{summary['seen_images']} of {len(table)} images were used to train this model: the figures flatter it. "
            "Leave them out for an honest figure."
        )
    listed = summary.get("per_class", {})
    # An image may show several classes, of which the table knows the first; and means are over those that are listed.
    absent = [
        c.title
        for i, c in enumerate(table.classes)
        if not (listed[c.id]["support"] if c.id in listed else (table.targets == i).any() or c.background)
    ]
    if absent and len(table):
        notes.append(f"No image of {', '.join(absent)}: means over classes leave them out, unless they were answered.")
    return notes
