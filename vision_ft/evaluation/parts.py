"""From images to parts: what is decided together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.decision import worst
from vision_ft.evaluation.table import SEVERITY, PredictionTable


@dataclass(frozen=True)
class Parts:
    """P parts of a table. A part is bad when any of its images is; its score is its worst image's."""

    ids: NDArray[np.str_]
    """Part ids, sorted [P]."""
    of_image: NDArray[np.int64]
    """Index of each image's part [N]."""
    groups: NDArray[np.str_]
    """Group of each part [P]; of a part that straddles groups, that of its first image."""
    is_bad: NDArray[np.bool_]
    """Whether each part is defective [P]; all False where no class is good."""
    severity: NDArray[np.int64]
    """Decision on each part by its worst image: 0 pass, 1 review, 2 reject [P]."""
    scores: NDArray[np.float64]
    """Highest bad score among each part's images [P]; nan where no class is good."""

    def __len__(self) -> int:
        return len(self.ids)


def parts_of(table: PredictionTable) -> Parts:
    """Put the images of each part together."""
    ids, first, of_image = np.unique(table.parts, return_index=True, return_inverse=True)
    count = len(ids)
    is_bad = np.zeros(count, dtype=np.bool_)
    scores = np.full(count, np.nan)
    if table.is_bad is not None and table.bad_scores is not None:
        np.logical_or.at(is_bad, of_image, table.is_bad)
        scores = np.full(count, -np.inf)
        np.maximum.at(scores, of_image, table.bad_scores)
    severity = np.zeros(count, dtype=np.int64)
    order = {d: i for i, d in enumerate(SEVERITY)}
    images = np.split(np.argsort(of_image, kind="stable"), np.cumsum(np.bincount(of_image, minlength=count))[:-1])
    for part, rows in enumerate(images if count else []):
        severity[part] = order[worst(table.decisions[int(row)] for row in rows)]
    return Parts(ids, np.asarray(of_image, dtype=np.int64), table.groups[first], is_bad, severity, scores)
