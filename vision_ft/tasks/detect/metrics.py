"""Average precision of a validation pass during training: quick, and there to steer.

What is reported comes from the bundle and a COCO evaluator (see `judge`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vision_ft.tasks.detect.average_precision import Found, average_precision, matched

IOUS = (0.5, 0.75)
_TIE = 0.01


def validation_metrics(images: Sequence[Found], classes: int, loss: float) -> dict[str, float]:
    """Mean average precision at IoU 0.5 (`map_50`) and over 0.5 and 0.75 (`objective`), and the `loss`; nan-free.

    The loss breaks ties in the objective: where nothing is found yet, or validation shows no object, the first
    epoch would stay the best one.
    """
    if not images:
        return {"map_50": 0.0, "map_75": 0.0, "objective": -_TIE * loss, "loss": loss}
    means = []
    for iou in IOUS:
        found: list[NDArray[np.float64]] = []
        for label in range(classes):
            flags = [matched(one, label, iou) for one in images]
            total = sum(one.total for one in flags)
            if not total:
                continue
            scores = np.concatenate([one.scores for one in flags])
            right = np.concatenate([one.right for one in flags])
            ignored = np.concatenate([one.ignored for one in flags])
            weights = np.ones((1, len(scores)))
            found.append(average_precision(scores, right, ignored, weights, np.array([float(total)])))
        means.append(float(np.mean(found)) if found else 0.0)
    objective = means[0] + 0.25 * means[1] - _TIE * loss
    return {"map_50": means[0], "map_75": means[1], "objective": objective, "loss": loss}
