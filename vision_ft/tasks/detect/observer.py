"""What detection keeps of each answer, and the figures that come of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from vision_ft.bundle.boxes import overlaps, shares_within
from vision_ft.bundle.classes import object_classes
from vision_ft.bundle.manifest import Calibration, Manifest
from vision_ft.bundle.results import Prediction
from vision_ft.bundle.tasks.detect import DetectResult, read_options
from vision_ft.data.index import Sample
from vision_ft.data.object_masks import boxes_of
from vision_ft.evaluation.figures import Figure, finite, missing
from vision_ft.evaluation.judging import Exhibit
from vision_ft.evaluation.platt import apply_platt
from vision_ft.evaluation.proportions import share
from vision_ft.evaluation.report.sections import Section
from vision_ft.evaluation.table import PredictionTable
from vision_ft.tasks.detect.average_precision import Found, matched
from vision_ft.tasks.detect.coco import coco_figures
from vision_ft.tasks.detect.exhibits import exhibits
from vision_ft.tasks.detect.resampled import NO_OBJECT, draw, figures
from vision_ft.tasks.detect.sections import sections

MATCH = 0.5
"""Overlap from which a detection meets an object."""


class DetectObserver:
    """See `evaluation.judging.Observer`."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self.classes = object_classes(manifest.classes)
        self._number = {one.id: number for number, one in enumerate(self.classes)}
        self._most = read_options(manifest.stage.options).max_detections
        self.images: list[Found] = []
        self.groups: list[str] = []
        self.paths: list[str] = []
        self.shown_from = 0.5
        self._in_two = len(manifest.stages) > 1

    def see(self, sample: Sample, prediction: Prediction) -> None:
        """Keep the boxes of the labels and of the answer."""
        result = prediction.result
        assert isinstance(result, DetectResult)
        truth, labels, ignored = boxes_of(sample, self._manifest.classes)
        self.images.append(
            Found(
                truth,
                labels,
                ignored,
                np.array([one.box for one in result.every], dtype=np.float64).reshape(-1, 4),
                np.array([self._number[one.label] for one in result.every], dtype=np.int64),
                np.array([one.score for one in result.every], dtype=np.float64),
                np.array([one.presence for one in result.every], dtype=np.float64) if self._in_two else None,
            )
        )
        self.groups.append(sample.group)
        self.paths.append(sample.path.as_posix())
        self.shown_from = result.shown_from

    def rescale(self, calibration: Calibration) -> None:
        """Calibrate the scores of what was seen."""
        self.images = [
            replace(one, scores=apply_platt(one.scores, calibration.temperature, calibration.offset))
            for one in self.images
        ]

    def figures(self, table: PredictionTable, *, seed: int) -> dict[str, Any]:
        """COCO's average precision, recall and precision of the detections that count, by class and in all."""
        count = len(self.classes)
        groups = np.array(self.groups, dtype=np.str_)
        # Of an image in tiles there may be more than the graph gives of one; COCO's evaluator counts 10 in any case.
        most = max(10, self._most, *(len(one.boxes) for one in self.images))
        coco = coco_figures(self.images, count, most)
        draws = draw(self.images, groups, count, seed=seed)
        map_50, ap_50 = figures(coco.map_50, coco.ap_50, draws, draws.ap_50)
        map_75, _ = figures(coco.map_75, coco.ap_75, draws, draws.ap_75)
        map_all, ap_all = figures(coco.map, coco.ap, draws, draws.ap)
        found: dict[str, Any] = {"matched_at_iou": MATCH, "shown_from": self.shown_from}
        found |= map_50.to_json("map_50") | map_all.to_json("map") | map_75.to_json("map_75")
        found["map_by_size"] = {name: finite(value) for name, value in coco.by_size.items()}
        every: list[tuple[Figure, Figure]] = []
        found["per_class"] = {}
        for number, one in enumerate(self.classes):
            recall, precision = self._operating(groups, [number])
            every.append((recall, precision))
            mine = np.array([bool(((im.truth_labels == number) & ~im.ignored).any()) for im in self.images], np.bool_)
            entry: dict[str, Any] = {"name": one.title, "good": one.good}
            entry |= ap_50[number].to_json("ap_50") | ap_all[number].to_json("ap")
            entry |= recall.to_json("recall") | precision.to_json("precision")
            entry |= {
                "support": int(mine.sum()),
                "parts": len(np.unique(table.parts[mine])) if len(table) else 0,
                "objects": int(sum(((im.truth_labels == number) & ~im.ignored).sum() for im in self.images)),
            }
            found["per_class"][one.id] = entry
        recall, precision = self._operating(groups, list(range(count)))
        found |= recall.to_json("object_recall") | precision.to_json("object_precision")
        found["confusion"] = self._confusion().tolist()
        return found

    def _operating(self, groups: np.ndarray[Any, np.dtype[np.str_]], labels: list[int]) -> tuple[Figure, Figure]:
        """Recall and precision of the detections that count."""
        hits, hit_groups, rights, right_groups = [], [], [], []
        for image, group in zip(self.images, groups, strict=True):
            for label in labels:
                flags = matched(image, label, MATCH, from_score=self.shown_from)
                hits.append(flags.hit)
                hit_groups += [str(group)] * len(flags.hit)
                rights.append(flags.right[~flags.ignored])
                right_groups += [str(group)] * int((~flags.ignored).sum())
        none = np.zeros(0, np.bool_)
        hit, right = np.concatenate([*hits, none]), np.concatenate([*rights, none])
        return (
            share(hit, np.array(hit_groups, np.str_), unit="objects", none=NO_OBJECT)
            if len(hit)
            else missing(NO_OBJECT, "objects"),
            share(right, np.array(right_groups, np.str_), unit="detections", none="nothing was detected")
            if len(right)
            else missing("nothing was detected", "detections"),
        )

    def _confusion(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Counts [C + 1, C + 1] of objects (rows, last: nothing) and detections (columns, last: missed).

        Detections that count are matched, best first, to the object that they overlap most, whatever its class.
        """
        count = len(self.classes)
        matrix = np.zeros((count + 1, count + 1), np.int64)
        for image in self.images:
            real = ~image.ignored
            truth, labels = image.truth[real], image.truth_labels[real]
            shown = np.flatnonzero(image.counting >= self.shown_from)
            free = np.ones(len(truth), np.bool_)
            near = overlaps(image.boxes, truth)
            crowd = shares_within(image.boxes, image.truth[~real])
            for row in shown[np.argsort(-image.scores[shown], kind="stable")]:
                best = np.where(free, near[row], -1.0)
                if len(best) and best.max() >= MATCH:
                    free[int(best.argmax())] = False
                    matrix[labels[int(best.argmax())], image.labels[row]] += 1
                elif not (crowd.shape[1] and crowd[row].max() >= MATCH):
                    matrix[count, image.labels[row]] += 1
            matrix[:, count] += np.bincount(labels[free], minlength=count + 1)
        return matrix

    def sections(self, summary: dict[str, Any]) -> tuple[Section, ...]:
        """Confusion with the background, and average precision by size."""
        return sections(summary, [one.title for one in self.classes])

    def exhibits(self, table: PredictionTable) -> tuple[Exhibit, ...]:
        """Misses and false alarms first."""
        return exhibits(self.images, self.paths, [one.title for one in self.classes], self.shown_from)
