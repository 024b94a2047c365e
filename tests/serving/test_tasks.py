"""Every task is served alike: answers in its own shape, pictures, metrics by class, and two stages as one model."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from serving.complete import answers_of
from serving.schemas import ModelAnswer
from serving.settings import Settings
from tests.serving.conftest import Running, running
from tests.support.tiny_finders import (
    build_tiny_detector,
    build_tiny_oddity,
    build_tiny_pipeline,
    build_tiny_segmenter,
    quarters,
)
from vision_ft.bundle import Prediction

RED, BLUE, NOTHING = (250, 0, 0), (0, 0, 200), (0, 0, 0)
BUILD = {"detector": build_tiny_detector, "segmenter": build_tiny_segmenter, "pipeline": build_tiny_pipeline}


def encoded(*colours: tuple[int, int, int]) -> bytes:
    return bytes(cv2.imencode(".png", quarters(*colours)[:, :, ::-1])[1])


def pixels_of(data: str | bytes) -> NDArray[np.uint8]:
    raw = base64.b64decode(data) if isinstance(data, str) else data
    return np.asarray(cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED), dtype=np.uint8)


THREE, NONE = encoded(RED, NOTHING, BLUE, RED), encoded()


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bundles")
    return {name: build(folder / name) for name, build in BUILD.items()}


def served(bundle: Path) -> Iterator[Running]:
    with running(Settings(bundle=bundle, device="cpu", threads=1)) as service:
        yield service


@pytest.fixture(scope="module")
def detector(bundles: dict[str, Path]) -> Iterator[Running]:
    yield from served(bundles["detector"])


@pytest.fixture(scope="module")
def segmenter(bundles: dict[str, Path]) -> Iterator[Running]:
    yield from served(bundles["segmenter"])


@pytest.fixture(scope="module")
def pipeline(bundles: dict[str, Path]) -> Iterator[Running]:
    yield from served(bundles["pipeline"])


def checked(service: Running, image: bytes, **params: str) -> dict[str, Any]:
    """An answer that is what the description says."""
    body: dict[str, Any] = service.predict(image, params=params).json()
    answers_of(service.service.predictor.stage.task).one.model_validate(body)
    return body


def test_detections_come_with_their_boxes(detector: Running) -> None:
    body = checked(detector, THREE)
    assert [(one["label"], one["name"], one["box"]) for one in body["detections"]] == [
        ("red", "Red scratch", [0, 0, 32, 24]),
        ("red", "Red scratch", [32, 24, 64, 48]),
        ("blue", "Blue stain", [0, 24, 32, 48]),
    ]
    assert (body["label"], body["decision"], body["shown_from"]) == ("red", "reject", 0.4)
    nothing = checked(detector, NONE)
    assert (nothing["label"], nothing["decision"], nothing["detections"]) == ("clean", "pass", [])


def test_defects_come_with_their_size_and_mask(segmenter: Running) -> None:
    (defect,) = checked(segmenter, encoded(NOTHING, BLUE))["defects"]
    assert (defect["label"], defect["box"], defect["area_px"]) == ("blue", [32, 0, 64, 24], 32 * 24)
    assert defect["mask"]["size"] == [48, 64]


def test_what_is_unlike_good_parts_comes_with_its_places(tmp_path: Path) -> None:
    for service in served(build_tiny_oddity(tmp_path / "oddity")):
        body = checked(service, encoded(NOTHING, BLUE))
        assert (body["label"], body["decision"]) == ("odd", "reject")
        assert body["anomaly_score"] > body["anomaly_threshold"]
        ((left, top, *_),) = [one["box"] for one in body["regions"]]
        assert (left, top) == (pytest.approx(32, abs=2), 0)
        assert pixels_of(checked(service, THREE, heatmap="overlay")["heatmap"]).shape == (48, 64, 3)
        assert checked(service, NONE)["decision"] == "pass"
        assert service.metric("vision_ft_predictions_total", label="odd", decision="reject") == 2
        assert service.metric("vision_ft_confidence_count", label="clean") == 1
        assert "no classes" in checked(service, THREE, heatmap="mask")["heatmap_missing"]


def test_answers_made_of_maps_are_written_beside_the_event_loop(
    bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Masks of large regions take their time, in which nobody else would be served."""
    threads: list[str] = []
    written = Prediction.to_json

    def noted(self: Prediction) -> dict[str, Any]:
        threads.append(threading.current_thread().name)
        return written(self)

    monkeypatch.setattr(Prediction, "to_json", noted)
    for name, beside in (("segmenter", True), ("detector", False)):
        for service in served(bundles[name]):
            threads.clear()
            checked(service, THREE)
            # The loop has the thread that runs the server.
            assert [not one.endswith("(run)") for one in threads] == [beside]


def test_batches_answer_in_the_same_shape(detector: Running) -> None:
    files = [("images", THREE), ("images", b"no image"), ("images", NONE)]
    body = detector.client.post("/v1/predict/batch", files=files, params={"heatmap": "overlay"}).json()
    answers_of("detect").batch.model_validate(body)
    assert [len(one.get("detections", "no image")) for one in body["results"]] == [3, 8, 0]
    assert pixels_of(body["results"][0]["heatmap"]).shape == (48, 64, 3)


