"""What is counted of answers on images of several classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.plain_manifest import plain_manifest
from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.decision import Decision
from vision_ft.bundle.defects import Defect, SegmentResult
from vision_ft.bundle.regions import Region
from vision_ft.bundle.results import Prediction
from vision_ft.data.index import Sample
from vision_ft.data.objects import ObjectLabel
from vision_ft.evaluation.table import PredictionTable
from vision_ft.tasks.segment.observer import SegmentObserver

CLASSES = (ClassInfo(id="good", good=True, background=True), ClassInfo(id="crack"), ClassInfo(id="hole"))
CRACK, HOLE = ObjectLabel("crack", (2, 2, 8, 8)), ObjectLabel("hole", (20, 20, 30, 26))


def _sample(part: str, shot: int, *objects: ObjectLabel) -> Sample:
    targets = tuple(one.target for one in objects) or ("good",)
    path = Path(f"/nowhere/{part}_{shot}.png")
    return Sample(path, targets, part, part, None, None, {}, path.name, 40, 32, objects)


def _table(samples: list[Sample]) -> PredictionTable:
    numbers = {one.id: number for number, one in enumerate(CLASSES)}
    count = len(samples)
    names = np.array([one.part for one in samples])
    return PredictionTable(
        classes=CLASSES,
        paths=np.array([one.path.as_posix() for one in samples]),
        targets=np.array([numbers[one.targets[0]] for one in samples], np.int64),
        probabilities=np.tile([1.0, 0.0, 0.0], (count, 1)),
        decisions=(Decision.PASS,) * count,
        distances=np.full(count, np.nan),
        parts=names,
        groups=names,
        seen=np.zeros(count, np.bool_),
    )


def _observer() -> SegmentObserver:
    return SegmentObserver(plain_manifest("segment", CLASSES, "labels"))


def _answer(*marked: tuple[str, tuple[int, int, int, int]]) -> Prediction:
    """An answer on an image of 40 x 32 pixels that marks whole rectangles."""
    numbers = {one.id: number for number, one in enumerate(CLASSES)}
    defects = []
    for label, (left, top, right, bottom) in marked:
        region = Region(numbers[label], left, top, np.ones((bottom - top, right - left), np.bool_), 0.9)
        defects.append(Defect(label, label, region))
    result = SegmentResult(tuple(defects), None, 40, 32)
    return Prediction("good", "", 1.0, Decision.PASS, (), 0.0, None, result, 40, 32, "1")


def test_figures_by_hand() -> None:
    samples = [_sample("a", 0, CRACK), _sample("a", 1), _sample("b", 0, HOLE), _sample("c", 0), _sample("d", 0)]
    answers = [
        _answer(("crack", (2, 2, 8, 5))),
        _answer(("crack", (0, 0, 40, 32))),
        _answer(),
        _answer(("hole", (0, 0, 8, 4))),
        _answer(),
    ]
    observer = _observer()
    for sample, answer in zip(samples, answers, strict=True):
        observer.see(sample, answer)
    found = observer.figures(_table(samples), seed=0)
    assert found["per_class"]["crack"]["iou"] == 0.5
    assert found["per_class"]["crack"]["dice"] == pytest.approx(2 / 3)
    assert found["mean_iou"] == 0.25
    # The crack is met, the hole is not.
    assert found["recall_per_defect"] == 0.5
    assert found["per_class"]["crack"]["recall_per_defect"] == 1.0
    assert found["per_class"]["hole"]["recall_per_defect"] == 0.0
    # The exposure of a cracked part on which no crack is labelled is none of a good part.
    assert found["false_alarm_area"] == pytest.approx(32 / (2 * 40 * 32))


def test_a_class_that_is_never_first_has_its_images_and_parts() -> None:
    samples = [
        _sample("a", 0, CRACK, HOLE),
        _sample("a", 1, CRACK, HOLE),
        _sample("b", 0, CRACK, HOLE),
        _sample("c", 0, CRACK),
        _sample("d", 0),
    ]
    observer = _observer()
    for sample in samples:
        observer.see(sample, _answer())
    by_class = observer.figures(_table(samples), seed=0)["per_class"]
    assert {name: (one["support"], one["parts"]) for name, one in by_class.items()} == {"crack": (4, 3), "hole": (3, 2)}
    assert by_class["hole"]["iou"] == 0.0
