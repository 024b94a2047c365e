"""Classification without a graph: outputs in, envelopes out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vision_ft.bundle import ClassInfo, Decision, DecisionRule, InputSpec
from vision_ft.bundle.manifest import Stage, Weights
from vision_ft.bundle.place import geometry_of
from vision_ft.bundle.tasks import Context, bundle_task, classify

SPEC = InputSpec(height=8, width=8)


def stage(*good: bool) -> Stage:
    return Stage(
        task="classify",
        classes=tuple(ClassInfo(id=f"c{i}", name=f"Class {i}", good=flag) for i, flag in enumerate(good)),
        input=SPEC,
        outputs=("probabilities",),
        weights=Weights(backbone="none", source="none"),
    )


def answer(
    probabilities: list[list[float]],
    *good: bool,
    rule: DecisionRule | None = None,
    distances: NDArray[np.float32] | None = None,
    **outputs: NDArray[Any],
) -> list[Any]:
    geometries = [geometry_of(20 + i, 10, SPEC) for i in range(len(probabilities))]
    values = {"probabilities": np.array(probabilities, np.float32), **outputs}
    context = Context(stage(*good), rule or DecisionRule(), "1")
    found = []
    for row, geometry in enumerate(geometries):
        gathering = classify.gather(context, geometry.width, geometry.height)
        gathering.add({name: value[row] for name, value in values.items()}, geometry)
        found.append(gathering.finish(None, None if distances is None else float(distances[row])))
    return found


def test_each_row_becomes_its_own_answer() -> None:
    first, second = answer([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], False, True, False)
    assert (first.label, first.name, first.width) == ("c0", "Class 0", 20)
    assert (second.label, second.name, second.width) == ("c2", "Class 2", 21)
    assert first.result.probabilities == pytest.approx({"c0": 0.7, "c1": 0.2, "c2": 0.1})
    assert first.bad_score == pytest.approx(0.8)
    assert first.embedding is None
    assert first.distance is None


def test_several_good_classes_add_up() -> None:
    (found,) = answer([[0.4, 0.35, 0.25]], False, True, True)
    assert found.bad_score == pytest.approx(0.4)


@pytest.mark.parametrize("probabilities", [[1.0000001, 0.0], [0.0, 1.0000002]])
def test_rounding_never_leaves_the_interval(probabilities: list[float]) -> None:
    (found,) = answer([probabilities], True, False)
    assert 0 <= found.bad_score <= 1


def test_without_a_good_class_there_is_no_bad_score() -> None:
    (found,) = answer([[0.9, 0.1]], False, False)
    assert found.bad_score is None
    assert found.decision is Decision.PASS


def test_rule_and_distance_reach_the_decision() -> None:
    rule = DecisionRule(pass_below=0.2, reject_from=0.8, distance_limit=0.5)
    scores = [[0.9, 0.1], [0.5, 0.5], [0.1, 0.9], [0.9, 0.1]]
    found = answer(scores, True, False, rule=rule, distances=np.array([0.1, 0.1, 0.1, 0.6], np.float32))
    assert [p.decision for p in found] == ["pass", "review", "reject", "review"]
    assert [bool(p.reasons) for p in found] == [False, True, False, True]


def test_no_number_is_reviewed_and_can_be_sent() -> None:
    broken, whole = answer(
        [[float("nan"), 0.5], [0.9, 0.1]], True, False,
        distances=np.array([np.nan, 0.1], np.float32),
    )  # fmt: skip
    assert broken.decision is Decision.REVIEW
    assert broken.reasons == ("the model gave no number",)
    assert json.loads(json.dumps(broken.to_json(), allow_nan=False))["probability"] == 0.0
    assert whole.decision is Decision.PASS


def test_the_map_of_the_label_is_the_one_shown() -> None:
    maps = np.zeros((1, 2, 4, 4), np.float32)
    maps[0, 0, 0, 0], maps[0, 1, 3, 3] = 5, 2
    (found,) = answer([[0.2, 0.8]], False, False, heatmap=maps)
    heat = found.result.heatmap()
    assert heat.shape == (10, 20)
    assert heat[9, 19] == pytest.approx(1)
    assert heat[0, 0] == 0


def test_evidence_against_the_label_is_not_heat() -> None:
    (found,) = answer([[0.2, 0.8]], False, False, heatmap=np.full((1, 2, 4, 4), -3, np.float32))
    assert not found.result.heatmap().any()
    image = np.full((10, 20, 3), 77, np.uint8)
    np.testing.assert_array_equal(found.result.overlay(image), image)


def test_the_registry_knows_it() -> None:
    assert bundle_task("classify").read_options({}) == classify.ClassifyOptions()