@pytest.mark.parametrize("name", BUILD)
def test_what_was_found_is_drawn(name: str, request: pytest.FixtureRequest) -> None:
    service: Running = request.getfixturevalue(name)
    plain = pixels_of(THREE).astype(int)
    drawn = pixels_of(checked(service, THREE, heatmap="overlay")["heatmap"])
    assert drawn.shape == plain.shape
    assert np.abs(drawn - plain).max() > 50
    answer = service.predict(THREE, headers={"Accept": "image/png"})
    assert answer.headers["vision-ft-label"] == "red"
    assert answer.headers["vision-ft-decision"] == "reject"
    np.testing.assert_array_equal(pixels_of(answer.content), drawn)


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("detector", "png", "boxes say where the objects are. Ask for heatmap=overlay."),
        ("detector", "mask", "no classes. Ask for heatmap=overlay."),
        ("pipeline", "mask", "no classes. Ask for heatmap=overlay."),
    ],
)
def test_a_picture_that_the_task_lacks_is_refused_in_one_sentence(
    name: str, kind: str, says: str, request: pytest.FixtureRequest
) -> None:
    service: Running = request.getfixturevalue(name)
    body = checked(service, THREE, heatmap=kind)
    assert body["heatmap"] is None
    assert body["label"] == "red"
    assert body["heatmap_missing"].startswith(f"This bundle gives no picture for heatmap={kind}: ")
    assert body["heatmap_missing"].endswith(says)
    before = service.metric("vision_ft_batch_size_count")
    refused = service.predict(THREE, params={"heatmap": kind}, headers={"Accept": "image/png"})
    assert (refused.status_code, refused.json()["type"]) == (406, "/problems#no-heatmap")
    assert refused.json()["detail"] == body["heatmap_missing"]
    assert service.metric("vision_ft_batch_size_count") == before, "nothing was computed for it"


def test_a_mask_holds_the_class_of_each_pixel(segmenter: Running) -> None:
    mask = pixels_of(checked(segmenter, encoded(NOTHING, BLUE, RED), heatmap="mask")["heatmap"])
    assert mask.shape == (48, 64)
    assert (mask[2, 2], mask[2, -2], mask[-2, 2], mask[-2, -2]) == (0, 2, 1, 0)
    heat = pixels_of(checked(segmenter, encoded(NOTHING, BLUE), heatmap="png")["heatmap"])
    assert (heat.shape, heat[2, 2], heat[2, -2]) == ((48, 64), 0, 200)


def test_a_class_that_was_found_is_counted_with_its_best_score(bundles: dict[str, Path]) -> None:
    for service in served(bundles["detector"]):
        for label in ("red", "blue", "clean"):
            assert service.metric("vision_ft_predictions_total", label=label, decision="reject") == 0
            assert service.metric("vision_ft_confidence_count", label=label) == 0
        for label in ("red", "blue"):
            assert service.metric("vision_ft_objects_total", label=label) == 0
        for image in (THREE, NONE, encoded(BLUE)):
            service.predict(image)
        counts = {label: service.metric("vision_ft_confidence_count", label=label) for label in ("red", "blue")}
        assert counts == {"red": 1, "blue": 2}
        assert service.metric("vision_ft_confidence_sum", label="red") == pytest.approx(250 / 255, abs=1e-4)
        assert service.metric("vision_ft_confidence_sum", label="blue") == pytest.approx(2 * 200 / 255, abs=1e-4)
        assert service.metric("vision_ft_confidence_sum", label="clean") == 1
        assert service.metric("vision_ft_objects_total", label="red") == 2
        assert service.metric("vision_ft_objects_total", label="blue") == 2
        assert service.metric("vision_ft_predictions_total", label="blue", decision="reject") == 2
        assert service.metric("vision_ft_predictions_total", label="clean", decision="pass") == 1
        assert service.metric("vision_ft_stage_seconds_count", stage="infer") == 3


def test_a_task_that_lists_nothing_has_no_such_series(shared: Running) -> None:
    assert shared.service.metrics.registry.get_sample_value("vision_ft_objects_total", {"label": "red"}) is None


def test_two_stages_answer_as_one_model(pipeline: Running) -> None:
    body = checked(pipeline, THREE)
    first = body["detections"][0]
    assert (first["label"], first["detected"]) == ("red", "red")
    assert first["score"] == pytest.approx(first["detection_score"] * first["class_probability"])
    card = ModelAnswer.model_validate(pipeline.client.get("/v1/model").json())
    assert (card.task, card.input.width, card.overlay) == ("detect", 32, "")
    assert [one.id for one in card.classes] == ["red", "green", "blue", "clean"]
    assert card.stages is not None
    assert [(one.task, len(one.classes), one.crop is None) for one in card.stages] == [
        ("detect", 3, True),
        ("classify", 3, False),
    ]
    for label in ("red", "green", "blue", "clean"):
        assert pipeline.metric("vision_ft_confidence_count", label=label) >= 0


@pytest.mark.parametrize("name", BUILD)
def test_the_description_shows_the_served_task(name: str, request: pytest.FixtureRequest) -> None:
    service: Running = request.getfixturevalue(name)
    description = service.client.get("/openapi.json").json()
    answers = answers_of(service.service.predictor.stage.task)
    content = description["paths"]["/v1/predict"]["post"]["responses"]["200"]["content"]
    assert content["application/json"]["schema"] == {"$ref": f"#/components/schemas/{answers.one.__name__}"}
    assert "image/png" in content
    schema = description["components"]["schemas"][answers.one.__name__]
    assert schema["examples"] == [answers.example]
    assert set(checked(service, THREE)) <= set(schema["properties"])
