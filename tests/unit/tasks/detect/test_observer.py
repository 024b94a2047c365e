"""Figures of detection at their edges: many objects, regions that are ignored, many detections."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.manifest import DataInfo, InputSpec, Manifest, Stage, Weights
from vision_ft.evaluation.proportions import clopper_pearson
from vision_ft.tasks.detect import resampled
from vision_ft.tasks.detect.average_precision import Found
from vision_ft.tasks.detect.observer import DetectObserver
from vision_ft.tasks.detect.resampled import draw

CLASSES = (ClassInfo(id="good", good=True, background=True), ClassInfo(id="ball"))
NOBODY: NDArray[np.int64] = np.zeros(0, np.int64)
ONE_BOX = np.array([[10.0, 10, 50, 50]])


def _observer(most: int, *images: Found, classes: tuple[ClassInfo, ...] = CLASSES) -> DetectObserver:
    stage = Stage(
        task="detect",
        classes=classes,
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


def _found(
    truth: NDArray[np.float64], boxes: NDArray[np.float64], ignored: bool = False, label: int = 0, highest: float = 0.99
) -> Found:
    labels = np.full(len(truth), label, np.int64)
    scores = np.linspace(highest, 0.6, len(boxes))
    return Found(truth, labels, np.full(len(truth), ignored), boxes, np.full(len(boxes), label, np.int64), scores)


def _figures(most: int, *images: Found, classes: tuple[ClassInfo, ...] = CLASSES) -> dict[str, Any]:
    """The figures of images that are a group each."""
    return _observer(most, *images, classes=classes).figures(NOBODY, seed=0)  # type: ignore[arg-type]


def _grid(count: int) -> NDArray[np.float64]:
    corner = np.stack([np.arange(count) % 20, np.arange(count) // 20], axis=1) * 30.0
    return np.concatenate([corner, corner + 20.0], axis=1)


@pytest.mark.parametrize(("most", "count"), [(100, 150), (5, 8)])
def test_more_objects_than_the_graph_gives_of_one_tile_are_all_counted(most: int, count: int) -> None:
    boxes = _grid(count)
    figures = _figures(most, _found(boxes, boxes))
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


def test_what_is_perfect_over_many_groups_has_an_interval() -> None:
    figures = _figures(100, *[_found(ONE_BOX, ONE_BOX)] * 60)
    for block, name in (
        (figures, "map_50"),
        (figures, "map_75"),
        (figures, "map"),
        (figures["per_class"]["ball"], "ap"),
    ):
        assert (block[name], block[f"{name}_high"]) == (1.0, 1.0)
        assert block[f"{name}_low"] == pytest.approx(clopper_pearson(60, 60)[0])
        assert block[f"{name}_method"] == "Clopper-Pearson over 60 groups"
    missed = _figures(100, *[_found(ONE_BOX, ONE_BOX[:0])] * 60)
    assert (missed["map_50"], missed["map_50_low"]) == (0.0, 0.0)
    assert missed["map_50_high"] == pytest.approx(clopper_pearson(0, 60)[1])


def test_two_groups_give_a_wide_interval() -> None:
    figures = _figures(100, _found(ONE_BOX, ONE_BOX), _found(ONE_BOX, ONE_BOX[:0]))
    assert figures["map_50"] == pytest.approx(51 / 101)
    low, high = clopper_pearson(2 * 51 / 101, 2)
    assert figures["map_50_low"] <= low < 0.05
    assert figures["map_50_high"] >= high > 0.95
    assert "no narrower than Clopper-Pearson over 2 groups" in figures["map_50_method"]


def test_one_group_is_counted_as_one() -> None:
    figures = _figures(100, _found(_grid(4), _grid(4)[:2]))
    assert figures["map_50_method"] == "Clopper-Pearson over 1 group"
    assert figures["map_50_low"] < 0.05
    assert figures["map_50_high"] > 0.95


def test_intervals_narrow_with_groups() -> None:
    def width(count: int) -> float:
        images = [_found(_grid(4), _grid(4)[: 1 + n % 4]) for n in range(count)]
        figures = _figures(100, *images)
        assert figures["map_50_low"] < figures["map_50"] < figures["map_50_high"]
        return float(figures["map_50_high"] - figures["map_50_low"])

    assert width(80) < width(20) < width(6)


def test_a_class_of_one_group_widens_the_mean() -> None:
    classes = (*CLASSES, ClassInfo(id="cube"))
    several = [_found(_grid(4), _grid(4)[: 2 + n % 3]) for n in range(12)]
    alone = _figures(100, *several, _found(ONE_BOX, ONE_BOX, label=1), classes=classes)
    known = _figures(100, *several, *[_found(ONE_BOX, ONE_BOX, label=1)] * 12, classes=classes)
    assert "widened for 1 of 2 classes" in alone["map_50_method"]
    assert alone["map_50"] == pytest.approx(known["map_50"])
    assert alone["map_50_low"] < known["map_50_low"] - 0.1


def test_rounding_of_fractional_weights_loses_no_object() -> None:
    """One false alarm above all that is right: without its group nothing is wrong."""
    images = [_found(ONE_BOX, ONE_BOX, highest=0.9) for _ in range(60)]
    alarm = _found(ONE_BOX, np.concatenate([ONE_BOX + 200.0, ONE_BOX]))
    figures = _figures(100, *images, alarm)
    assert figures["map_50"] == pytest.approx(61 / 62)
    assert figures["map_50_high"] == pytest.approx(1.0)
