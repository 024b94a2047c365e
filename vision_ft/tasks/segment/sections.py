"""What segmentation adds to the report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vision_ft.evaluation.proportions import share
from vision_ft.evaluation.report.confusion_matrix import confusion_matrix
from vision_ft.evaluation.report.sections import Cell, Section, Table
from vision_ft.evaluation.report.shown import shown
from vision_ft.tasks.segment.overlap import MATCH, LabelledDefect

_SIZES = ("small", "medium", "large")


def sections(defects: Sequence[tuple[LabelledDefect, str]], titles: Sequence[str]) -> tuple[Section, ...]:
    """Labelled defects with their groups, found by thirds of their area, and what they were taken for."""
    if not defects:
        return ()
    counts = np.zeros((len(titles), len(titles) + 1), np.int64)
    for one, _ in defects:
        counts[one.label, len(titles) if one.answer is None else one.answer] += 1
    # The drawing takes a square; nothing is labelled nothing.
    square = np.vstack([counts, np.zeros((1, len(titles) + 1), np.int64)])
    return (
        Section(
            "sizes",
            "Defects found, by size",
            tables=(Table(("size in the original image", "defects", "found"), _by_size(defects)),),
            note=f"A defect is found where an answered one, of whatever class, overlaps it with an IoU of {MATCH:g} "
            "or more. The sizes are thirds of the labelled defects.",
        ),
        Section(
            "confusion",
            "What defects are taken for",
            drawings=(confusion_matrix(square, [*titles, "nothing"]),),
            note="Rows: labelled defects. Columns: the answered defect that overlaps each most; the last column holds "
            "missed ones.",
        ),
    )


def _by_size(defects: Sequence[tuple[LabelledDefect, str]]) -> tuple[tuple[Cell, ...], ...]:
    areas = np.array([one.area for one, _ in defects], dtype=np.int64)
    met = np.array([one.answer is not None for one, _ in defects], dtype=np.bool_)
    groups = np.array([group for _, group in defects], dtype=np.str_)
    edges = [0, *(int(one) for one in np.quantile(areas, (1 / 3, 2 / 3))), int(areas.max())]
    rows: list[tuple[Cell, ...]] = []
    for name, low, high in zip(_SIZES, edges, edges[1:], strict=False):
        own = (areas > low) & (areas <= high)
        if own.any():
            figure = share(met[own], groups[own], unit="defects", none="")
            rows.append((f"{name}, {low + 1} to {high} px", int(own.sum()), shown(figure, as_percent=True)))
    return tuple(rows)
