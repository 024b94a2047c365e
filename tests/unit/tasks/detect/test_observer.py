"""Figures of detection at their edges: many objects, regions that are ignored, many detections."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.manifest import DataInfo, InputSpec, Manifest, Stage, Weights
from vision_ft.tasks.detect import resampled
from vision_ft.tasks.detect.average_precision import Found
from vision_ft.tasks.detect.observer import DetectObserver
from vision_ft.tasks.detect.resampled import draw

CLASSES = (ClassInfo(id="good", good=True, background=True), ClassInfo(id="ball"))


def _observer(most: int, *images: Found) -> DetectObserver:
    stage = Stage(
        task="detect",
        classes=CLASSES,
        input=InputSpec(height=64, width=64),
        outputs=("boxes", "scores", "labels", "counts", "embeddings"),
        weights=Weights(backbone="none", source="none"),
        options={"name": "detect", "max_detections": most},
    )
    data = DataInfo(fingerprint="", images=0, parts=0)
    observer = DetectObserver(Manifest(name="m", version="1", created="", stages=(stage,), data=data))
    for number, image in enumerate(images):
        observer.images.append(image)
        observer.groups.append(f"g{number}")
        observer.paths.append(f"{number}.png")
    return observer


def _found(truth: NDArray[np.float64], boxes: NDArray[np.float64], ignored: bool = False) -> Found:
    zeros = np.zeros(len(truth), np.int64)
    scores = np.linspace(0.99, 0.6, len(boxes))
    return Found(truth, zeros, zeros.astype(bool) | ignored, boxes, np.zeros(len(boxes), np.int64), scores)


def _grid(count: int) -> NDArray[np.float64]:
    corner = np.stack([np.arange(count) % 20, np.arange(count) // 20], axis=1) * 30.0
    return np.concatenate([corner, corner + 20.0], axis=1)


@pytest.mark.parametrize(("most", "count"), [(100, 150), (5, 8)])
def test_more_objects_than_the_graph_gives_of_one_tile_are_all_counted(most: int, count: int) -> None:
    boxes = _grid(count)
    nobody: NDArray[np.int64] = np.zeros(0, np.int64)
    figures = _observer(most, _found(boxes, boxes)).figures(nobody, seed=0)  # type: ignore[arg-type]
    assert figures["map_50"] == pytest.approx(1.0)
    assert figures["object_recall"] == 1.0


def test_what_lies_in_an_ignored_region_is_no_false_alarm() -> None:
    region, inside = np.array([[0.0, 0, 1000, 1000]]), np.array([[100.0, 100, 150, 150]])
    assert _observer(100, _found(region, inside, ignored=True))._confusion().tolist() == [[0, 0], [0, 0]]
    assert _observer(100, _found(region, inside + 2000.0, ignored=True))._confusion().tolist() == [[0, 0], [1, 0]]


def test_draws_are_the_same_however_many_are_weighed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    images = [_found(_grid(5), _grid(5) + rng.normal(0, 4, (5, 1))) for _ in range(6)]
    groups = np.array([f"g{n // 2}" for n in range(6)], np.str_)
    whole = draw(images, groups, 1, seed=0)
    monkeypatch.setattr(resampled, "_AT_ONCE", 100)
    parts = draw(images, groups, 1, seed=0)
    np.testing.assert_array_equal(whole.ap, parts.ap)
    assert np.isfinite(whole.ap).all()
