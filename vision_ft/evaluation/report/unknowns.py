"""What a report cannot know, said plainly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vision_ft.bundle.manifest import Manifest
from vision_ft.evaluation.sentences import plural
from vision_ft.evaluation.table import PredictionTable

FEW_PARTS = 10
"""Below this many parts, a class's figures are a first impression."""


def unknowns(manifest: Manifest, table: PredictionTable, summary: Mapping[str, Any]) -> list[str]:
    """Sentences on what the figures leave open, the gravest first."""
    found = [str(note) for note in summary.get("notes", ())]
    found += _classes(table, summary)
    found += _labels(table)
    if table.is_bad is None:
        found.append("No class is declared good, so nothing is said about escapes and overkill.")
    if len(table) > 1 and len(np.unique(table.groups)) == len(table):
        found.append(
            "Each image counts as a part of its own. If several images show one part or its neighbours, "
            "the figures flatter and the intervals are too narrow."
        )
    if table.origin == "out-of-fold":
        found.append(
            "The predictions come from models of the folds, each trained without the parts that it judged; "
            "the shipped model was trained on all of them, and on these parts it cannot be judged."
        )
        found.append(
            "Whether fine-tuning is kept, and how strongly the linear probe is held back, were decided once on these "
            "parts together: that choice flatters a little."
        )
        found.append("How many images would go to review for being unlike the training images is not counted here.")
    if table.origin == "validation":
        found.append(_set_here(manifest, summary))
    found += _slices(summary)
    fit = manifest.stage.calibration
    if fit.fitted_on == "none":
        found.append("The probabilities were not calibrated.")
    elif fit.parts < 2 * FEW_PARTS:
        found.append(f"The probabilities were calibrated on {plural(fit.parts, 'part', 'parts')} only.")
    if manifest.decision.distance_limit is None:
        found.append("No distance limit is set: an image of something else gets a verdict like any other.")
    if manifest.stage.weights.licence in ("", "unknown"):
        found.append("The licence of the backbone's weights is not known.")
    found.append(
        "Precision, accuracy and the share of reviews hold for the mix of classes measured here. "
        "On a line with another share of defects they are different; recall, escape and overkill rate are not."
    )
    found.append("Other products, cameras, lighting or defects than those measured here were not tried.")
    return found


def _set_here(manifest: Manifest, summary: Mapping[str, Any]) -> str:
    """What the validation parts have chosen, and what of it is undone by cross-fitting."""
    thresholds = manifest.decision.pass_below is not None
    # The figure after calibration is that of other groups' calibrations; without such there is none.
    temperature_crossed = manifest.stage.calibration.nll_after is not None
    thresholds_crossed = (summary.get("operating_point") or {}).get("judged") == "cross-fitted"
    chosen = "the epoch, the temperature and the thresholds" if thresholds else "the epoch and the temperature"
    if temperature_crossed and thresholds_crossed:
        rest = "Temperature and thresholds are cross-fitted here, the choice of the epoch flatters a little."
    elif temperature_crossed and not thresholds:
        rest = "The temperature is cross-fitted here, the choice of the epoch flatters a little."
    elif temperature_crossed:
        rest = "The temperature is cross-fitted here. The thresholds are not: what they decide flatters."
    elif thresholds_crossed:
        rest = (
            "The verdicts on parts are cross-fitted here. What else is counted from a threshold on is counted at the "
            "one that was set on these very parts: that flatters, as does the choice of the epoch."
        )
    else:
        rest = "Nothing of this is cross-fitted here: what is counted from a threshold on flatters most."
    return f"No part was held back for a test: these parts have chosen {chosen}. {rest}"


def _classes(table: PredictionTable, summary: Mapping[str, Any]) -> list[str]:
    few = [
        f"{entry['name']} ({plural(entry['parts'], 'part', 'parts')})"
        for entry in summary["per_class"].values()
        if 0 < entry["parts"] < FEW_PARTS
    ]
    if not few:
        return []
    head = f"Of classes with fewer than {FEW_PARTS} parts little is known, whatever the number of images"
    return [f"{head}: {', '.join(few)}."]


def _labels(table: PredictionTable) -> list[str]:
    pairs = np.unique(np.stack([np.unique(table.parts, return_inverse=True)[1], table.targets], axis=1), axis=0)
    several = int((np.bincount(pairs[:, 0]) > 1).sum()) if len(pairs) else 0
    if not several:
        return []
    verb = "carries" if several == 1 else "carry"
    return [
        f"{plural(several, 'part', 'parts')} {verb} more than one class over their images. "
        "That may be right, or a wrong label; such labels bound what any model can reach."
    ]


def _slices(summary: Mapping[str, Any]) -> list[str]:
    slices = summary.get("slices") or {}
    if not slices:
        return ["No slices (camera, line, shift) are known: a weak spot in one of them would not show."]
    few = [
        f"{name} {value} ({plural(entry['parts'], 'part', 'parts')})"
        for name, values in slices.items()
        for value, entry in values.items()
        if entry["parts"] < FEW_PARTS
    ]
    return [f"Slices with few parts: {', '.join(few)}."] if few else []
