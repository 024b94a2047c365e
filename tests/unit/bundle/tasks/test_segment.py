"""Segmentation without a graph: outputs in, envelopes out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from vision_ft.bundle import ClassInfo, Decision, DecisionRule, InputSpec
from vision_ft.bundle.defects import Defect, SegmentResult
from vision_ft.bundle.manifest import Stage, TileSpec, Weights
from vision_ft.bundle.place import place_mask
from vision_ft.bundle.results import Prediction
from vision_ft.bundle.run_length import decode
from vision_ft.bundle.tasks import Context, bundle_task, segment
from vision_ft.bundle.tiles import views_of

CLASSES = (
    ClassInfo(id="crack", name="Crack"),
    ClassInfo(id="good", good=True, background=True),
    ClassInfo(id="mark", good=True),
    ClassInfo(id="hole", name="Hole"),
)
WHOLE = InputSpec(height=96, width=96)
Map = NDArray[np.uint8]


def context(
    spec: InputSpec = WHOLE,
    *,
    classes: tuple[ClassInfo, ...] = CLASSES,
    rule: DecisionRule | None = None,
    heatmap: str = "",
    **options: Any,
) -> Context:
    stage = Stage(
        task="segment",
        options=options,
        classes=classes,
        input=spec,
        outputs=("labels", "foreground", "scores"),
        heatmap=heatmap,
        weights=Weights(backbone="none", source="none"),
    )
    return Context(stage, rule or DecisionRule(), "1")


def answer(truth: Map, scores: list[float], made: Context | None = None, distance: float | None = None) -> Prediction:
    """The answer of a graph that sees the truth in every view; its scores are the same in each."""
    made = made or context()
    height, width = truth.shape
    gathering = segment.gather(made, width, height)
    for view in views_of(width, height, made.stage.input):
        labels = place_mask(truth, view)
        foreground = np.where(labels > 0, 204, 0).astype(np.uint8)
        values: dict[str, Any] = {
            "labels": labels,
            "foreground": foreground,
            "scores": np.array(scores, np.float32),
        }
        gathering.add(values, view)
    return gathering.finish(None, distance)


def result(prediction: Prediction) -> SegmentResult:
    assert isinstance(prediction.result, SegmentResult)
    return prediction.result


def scene() -> Map:
    """A crack across the image, two holes, and a speck."""
    truth = np.zeros((96, 96), np.uint8)
    for column in range(4, 92):
        truth[20 + column // 3 : 24 + column // 3, column] = 1
    truth[70:82, 10:20] = 3
    truth[60:72, 70:84] = 3
    truth[2, 2] = 2
    return truth


def test_what_hangs_together_is_a_defect() -> None:
    found = result(answer(scene(), [0.9, 0.1, 0.3])).defects
    assert sorted(one.target for one in found) == ["crack", "hole", "hole"]
    crack = next(one for one in found if one.target == "crack")
    assert crack.name == "Crack"
    assert crack.region.area == 88 * 4
    assert crack.region.length() == pytest.approx(np.hypot(88, 29 + 4), rel=0.03)
    assert crack.score == pytest.approx(0.8)


def test_tiles_and_the_whole_find_the_same_defects() -> None:
    """A crack that runs through all tiles comes out as one, with the same pixels."""
    tiled = context(InputSpec(height=40, width=40, tile=TileSpec(size=40, overlap=0.2)))
    whole, pieces = answer(scene(), [0.9, 0.1, 0.3]), answer(scene(), [0.9, 0.1, 0.3], tiled)
    assert len(views_of(96, 96, tiled.stage.input)) == 9
    assert whole.to_json() == pieces.to_json()
    np.testing.assert_array_equal(result(whole).label_map(), result(pieces).label_map())


def test_the_plain_answer_holds_sizes_and_masks() -> None:
    prediction = answer(scene(), [0.9, 0.1, 0.3], context(mm_per_pixel=0.5))
    plain = json.loads(json.dumps(prediction.to_json(), allow_nan=False))["defects"]
    hole = next(one for one in plain if one["box"] == [10, 70, 20, 82])
    assert (hole["label"], hole["area_px"], hole["area_mm2"]) == ("hole", 120, pytest.approx(30.0))
    assert hole["length_px"] == pytest.approx(12.0, abs=0.01)
    assert hole["length_mm"] == pytest.approx(6.0, abs=0.01)
    mask = decode(hole["mask"]["counts"], *hole["mask"]["size"])
    assert mask.shape == (96, 96)
    assert mask.sum() == 120
    assert mask[70:82, 10:20].all()


def test_without_the_size_of_a_pixel_there_are_no_millimetres() -> None:
    (first, *_) = answer(scene(), [0.9, 0.1, 0.3]).to_json()["defects"]
    assert not {"area_mm2", "length_mm"} & set(first)


def test_the_label_map_holds_the_defects_and_nothing_else() -> None:
    truth = scene()
    drawn = result(answer(truth, [0.9, 0.1, 0.3])).label_map()
    assert drawn[2, 2] == 0  # too small to be one
    truth[2, 2] = 0
    np.testing.assert_array_equal(drawn, truth)


def test_the_verdict_goes_by_the_highest_score_of_a_bad_class() -> None:
    found = answer(scene(), [0.2, 0.95, 0.7])
    assert found.label == "hole"
    assert [found.probability, found.bad_score] == pytest.approx([0.7, 0.7])
    assert found.probabilities == pytest.approx({"crack": 0.0, "good": 0.3, "mark": 0.0, "hole": 0.7})
    assert found.decision is Decision.REJECT
    good = answer(np.zeros((96, 96), np.uint8), [0.2, 0.95, 0.1])
    assert (good.label, good.decision) == ("good", Decision.PASS)
    assert sum(good.probabilities.values()) == pytest.approx(1)


def test_of_tiles_the_highest_score_counts() -> None:
    made = context(InputSpec(height=48, width=48, tile=TileSpec(size=48, overlap=0.0)))
    gathering = segment.gather(made, 96, 48)
    nothing = np.zeros((48, 48), np.uint8)
    for view, score in zip(views_of(96, 48, made.stage.input), (0.9, 0.2), strict=True):
        seen = np.array([score, 0, 0.1], np.float32)
        values: dict[str, Any] = {"labels": nothing, "foreground": nothing, "scores": seen}
        gathering.add(values, view)
    assert gathering.finish(None, None).bad_score == pytest.approx(0.9)


def test_rule_and_distance_reach_the_decision() -> None:
    rule = DecisionRule(pass_below=0.2, reject_from=0.8, distance_limit=0.5)
    made = context(rule=rule)
    decisions = [
        answer(scene(), [s, 0, 0], made, d).decision for s, d in ((0.1, 0.1), (0.5, 0.1), (0.9, 0.1), (0.1, 0.6))
    ]
    assert decisions == ["pass", "review", "reject", "review"]


def test_where_all_is_good_an_object_is_an_answer_too() -> None:
    classes = (CLASSES[1], CLASSES[2])
    found = answer(np.zeros((96, 96), np.uint8), [0.9], context(classes=classes))
    assert (found.label, found.bad_score, found.decision) == ("mark", 0.0, Decision.PASS)


@pytest.mark.parametrize(("scores", "distance"), [([np.nan, 0.1, 0.1], None), ([0.9, 0.1, 0.1], np.nan)])
def test_no_number_is_reviewed_and_can_be_sent(scores: list[float], distance: float | None) -> None:
    broken = answer(scene(), scores, distance=distance)
    assert broken.decision is Decision.REVIEW
    assert broken.reasons == ("the model gave no number",)
    assert json.loads(json.dumps(broken.to_json(), allow_nan=False))["probability"] == 0.0


def test_the_heatmap_is_the_foreground() -> None:
    heat = result(answer(scene(), [0.9, 0.1, 0.3])).heatmap()
    assert heat is not None
    assert heat.shape == (96, 96)
    assert heat[75, 15] == pytest.approx(0.8, abs=1e-3)
    assert heat[90, 90] == 0
    assert result(answer(scene(), [0.9, 0.1, 0.3], context(heatmap="turned off"))).heatmap() is None


def test_the_overlay_marks_defects_and_leaves_the_rest() -> None:
    image = np.full((96, 96, 3), 90, np.uint8)
    drawn = result(answer(scene(), [0.9, 0.1, 0.3])).overlay(image)
    assert (image == 90).all()
    assert not (drawn[75, 15] == 90).all()
    assert (drawn[90, 60] == 90).all()
    empty = result(answer(np.zeros((96, 96), np.uint8), [0.9, 0.1, 0.3]))
    np.testing.assert_array_equal(empty.overlay(image), image)


def test_the_overlay_takes_defects_at_the_border() -> None:
    truth = np.ones((96, 96), np.uint8)
    drawn = result(answer(truth, [0.9, 0.1, 0.3])).overlay(np.zeros((96, 96, 3), np.uint8))
    assert drawn.shape == (96, 96, 3)
    assert drawn.any()


def test_answers_differ_by_score_or_by_pixels() -> None:
    first = answer(scene(), [0.9, 0.1, 0.3])
    assert segment.difference(first, answer(scene(), [0.9, 0.1, 0.3])) == 0
    assert segment.difference(first, answer(scene(), [0.89, 0.1, 0.3])) == pytest.approx(0.01, abs=1e-6)
    other = scene()
    other[70:82, 10:20] = 0
    assert segment.difference(first, answer(other, [0.9, 0.1, 0.3])) == pytest.approx(120 / 96**2)
    assert segment.difference(first, answer(scene()[:50], [0.9, 0.1, 0.3])) == float("inf")


def test_monitoring_counts_the_classes_that_were_found() -> None:
    assert set(answer(scene(), [0.9, 0.1, 0.3]).scores()) == {"crack", "hole"}
    assert list(answer(np.zeros((96, 96), np.uint8), [0.1, 0.1, 0.1]).scores()) == ["good"]


def test_the_registry_knows_it() -> None:
    assert bundle_task("segment").read_options({}) == segment.SegmentOptions()


@pytest.mark.parametrize("zoom", [(1.5, 0.5), (0.01, 1.0)])
def test_impossible_zooms_are_refused(zoom: tuple[float, float]) -> None:
    with pytest.raises(ValidationError, match="magnification"):
        segment.SegmentOptions(zoom=zoom)


def test_a_defect_knows_its_area_on_the_part() -> None:
    (one, *_) = result(answer(scene(), [0.9, 0.1, 0.3], context(mm_per_pixel=2.0))).defects
    assert isinstance(one, Defect)
    assert one.area_mm2 == one.region.area * 4.0
