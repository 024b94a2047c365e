"""POST /v1/predict: bodies, options and the envelope."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from serving.complete import answers_of
from serving.settings import Settings
from tests.serving.conftest import Running, png, running
from tests.support.tiny_bundle import build_tiny_bundle
from vision_ft.bundle import DecisionRule

CLASSIFY = answers_of("classify")


def pixels_of(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), dtype=np.uint8)


@pytest.mark.parametrize(
    ("colour", "label", "decision"),
    [((200, 0, 0), "red", "reject"), ((0, 200, 0), "green", "pass"), ((0, 70, 60), "green", "review")],
)
def test_the_dominant_colour_is_judged(
    shared: Running, colour: tuple[int, int, int], label: str, decision: str
) -> None:
    answer = shared.predict(png(*colour))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert (body["label"], body["decision"]) == (label, decision)
    assert body["probability"] == body["probabilities"][label] == max(body["probabilities"].values())
    assert bool(body["reasons"]) == (decision == "review")


def test_the_envelope_is_what_the_description_says(shared: Running) -> None:
    body = shared.predict(png(200)).json()
    answer = CLASSIFY.one.model_validate(body)
    assert (answer.width, answer.height, answer.name) == (48, 40, "Red scratch")
    assert answer.recorded is False
    assert answer.model_version == "20260101-tiny"
    assert answer.bad_score == pytest.approx(1 - body["probabilities"]["green"])
    assert answer.distance == pytest.approx(0.0, abs=1e-3)
    parts = answer.timings_ms.model_dump(exclude={"total", "heatmap"})
    assert all(value >= 0 for value in parts.values())
    assert answer.timings_ms.total >= sum(parts.values()) * 0.99
    assert answer.timings_ms.heatmap is None


@pytest.mark.parametrize(
    "content_type", ["image/png", "image/x-whatever", "application/octet-stream", "Image/PNG; charset=binary", None]
)
def test_image_types_and_none_are_taken(shared: Running, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    assert shared.client.post("/v1/predict", content=png(200), headers=headers).json()["label"] == "red"


@pytest.mark.parametrize("extension", [".jpg", ".png", ".tiff", ".bmp", ".webp", ".ppm"])
def test_formats(shared: Running, extension: str) -> None:
    image = np.zeros((40, 48, 3), np.uint8)
    image[:, :, 1] = 220
    data = bytes(cv2.imencode(extension, image)[1])
    assert shared.predict(data).json()["label"] == "green"


def test_a_body_without_content_length_is_read(shared: Running) -> None:
    data = png(0, 0, 220)
    answer = shared.client.post(
        "/v1/predict",
        content=(data[i : i + 30] for i in range(0, len(data), 30)),
        headers={"Content-Type": "image/png"},
    )
    assert answer.json()["label"] == "blue"


def test_a_form_is_read_with_its_fields(shared: Running) -> None:
    answer = shared.client.post(
        "/v1/predict",
        files={"image": ("part.png", png(0, 200), "image/png")},
        data={"part": "P-1", "slice": ["camera=2", "shift=night"]},
    )
    body = answer.json()
    assert (body["label"], body["part"], body["slices"]) == ("green", "P-1", {"camera": "2", "shift": "night"})


def test_options_come_by_query_too(shared: Running) -> None:
    body = shared.predict(png(200), params={"part": "Teil 7/ä", "slice": "line=A"}).json()
    assert (body["part"], body["slices"]) == ("Teil 7/ä", {"line": "A"})


def test_no_heatmap_unless_asked(shared: Running) -> None:
    assert "heatmap" not in shared.predict(png(200)).json()
    assert "heatmap" not in shared.predict(png(200), params={"heatmap": "none"}).json()


def test_the_heatmap_lies_where_the_evidence_is(shared: Running) -> None:
    image = np.zeros((64, 96, 3), np.uint8)
    image[32:, 48:, 2] = 255  # red in the lower right
    data = bytes(cv2.imencode(".png", image)[1])
    body = shared.predict(data, params={"heatmap": "png"}).json()
    CLASSIFY.one.model_validate(body)
    assert body["timings_ms"]["heatmap"] > 0
    heat = pixels_of(base64.b64decode(body["heatmap"]))
    assert heat.shape == (64, 96)
    assert heat[-1, -1] == 255
    assert heat[:16, :24].max() == 0


def test_the_overlay_has_the_images_size(shared: Running) -> None:
    body = shared.predict(png(200, width=70, height=30), params={"heatmap": "overlay"}).json()
    assert pixels_of(base64.b64decode(body["heatmap"])).shape == (30, 70, 3)


@pytest.mark.parametrize(("heatmap", "shape"), [(None, (40, 48, 3)), ("overlay", (40, 48, 3)), ("png", (40, 48))])
def test_a_png_is_answered_where_it_is_accepted(shared: Running, heatmap: str | None, shape: tuple[int, ...]) -> None:
    answer = shared.predict(
        png(200), headers={"Accept": "image/png"}, params={} if heatmap is None else {"heatmap": heatmap}
    )
    assert answer.headers["content-type"] == "image/png"
    assert pixels_of(answer.content).shape == shape
    assert answer.headers["vision-ft-label"] == "red"
    assert answer.headers["vision-ft-decision"] == "reject"
    assert 0.99 < float(answer.headers["vision-ft-probability"]) <= 1.0


@pytest.mark.parametrize("accept", ["*/*", "application/json", "image/png;q=0.5, application/json", "text/html"])
def test_json_is_answered_otherwise(shared: Running, accept: str) -> None:
    assert shared.predict(png(200), headers={"Accept": accept}).json()["label"] == "red"


def test_a_bundle_without_heatmap_says_why(tmp_path: Path) -> None:
    bundle = build_tiny_bundle(tmp_path / "bundle", heatmap=False, reference=False)
    with running(Settings(bundle=bundle)) as service:
        body = service.predict(png(200), params={"heatmap": "overlay"}).json()
        CLASSIFY.one.model_validate(body)
        assert body["heatmap"] is None
        assert "the backbone has no spatial map" in body["heatmap_missing"]
        assert body["distance"] is None
        refused = service.predict(png(200), headers={"Accept": "image/png"})
        assert refused.status_code == 406
        assert "the backbone has no spatial map" in refused.json()["detail"]


def test_an_image_unlike_all_others_is_reviewed(tmp_path: Path) -> None:
    bundle = build_tiny_bundle(tmp_path / "bundle", decision=DecisionRule(distance_limit=0.1))
    with running(Settings(bundle=bundle)) as service:
        body = service.predict(png(120, 130, 120)).json()
    assert body["decision"] == "review"
    assert "unlike the training images" in body["reasons"][0]


def test_the_clients_request_id_comes_back(shared: Running) -> None:
    answer = shared.predict(png(200), headers={"X-Request-ID": "line3:cam-2.000117"})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "line3:cam-2.000117"


@pytest.mark.parametrize("sent", ["", "with space", "x" * 129, "<script>", "-leading", "ümlaut".encode()])
def test_an_id_that_could_forge_a_log_is_replaced(shared: Running, sent: str | bytes) -> None:
    answer = shared.predict(png(200), headers={"X-Request-ID": sent})
    made = answer.json()["request_id"]
    assert made == answer.headers["x-request-id"]
    assert len(made) == 32
    assert made.isalnum()


def test_each_request_gets_an_id_of_its_own(shared: Running) -> None:
    assert len({shared.predict(png(200)).json()["request_id"] for _ in range(5)}) == 5
