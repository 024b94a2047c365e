"""Anomaly detection without a graph: outputs in, envelopes out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vision_ft.bundle import ClassInfo, Decision, DecisionRule, InputSpec
from vision_ft.bundle.manifest import Calibration, Stage, TileSpec, Weights
from vision_ft.bundle.results import Prediction
from vision_ft.bundle.tasks import Context, anomaly, answer_model, bundle_task
from vision_ft.bundle.tasks.anomaly import AnomalyResult, raw_at
from vision_ft.bundle.tiles import views_of

CLASSES = (ClassInfo(id="fine", name="Fine", good=True, background=True), ClassInfo(id="anomaly", name="Anomaly"))
WHOLE = InputSpec(height=64, width=64)
TILED = InputSpec(height=64, width=64, tile=TileSpec(size=64, overlap=0.25))
AT_HALF = DecisionRule(pass_below=0.5, reject_from=0.5)
CALIBRATION = Calibration(temperature=0.5, offset=-2.0)
Map = NDArray[np.float32]


def context(spec: InputSpec = WHOLE, rule: DecisionRule = AT_HALF) -> Context:
    stage = Stage(
        task="anomaly",
        classes=CLASSES,
        input=spec,
        outputs=("scores", "raw_scores", "embeddings", "map"),
        calibration=CALIBRATION,
        weights=Weights(backbone="none", source="none"),
    )
    return Context(stage, rule, "1")


def outputs(values: Map) -> dict[str, Any]:
    """What a graph gives whose map, in units of the threshold, is this."""
    raw = float(values.max()) * raw_at(0.5, CALIBRATION)
    with np.errstate(invalid="ignore"):
        logit = np.log(raw) / CALIBRATION.temperature + CALIBRATION.offset
    bad = 1.0 / (1.0 + np.exp(-logit))
    return {"scores": np.float32(bad), "raw_scores": np.float32(raw), "map": values.astype(np.float32)}


def answer(*maps: Map, made: Context | None = None, size: tuple[int, int] = (64, 64), **more: Any) -> Prediction:
    made = made or context()
    gathering = anomaly.gather(made, *size)
    for view, values in zip(views_of(*size, made.stage.input), maps, strict=True):
        gathering.add(outputs(values), view)
    return gathering.finish(more.get("embedding"), more.get("distance"))


def spot(value: float, at: tuple[int, int] = (2, 5)) -> Map:
    values = np.full((8, 8), 0.1, np.float32)
    values[at] = value
    return values


def result(prediction: Prediction) -> AnomalyResult:
    assert isinstance(prediction.result, AnomalyResult)
    return prediction.result


def test_the_task_is_registered() -> None:
    assert bundle_task("anomaly") is anomaly  # type: ignore[comparison-overlap]


@pytest.mark.parametrize(
    ("peak", "label", "decision"), [(0.4, "fine", Decision.PASS), (3.0, "anomaly", Decision.REJECT)]
)
def test_the_threshold_decides(peak: float, label: str, decision: Decision) -> None:
    found = answer(spot(peak))
    assert (found.label, found.decision) == (label, decision)
    assert found.bad_score is not None
    assert found.probabilities == {"fine": pytest.approx(1.0 - found.bad_score), "anomaly": found.bad_score}
    assert found.probability == max(found.probabilities.values())
    body = found.to_json()
    assert body["anomaly_score"] == pytest.approx(peak * body["anomaly_threshold"], rel=1e-5)
    answer_model("anomaly").model_validate({name: body[name] for name in result(found).to_json()})
    json.dumps(body, allow_nan=False)


def test_what_stands_out_is_listed_in_the_images_pixels() -> None:
    assert answer(spot(0.9)).result.to_json()["regions"] == []
    regions = answer(spot(3.0), size=(640, 320)).result.to_json()["regions"]
    assert len(regions) == 1
    left, top, right, bottom = regions[0]["box"]
    assert left < 5.5 * 80 < right
    assert top < 2.5 * 40 < bottom
    assert 0 < regions[0]["area_px"] <= (right - left) * (bottom - top)


def test_other_thresholds_than_a_half_move_the_regions_with_the_verdict() -> None:
    strict = DecisionRule(pass_below=0.2, reject_from=0.2)
    between = answer(spot(0.8), made=context(rule=strict))
    assert between.decision is Decision.REJECT
    assert len(result(between).regions()) == 1
    assert answer(spot(0.8)).result.to_json()["regions"] == []
    level = raw_at(0.2, CALIBRATION) / raw_at(0.5, CALIBRATION)
    assert result(between).level == pytest.approx(level)
    below = answer(spot(0.98 * level), made=context(rule=strict))
    assert below.decision is Decision.PASS
    assert not result(below).regions()


def test_a_good_image_is_cold_and_a_bad_one_warm_where_it_is_bad() -> None:
    cold, warm = answer(spot(0.45)).result.heatmap(), answer(spot(4.0)).result.heatmap()
    assert cold is not None
    assert warm is not None
    assert cold.shape == warm.shape == (64, 64)
    assert cold.dtype == np.float32
    assert cold.max() == 0.0
    assert warm.max() == 1.0
    assert warm[40:].max() == 0.0


def test_the_overlay_outlines_what_stands_out() -> None:
    image = np.full((64, 64, 3), 128, np.uint8)
    assert (answer(spot(0.3)).result.overlay(image) == image).all()
    drawn = answer(spot(4.0)).result.overlay(image)
    assert drawn.shape == image.shape
    assert (drawn != image).any(axis=2)[:32, 24:].any()
    assert (drawn[48:] == image[48:]).all()


def test_of_tiles_the_worst_speaks_and_their_maps_are_one() -> None:
    views = views_of(150, 64, TILED)
    maps = [spot(0.2) for _ in views]
    maps[1] = spot(5.0, (4, 4))
    found = answer(*maps, made=context(TILED), size=(150, 64))
    assert found.decision is Decision.REJECT
    heat = found.result.heatmap()
    assert heat is not None
    assert heat.shape == (64, 150)
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    left, top, width, height = views[1].crop
    assert abs(column - (left + 4.5 * width / 8)) < 10
    assert abs(row - (top + 4.5 * height / 8)) < 10
    assert len(result(found).regions()) == 1


@pytest.mark.parametrize("broken", ["score", "distance", "map"])
def test_what_is_no_number_goes_to_review(broken: str) -> None:
    gathering = anomaly.gather(context(), 64, 64)
    values = outputs(spot(0.5))
    if broken == "score":
        values |= {"scores": np.float32(np.nan), "raw_scores": np.float32(np.nan)}
    if broken == "map":
        values["map"] = np.full((8, 8), np.nan, np.float32)
    gathering.add(values, views_of(64, 64, WHOLE)[0])
    found = gathering.finish(None, float("nan") if broken == "distance" else None)
    assert found.decision is (Decision.PASS if broken == "map" else Decision.REVIEW)
    json.dumps(found.to_json(), allow_nan=False)


def test_without_a_map_there_is_only_the_score() -> None:
    gathering = anomaly.gather(context(), 64, 64)
    values = outputs(spot(3.0))
    values.pop("map")
    gathering.add(values, views_of(64, 64, WHOLE)[0])
    found = gathering.finish(None, None)
    assert found.decision is Decision.REJECT
    assert found.result.heatmap() is None
    assert found.result.to_json()["regions"] == []
    image = np.zeros((64, 64, 3), np.uint8)
    assert found.result.overlay(image) is not image


def test_answers_are_compared_by_their_score() -> None:
    one, other = answer(spot(0.5)), answer(spot(0.6))
    assert anomaly.difference(one, one) == 0.0
    assert one.bad_score is not None
    assert other.bad_score is not None
    assert anomaly.difference(one, other) == pytest.approx(other.bad_score - one.bad_score)
    assert anomaly.substance(one) == 1


@pytest.mark.parametrize("bad", [0.01, 0.5, 0.97])
def test_the_raw_score_of_a_bad_score(bad: float) -> None:
    logit = np.log(raw_at(bad, CALIBRATION)) / CALIBRATION.temperature + CALIBRATION.offset
    assert 1.0 / (1.0 + np.exp(-logit)) == pytest.approx(bad)
    assert np.isfinite([raw_at(0.0, CALIBRATION), raw_at(1.0, CALIBRATION)]).all()
