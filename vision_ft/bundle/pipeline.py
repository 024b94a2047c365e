"""Two stages as one model: the first finds where something is, the second says what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.decision import DecisionRule
from vision_ft.bundle.folder import Bundle
from vision_ft.bundle.manifest import CropSpec
from vision_ft.bundle.results import Prediction
from vision_ft.bundle.stage import Infer, Prepared, StageRunner
from vision_ft.bundle.tasks import Context, Locating
from vision_ft.errors import ManifestError

CROP_BATCH = 16
"""Crops in one run of the second graph."""


class Pipeline:
    """A bundle of two stages at work; it answers like a `StageRunner`."""

    def __init__(self, bundle: Bundle, *, device: str = "auto", threads: int | None = None) -> None:
        # The first stage's own verdict is of no use: what is found is judged once it has a name.
        self.first = StageRunner(bundle, 0, rule=DecisionRule(), device=device, threads=threads)
        self.second = StageRunner(bundle, 1, rule=DecisionRule(), device=device, threads=threads)
        for name in ("regions", "named"):
            if not hasattr(self.first.task, name):
                raise ManifestError(
                    f"{bundle.path}, first stage", expected="a task that finds boxes", got=self.first.stage.task
                )
        crop = bundle.manifest.stages[1].crop
        assert crop is not None, "the manifest has been checked"
        self._crop: CropSpec = crop
        self._context = Context(bundle.manifest.stage, bundle.manifest.decision, bundle.manifest.version)

    def answer(
        self,
        images: Sequence[Prepared],
        reference: NDArray[np.float32] | None,
        infer: Infer | None = None,
        infer_crops: Infer | None = None,
        *,
        most_views: int | None = None,
    ) -> tuple[list[Prediction], float]:
        """Predictions on prepared images, and the seconds that the graphs took.

        `infer` and `infer_crops` run in the place of the two graphs, with `most_views` views or crops at most.
        """
        task = cast(Locating, self.first.task)
        found, seconds = self.first.answer(images, reference, infer, most_views=most_views)
        crops: list[Prepared] = []
        counts = []
        for image, prediction in zip(images, found, strict=True):
            assert image.image is not None, "kept for the second stage"
            boxes = [box for score, box in task.regions(prediction) if score >= self._crop.score_from]
            boxes = boxes[: self._crop.most]
            counts.append(len(boxes))
            for box in boxes:
                left, top, right, bottom = crop_around(box, prediction.width, prediction.height, self._crop)
                piece = np.ascontiguousarray(image.image[top:bottom, left:right])
                crops.append(replace(self.second.prepare(piece, keep_image=False), image=None))
        answers: list[Prediction] = []
        size = crops_at_once(most_views)
        for start in range(0, len(crops), size):
            some, more = self.second.answer(crops[start : start + size], None, infer_crops)
            answers += some
            seconds += more
        named, at = [], 0
        for prediction, count in zip(found, counts, strict=True):
            named.append(task.named(self._context, prediction, answers[at : at + count]))
            at += count
        return named, seconds


def crops_at_once(most_views: int | None) -> int:
    """Crops in one run of the second graph, of which no run may have more than `most_views`."""
    return max(1, min(CROP_BATCH, most_views or CROP_BATCH))


def crop_around(
    box: tuple[float, float, float, float], width: int, height: int, spec: CropSpec
) -> tuple[int, int, int, int]:
    """Left, top, right, bottom in whole pixels of what is cut out of an image of this size; a pixel at least."""
    left, top, right, bottom = box
    across, down = right - left, bottom - top
    margin = spec.margin * max(across, down)
    if spec.square:
        side = max(across, down)
        across = down = side
    x, y = (left + right) / 2, (top + bottom) / 2
    low = (max(0, round(x - across / 2 - margin)), max(0, round(y - down / 2 - margin)))
    high = (min(width, round(x + across / 2 + margin)), min(height, round(y + down / 2 + margin)))
    left_px, top_px = min(low[0], width - 1), min(low[1], height - 1)
    return left_px, top_px, max(left_px + 1, high[0]), max(top_px + 1, high[1])
