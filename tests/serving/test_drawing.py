"""Pictures: they never stand in an image's way, cost no verdict, and their memory is bounded."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from serving.complete import answers_of
from serving.settings import Batching, Limits, Settings
from tests.serving.conftest import Gated, Running, png, running, wait_for
from vision_ft.bundle.tasks.classify import ClassifyResult

CLASSIFY = answers_of("classify")
OVERLAY = {"heatmap": "overlay"}


class Brush:
    """Holds every drawing from its beginning until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()


@pytest.fixture
def brush(monkeypatch: pytest.MonkeyPatch) -> Iterator[Brush]:
    """Drawing that waits for the test."""
    brush, overlay = Brush(), ClassifyResult.overlay

    def held(self: ClassifyResult, image: Any) -> Any:
        brush.begun.set()
        assert brush.go.wait(20), "the test never let go of the brush"
        return overlay(self, image)

    monkeypatch.setattr(ClassifyResult, "overlay", held)
    yield brush
    brush.go.set()


def send(service: Running, count: int) -> Any:
    files = [("images", ("a.png", png(200), "image/png"))] * count
    return service.client.post("/v1/predict/batch", files=files, params=OVERLAY)


def counted(service: Running) -> float:
    return service.metric("vision_ft_predictions_total", label="red", decision="reject")


def rough(width: int, height: int) -> bytes:
    """A JPEG whose overlay compresses badly."""
    image = np.random.default_rng(0).integers(0, 255, (height, width, 3)).astype(np.uint8)
    return bytes(cv2.imencode(".jpg", image)[1])


def test_drawing_delays_no_plain_image(bundle: Path, brush: Brush) -> None:
    settings = Settings(bundle=bundle, batching=Batching(decode_threads=1))
    with running(settings) as service, ThreadPoolExecutor(1) as pool:
        drawn = pool.submit(send, service, 3)
        assert brush.begun.wait(20)
        wait_for(lambda: service.metric("vision_ft_drawings") == 3)
        assert service.predict(png(200)).status_code == 200
        assert not drawn.done()
        brush.go.set()
        assert all(r["heatmap"] for r in drawn.result().json()["results"])
        wait_for(lambda: service.metric("vision_ft_drawings") == 0)


def test_drawings_that_wait_are_bounded(bundle: Path, brush: Brush) -> None:
    settings = Settings(bundle=bundle, batching=Batching(queue=2))
    with running(settings) as service, ThreadPoolExecutor(1) as pool:
        drawn = pool.submit(send, service, 2)
        wait_for(lambda: service.metric("vision_ft_drawings") == 2)
        body = service.predict(png(200), params=OVERLAY).json()
        assert body["label"] == "red"
        assert "busy with 2 heatmaps" in body["heatmap_missing"]
        brush.go.set()
        drawn.result()


def test_a_slow_drawing_costs_no_verdict(bundle: Path, brush: Brush) -> None:
    with running(Settings(bundle=bundle, deadline_s=0.5)) as service:
        answer = service.predict(png(200), params=OVERLAY)
        assert answer.status_code == 200
        body = answer.json()
        CLASSIFY.one.model_validate(body)
        assert (body["label"], body["heatmap"]) == ("red", None)
        assert "not ready in time" in body["heatmap_missing"]
        assert counted(service) == 1
        assert service.metric("vision_ft_pending_body_bytes") > 0, "the drawing thread still holds the image"
        brush.go.set()
        wait_for(lambda: service.metric("vision_ft_pending_body_bytes") == 0)


