"""Average precision by hand, by COCO's evaluator and by ours on random sets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vision_ft.tasks.detect.average_precision import Found, average_precision, matched
from vision_ft.tasks.detect.coco import coco_figures
from vision_ft.tasks.detect.resampled import draw, mean_over_classes

BOX = [10.0, 10.0, 50.0, 50.0]


def image(truth: list[list[float]], boxes: list[list[float]], scores: list[float], **more: list[int]) -> Found:
    labels = more.get("labels", [0] * len(boxes))
    kinds = more.get("truth_labels", [0] * len(truth))
    crowd = more.get("ignored", [0] * len(truth))
    return Found(
        np.array(truth, np.float64).reshape(-1, 4),
        np.array(kinds, np.int64),
        np.array(crowd, np.bool_),
        np.array(boxes, np.float64).reshape(-1, 4),
        np.array(labels, np.int64),
        np.array(scores, np.float64),
    )


def random_images(seed: int, count: int = 12, classes: int = 3) -> list[Found]:
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        amount = int(rng.integers(0, 4))
        corner = rng.uniform(0, 60, (amount, 2))
        truth = np.concatenate([corner, corner + rng.uniform(15, 60, (amount, 2))], axis=1)
        near = truth + rng.normal(0, 4, truth.shape)
        stray = rng.uniform(0, 60, (2, 2))
        boxes = np.concatenate([near, np.concatenate([stray, stray + rng.uniform(10, 40, (2, 2))], axis=1)])
        labels = rng.integers(classes, size=amount)
        mixed = np.where(rng.random(amount) < 0.8, labels, rng.integers(classes, size=amount))
        answers = np.concatenate([mixed, [0, 1]])
        scores = rng.random(len(boxes))
        order = np.argsort(-scores)
        images.append(
            Found(
                truth, labels, rng.random(amount) < 0.15,
                boxes[order], answers[order].astype(np.int64), scores[order],
            )
        )  # fmt: skip
    return images


def test_each_object_is_met_once_and_the_second_answer_is_wrong() -> None:
    flags = matched(image([BOX], [BOX, BOX], [0.9, 0.8]), 0, 0.5)
    assert flags.right.tolist() == [True, False]
    assert flags.hit.tolist() == [True]


def test_an_ignored_object_counts_neither_way() -> None:
    flags = matched(image([BOX], [[12, 12, 30, 30], [80, 80, 90, 90]], [0.9, 0.8], ignored=[1]), 0, 0.5)
    assert flags.ignored.tolist() == [True, False]
    assert flags.total == 0


def test_a_class_sees_only_its_own() -> None:
    assert not matched(image([BOX], [BOX], [0.9], labels=[1]), 1, 0.5).right.any()


@pytest.mark.parametrize(("right", "expected"), [([1, 1], 1.0), ([1, 0], 51 / 101), ([0, 1], 51 * 0.5 / 101)])
def test_it_is_the_mean_precision_over_101_recalls(right: list[int], expected: float) -> None:
    found = average_precision(
        np.array([0.9, 0.8]), np.array(right, np.bool_), np.zeros(2, np.bool_), np.ones((1, 2)), np.array([2.0])
    )
    assert found[0] == pytest.approx(expected)


def test_weights_count_detections_several_times() -> None:
    scores, right = np.array([0.9, 0.8]), np.array([False, True])
    none = np.zeros(2, np.bool_)
    doubled = average_precision(scores, right, none, np.array([[1.0, 2.0]]), np.array([2.0]))
    written = average_precision(
        np.array([0.9, 0.8, 0.8]),
        np.array([False, True, True]),
        np.zeros(3, np.bool_),
        np.ones((1, 3)),
        np.array([2.0]),
    )
    assert doubled[0] == pytest.approx(written[0])


@pytest.mark.parametrize("seed", range(40))
def test_it_agrees_with_cocos_evaluator(seed: int) -> None:
    images = random_images(seed)
    coco = coco_figures(images, 3, 100)
    for label in range(3):
        for iou, wanted in ((0.5, coco.ap_50),):
            flags = [matched(one, label, iou) for one in images]
            total = float(sum(one.total for one in flags))
            found = average_precision(
                np.concatenate([f.scores for f in flags]),
                np.concatenate([f.right for f in flags]),
                np.concatenate([f.ignored for f in flags]),
                np.ones((1, sum(len(f.scores) for f in flags))),
                np.array([total]),
            )[0]
            assert found == pytest.approx(wanted[label], abs=1e-6, nan_ok=True)


def test_draws_lie_around_the_value_and_repeat_with_the_seed() -> None:
    images = random_images(1, count=60)
    groups = np.array([f"g{k // 3}" for k in range(60)])
    draws = draw(images, groups, 3, seed=0)
    mean = mean_over_classes(draws.ap_50)
    assert np.quantile(mean, 0.05) < coco_figures(images, 3, 100).map_50 < np.quantile(mean, 0.95)
    assert np.array_equal(draw(images, groups, 3, seed=0).ap, draws.ap, equal_nan=True)


def test_without_objects_there_is_no_figure_and_without_answers_it_is_zero() -> None:
    assert np.isnan(coco_figures([image([], [BOX], [0.9])], 1, 100).map_50)
    assert coco_figures([image([BOX], [], [])], 1, 100).map_50 == 0.0


def test_a_certain_find_of_an_uncertain_name_counts_from_the_threshold_on() -> None:
    boxes = np.array([[0.0, 0.0, 10.0, 10.0], [20.0, 20.0, 30.0, 30.0]])
    labels = np.zeros(2, np.int64)
    found = Found(boxes, labels, np.zeros(2, np.bool_), boxes, labels, np.array([0.33, 0.3]), np.array([0.97, 0.4]))
    assert matched(found, 0, 0.5, from_score=0.5).hit.tolist() == [True, False]
    assert matched(replace(found, presence=None), 0, 0.5, from_score=0.5).hit.tolist() == [False, False]
