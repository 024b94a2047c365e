"""Detection without a graph: outputs in, envelopes out."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vision_ft.bundle import ClassInfo, Decision, DecisionRule, InputSpec
from vision_ft.bundle.manifest import Stage, TileSpec, Weights
from vision_ft.bundle.tasks import Context, detect
from vision_ft.bundle.tiles import views_of

SPEC = InputSpec(height=100, width=100)
CLASSES = (
    ClassInfo(id="scratch", name="Scratch"),
    ClassInfo(id="label", name="Label", good=True),
    ClassInfo(id="none", name="Nothing found", good=True, background=True),
)


def context(rule: DecisionRule | None = None, spec: InputSpec = SPEC) -> Context:
    stage = Stage(
        task="detect",
        classes=CLASSES,
        input=spec,
        outputs=("boxes", "scores", "labels", "counts"),
        weights=Weights(backbone="none", source="none"),
    )
    return Context(stage, rule or DecisionRule(abstain_below=0.5), "1")


def outputs(*found: tuple[list[float], float, int]) -> dict[str, Any]:
    rows = 5
    boxes, scores, labels = np.zeros((rows, 4), np.float32), np.zeros(rows, np.float32), np.zeros(rows, np.int64)
    for row, (box, score, label) in enumerate(found):
        boxes[row], scores[row], labels[row] = box, score, label
    return {"boxes": boxes, "scores": scores, "labels": labels, "counts": np.int64(len(found))}


def answer(*found: tuple[list[float], float, int], rule: DecisionRule | None = None, size: int = 200) -> Any:
    gathering = detect.gather(context(rule), size, size)
    gathering.add(outputs(*found), views_of(size, size, SPEC)[0])
    return gathering.finish(None, None)


def test_boxes_come_back_in_the_images_pixels() -> None:
    found = answer(([10, 20, 30, 40], 0.9, 0))
    assert found.result.detections[0].box == pytest.approx((20, 40, 60, 80))
    assert (found.label, found.probability, found.bad_score) == ("scratch", pytest.approx(0.9), pytest.approx(0.9))
    assert found.decision is Decision.REJECT
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["detections"][0]["name"] == "Scratch"


def test_nothing_found_is_the_background_and_passes() -> None:
    found = answer()
    assert (found.label, found.probability, found.bad_score) == ("none", 1.0, 0.0)
    assert found.decision is Decision.PASS


def test_what_is_good_does_not_reject() -> None:
    found = answer(([10, 20, 30, 40], 0.9, 1), ([50, 50, 60, 60], 0.1, 0))
    assert (found.label, found.decision) == ("label", Decision.PASS)
    assert found.bad_score == pytest.approx(0.1)
    assert sum(found.probabilities.values()) == pytest.approx(1)


def test_the_threshold_says_what_is_shown() -> None:
    rule = DecisionRule(pass_below=0.2, reject_from=0.6)
    found = answer(([10, 20, 30, 40], 0.3, 0), ([50, 50, 60, 60], 0.1, 0), rule=rule)
    assert [one.score for one in found.result.detections] == pytest.approx([0.3])
    assert len(found.result.every) == 2
    assert found.decision is Decision.REVIEW


def test_no_number_is_reviewed_and_can_be_sent() -> None:
    found = answer(([10, 20, 30, 40], float("nan"), 0))
    assert found.decision is Decision.REVIEW
    assert found.reasons == ("the model gave no number",)
    json.dumps(found.to_json(), allow_nan=False)


def test_boxes_are_drawn_and_the_image_stays_as_it_is() -> None:
    image = np.full((200, 200, 3), 90, np.uint8)
    drawn = answer(([0, 0, 99, 99], 0.9, 0)).result.overlay(image)
    assert (drawn != image).any()
    assert (image == 90).all()
    np.testing.assert_array_equal(answer().result.overlay(image), image)


def across(side: int, width: int, *shown: dict[str, Any]) -> tuple[detect.Detection, ...]:
    """What is found on an image of two tiles beside each other, given the outputs of each."""
    spec = InputSpec(height=side, width=side, tile=TileSpec(size=side, overlap=0.2))
    gathering = detect.gather(context(spec=spec), width, side)
    views = views_of(width, side, spec)
    assert [view.crop[0] for view in views] == [0, width - side]
    for one, view in zip(shown, views, strict=True):
        gathering.add(one, view)
    result = gathering.finish(None, None).result
    assert isinstance(result, detect.DetectResult)
    return result.detections


def test_an_object_across_tiles_is_one() -> None:
    left = outputs(([60, 10, 100, 30], 0.8, 0))
    right = outputs(([0, 10, 60, 30], 0.9, 0), ([70, 70, 90, 90], 0.7, 0))
    found = across(100, 180, left, right)
    assert [one.box for one in found] == [pytest.approx((60, 10, 140, 30)), pytest.approx((150, 70, 170, 90))]


def test_an_object_much_longer_than_the_overlap_is_one_too() -> None:
    left, right = outputs(([260, 100, 512, 112], 0.8, 0)), outputs(([0, 101, 251, 113], 0.9, 0))
    (only,) = across(512, 921, left, right)
    assert only.box == pytest.approx((260, 100, 660, 113))


def test_another_suppression_is_no_rounding() -> None:
    want = answer(*[([10.0 + 20 * n, 10.0, 25.0 + 20 * n, 30.0], 0.9, 0) for n in range(4)])
    every = want.result.every

    def doubled(count: int) -> Any:
        copies = [replace(one, score=0.5, box=(one.box[0] + 6, *one.box[1:])) for one in every[:count]]
        return replace(want, result=replace(want.result, every=(*every, *copies)))

    # A few may be there or not by rounding alone; a graph that suppresses nothing doubles all of them.
    assert detect.difference(want, doubled(3)) == 0.0
    assert detect.difference(want, doubled(4)) == 1.0
    assert detect.difference(doubled(4), want) == 1.0


def test_the_difference_is_that_of_scores_of_the_same_boxes() -> None:
    one = answer(([10, 20, 30, 40], 0.9, 0))
    assert detect.difference(one, one) == 0.0
    assert detect.difference(one, answer(([10, 20, 30, 40], 0.8, 0))) == pytest.approx(0.1)
    assert detect.difference(one, answer(([12, 20, 30, 40], 0.9, 0))) > detect.TOLERANCE
    assert detect.difference(one, answer(([10, 20, 30, 40], 0.9, 1))) > detect.TOLERANCE
    assert detect.difference(one, answer()) > detect.TOLERANCE


def test_a_second_stage_names_what_was_found() -> None:
    first = answer(([10, 20, 30, 40], 0.9, 1), ([50, 50, 60, 60], 0.8, 1))
    named = detect.named(context(), first, [answer(([10, 20, 30, 40], 0.5, 0))])
    assert isinstance(named.result, detect.DetectResult)
    (only,) = named.result.every
    assert only.label == "scratch"
    assert only.score == pytest.approx(0.45)
    assert only.to_json()["detection_score"] == pytest.approx(0.9)


def seen(**probabilities: float) -> Any:
    """What a second stage says of a crop."""
    label = max(probabilities, key=probabilities.__getitem__)
    return SimpleNamespace(label=label, name=label, probability=probabilities[label], probabilities=probabilities)


def named(score: float, *answers: Any) -> Any:
    first = answer(*(([10.0 + 9 * n, 20.0, 30.0 + 9 * n, 40.0], score, 0) for n in range(len(answers))))
    stage = context().stage.model_copy(update={"classes": NAMES})
    return detect.named(Context(stage, DecisionRule(abstain_below=0.5), "1"), first, answers)


NAMES = (
    ClassInfo(id="crack", name="Crack"),
    ClassInfo(id="pore", name="Pore"),
    ClassInfo(id="stain", name="Stain"),
    ClassInfo(id="label", name="Label", good=True),
    ClassInfo(id="none", name="Nothing found", good=True, background=True),
)


def test_a_certain_defect_of_an_uncertain_name_does_not_pass() -> None:
    found = named(0.97, seen(crack=0.34, pore=0.33, stain=0.33))
    assert found.bad_score == pytest.approx(0.97)
    assert found.decision is Decision.REVIEW
    (only,) = found.result.detections
    assert (only.label, only.score) == ("crack", pytest.approx(0.97 * 0.34))
    assert sum(found.probabilities.values()) == pytest.approx(1)


def test_what_may_be_several_defects_rather_than_nothing_is_one() -> None:
    found = named(0.9, seen(none=0.4, crack=0.35, stain=0.25))
    assert found.bad_score == pytest.approx(0.54)
    assert [one.label for one in found.result.every] == ["crack"]
    assert found.decision is Decision.REVIEW
    gone = named(0.9, seen(none=0.6, crack=0.2, stain=0.2))
    assert gone.result.every == ()
    assert gone.bad_score == pytest.approx(0.36)
    assert (gone.label, gone.decision) == ("none", Decision.PASS)


def test_the_worst_find_speaks_for_the_image() -> None:
    found = named(0.9, seen(label=0.95, crack=0.05), seen(crack=0.5, pore=0.45, label=0.05))
    assert found.bad_score == pytest.approx(0.9 * 0.95)
    assert found.probabilities["crack"] == pytest.approx(0.45)
    assert found.probabilities["label"] == pytest.approx((1 - 0.9 * 0.95) * 0.9 * 0.95)


def test_a_second_find_in_doubt_does_not_soften_the_verdict_of_the_first() -> None:
    found = named(0.9, seen(crack=0.95, pore=0.05), seen(crack=0.5, pore=0.5))
    alone = named(0.9, seen(crack=0.95, pore=0.05))
    assert found.bad_score == pytest.approx(0.9)
    assert (found.decision, found.probabilities) == (alone.decision, pytest.approx(alone.probabilities))
    assert found.decision is Decision.REJECT
    lesser = detect.image_probabilities(NAMES, [{"crack": 0.5, "pore": 0.45}, {"crack": 0.8}])
    assert lesser["crack"] == pytest.approx(0.95)
    assert sum(lesser.values()) == pytest.approx(1)


def test_a_find_that_the_second_stage_gives_no_number_for_goes_to_a_person() -> None:
    first = answer(([10, 20, 30, 40], 0.9, 1))
    named = detect.named(context(), first, [answer(([10, 20, 30, 40], float("nan"), 0))])
    assert named.decision is Decision.REVIEW
    assert named.reasons == ("the model gave no number",)