@pytest.mark.parametrize("error", [MemoryError(), ValueError("a secret of the inside")])
def test_a_failed_drawing_costs_no_verdict(
    shared: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(ClassifyResult, "overlay", fail)
    before = counted(shared)
    answer = shared.predict(png(200), params=OVERLAY, headers={"X-Request-ID": "find-me"})
    assert answer.status_code == 200
    assert "could not be drawn" in answer.json()["heatmap_missing"]
    assert "secret" not in answer.text
    assert counted(shared) == before + 1
    assert any("find-me" in r.getMessage() and r.exc_info for r in caplog.records)
    # Where the picture alone was asked for, there is no answer: it is not counted as one.
    refused = shared.predict(png(200), headers={"Accept": "image/png"})
    assert refused.status_code == 500
    assert counted(shared) == before + 1


def test_the_heatmaps_of_one_request_have_a_limit(bundle: Path) -> None:
    limits = Limits(max_request_heatmap_megapixels=0.004)  # two images of 48 x 40
    with running(Settings(bundle=bundle, limits=limits)) as service:
        assert all(r["heatmap"] for r in send(service, 2).json()["results"])
        before = service.metric("vision_ft_stage_seconds_count", stage="infer")
        refused = send(service, 3)
        assert refused.status_code == 413
        assert refused.json()["type"] == "/problems#heatmaps-too-large"
        assert "at most 0.004 megapixels, got 0.00576" in refused.json()["detail"]
        assert service.metric("vision_ft_stage_seconds_count", stage="infer") == before


def test_large_pictures_arrive_whole(shared: Running) -> None:
    data = rough(900, 700)
    body = shared.predict(data, params=OVERLAY).json()
    CLASSIFY.one.model_validate(body)
    picture = base64.b64decode(body["heatmap"], validate=True)
    assert len(picture) > 1_000_000
    assert shared.predict(data, headers={"Accept": "image/png"}).content == picture
    files = [("images", data)] * 2
    batch = shared.client.post("/v1/predict/batch", files=files, params=OVERLAY).json()
    CLASSIFY.batch.model_validate(batch)
    assert [r["heatmap"] for r in batch["results"]] == [body["heatmap"]] * 2
    wait_for(lambda: shared.metric("vision_ft_pending_body_bytes") == 0)


def test_pictures_share_the_memory_of_bodies(bundle: Path) -> None:
    data = rough(400, 300)
    limits = Limits(max_pending_mb=2 * len(data) / 1e6)
    with running(Settings(bundle=bundle, limits=limits)) as service:
        body = service.predict(data, params=OVERLAY).json()
        assert body["heatmap"] is None
        assert "memory limit" in body["heatmap_missing"]
        wait_for(lambda: service.metric("vision_ft_pending_body_bytes") == 0)
        assert service.predict(data).status_code == 200


def test_a_picture_that_cannot_be_is_refused_before_it_is_computed(bundle: Path) -> None:
    with running(Settings(bundle=bundle, limits=Limits(max_heatmap_megapixels=0.001))) as service:
        assert service.predict(png(200), headers={"Accept": "image/png"}).status_code == 406
        assert counted(service) == 0
        assert service.metric("vision_ft_batch_size_count") == 0
        assert service.metric("vision_ft_rejected_total", reason="no-heatmap") == 1


def test_an_answer_without_a_number_is_of_no_class(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    infer = Gated.infer

    def without(self: Gated, pixels: Any) -> Any:
        return {name: np.full_like(value, np.nan) for name, value in infer(self, pixels).items()}

    predictor = Gated(bundle)
    monkeypatch.setattr(Gated, "infer", without)
    with running(Settings(bundle=bundle), predictor) as service:
        body = service.predict(png(200), params=OVERLAY).json()
        CLASSIFY.one.model_validate(body)
        assert (body["decision"], body["probability"], body["heatmap"]) == ("review", 0.0, None)
        assert "no number" in body["heatmap_missing"]
        assert service.metric("vision_ft_predictions_total", label="no-number", decision="review") == 1
        assert service.metric("vision_ft_predictions_total", label="red", decision="review") == 0
        assert service.metric("vision_ft_confidence_count", label="red") == 0
        assert service.metric("vision_ft_stage_seconds_count", stage="total") == 1
