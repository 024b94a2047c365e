"""What segmentation keeps of each answer, and the figures that come of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.classes import object_classes
from vision_ft.bundle.defects import SegmentResult
from vision_ft.bundle.manifest import Manifest
from vision_ft.bundle.results import Prediction
from vision_ft.data.index import Sample
from vision_ft.data.object_masks import known_mask
from vision_ft.evaluation.figures import Figure
from vision_ft.evaluation.judging import Exhibit
from vision_ft.evaluation.proportions import share
from vision_ft.evaluation.report.sections import Section
from vision_ft.evaluation.table import PredictionTable
from vision_ft.tasks.segment.exhibits import exhibits
from vision_ft.tasks.segment.overlap import MATCH, Overlap, overlap
from vision_ft.tasks.segment.resampled import area_figures, area_share
from vision_ft.tasks.segment.sections import sections

_NO_DEFECT = "no defect is labelled"


class SegmentObserver:
    """See `evaluation.judging.Observer`."""

    def __init__(self, manifest: Manifest) -> None:
        self._classes = manifest.classes
        self._objects = object_classes(manifest.classes)
        self.images: list[Overlap] = []
        self._samples: list[tuple[str, str, str, str]] = []
        """Path, first target, part and group of each image."""

    def see(self, sample: Sample, prediction: Prediction) -> None:
        """Keep the areas by class, and which labelled defects were met."""
        result = prediction.result
        assert isinstance(result, SegmentResult)
        truth = known_mask(sample, self._classes)
        found = [one.region for one in result.defects]
        self.images.append(overlap(truth, result.label_map(), found, len(self._objects)))
        self._samples.append((sample.path.as_posix(), sample.targets[0], sample.part, sample.group))

    def figures(self, table: PredictionTable, *, seed: int) -> dict[str, Any]:
        """Overlap by class over the defective images, labelled defects that were met, and false alarms by area."""
        targets, parts, groups = (self._column(number) for number in (1, 2, 3))
        objects = np.array([one.id for one in self._objects], dtype=np.str_)
        defective = np.isin(targets, objects)
        shown = [image for image, bad in zip(self.images, defective, strict=True) if bad]
        areas = area_figures(shown, groups[defective], len(objects), seed=seed)
        found: dict[str, Any] = {"matched_at_iou": MATCH}
        found |= areas.mean_iou.to_json("mean_iou") | areas.mean_dice.to_json("mean_dice")
        found |= self._recall(range(len(objects))).to_json("recall_per_defect")
        found |= self._false_alarms(groups, seed).to_json("false_alarm_area")
        found["per_class"] = {}
        for number, one in enumerate(self._objects):
            # An image of several classes counts for each of them, as its areas do.
            mine = np.array([bool(image.labelled[number] > 0) for image in self.images], dtype=np.bool_)
            entry: dict[str, Any] = {"name": one.title, "good": one.good}
            entry |= areas.iou[number].to_json("iou") | areas.dice[number].to_json("dice")
            entry |= self._recall([number]).to_json("recall_per_defect")
            entry |= {"support": int(mine.sum()), "parts": len(np.unique(parts[mine]))}
            found["per_class"][one.id] = entry
        return found

    def sections(self, summary: dict[str, Any]) -> tuple[Section, ...]:
        """Defects found by size, and what is taken for what."""
        defects = [
            (one, row[3]) for image, row in zip(self.images, self._samples, strict=True) for one in image.defects
        ]
        return sections(defects, [one.title for one in self._objects])

    def exhibits(self, table: PredictionTable) -> tuple[Exhibit, ...]:
        """Misses and false alarms first, then the worst and the best overlaps."""
        return exhibits(self.images, self._column(0).tolist(), [one.title for one in self._objects])

    def _column(self, number: int) -> NDArray[np.str_]:
        return np.array([row[number] for row in self._samples], dtype=np.str_)

    def _recall(self, labels: Sequence[int]) -> Figure:
        met = [
            (one.answer is not None, row[3])
            for image, row in zip(self.images, self._samples, strict=True)
            for one in image.defects
            if one.label in labels
        ]
        events = np.array([hit for hit, _ in met], dtype=np.bool_)
        return share(events, np.array([group for _, group in met], np.str_), unit="defects", none=_NO_DEFECT)

    def _false_alarms(self, groups: NDArray[np.str_], seed: int) -> Figure:
        """Of good parts: an exposure that shows no defect of a part that has one is none of them."""
        good_ids = {one.id for one in self._classes if one.good}
        defective = np.array(
            [row[1] not in good_ids or im.labelled.any() for im, row in zip(self.images, self._samples, strict=True)],
            dtype=np.bool_,
        )
        parts = self._column(2)
        good = ~np.isin(parts, parts[defective])
        chosen = [image for image, one in zip(self.images, good, strict=True) if one]
        marked = np.array([int(image.answered.sum()) for image in chosen], dtype=np.int64)
        return area_share(marked, np.array([image.pixels for image in chosen], np.int64), groups[good], seed=seed)
