"""What detection adds to the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vision_ft.evaluation.report.confusion_matrix import confusion_matrix
from vision_ft.evaluation.report.sections import Section, Table
from vision_ft.tasks.detect.coco import SIZES

_PIXELS = {"small": "under 32 x 32 px", "medium": "32 x 32 to 96 x 96 px", "large": "above 96 x 96 px"}


def sections(summary: dict[str, Any], titles: Sequence[str]) -> tuple[Section, ...]:
    """Confusion with the background at the operating point, and average precision by size."""
    counts = np.array(summary["confusion"], dtype=np.int64)
    sizes = summary["map_by_size"]
    rows = tuple((f"{name} ({_PIXELS[name]})", "–" if sizes[name] is None else f"{sizes[name]:.2f}") for name in SIZES)
    shown = f"{summary['shown_from']:.2f}"
    return (
        Section(
            "confusion",
            "What is taken for what",
            text=f"Detections with a score of {shown} and above, matched to the object that they overlap most.",
            drawings=(confusion_matrix(counts, [*titles, "nothing"]),),
            note="Rows: labelled objects; the last row holds detections where nothing is labelled. "
            "Columns: what was answered; the last column holds missed objects.",
        ),
        Section(
            "sizes",
            "By size of the object",
            tables=(Table(("size in the original image", "mAP50-95"), rows),),
            note="Average precision over IoU 0.5 to 0.95 of the objects of a size. A dash: there are none.",
        ),
    )
