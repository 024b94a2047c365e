"""POST /v1/predict/batch: order, problems beside answers, the part's verdict."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.complete import answers_of
from serving.settings import Batching, Limits, Settings
from tests.serving.conftest import Gated, Running, png, running, wait_for

CLASSIFY = answers_of("classify")
RED, GREEN, BLUE = png(200), png(0, 200), png(0, 0, 200)


def send(service: Running, *images: bytes, **kwargs: Any) -> httpx.Response:
    files = [("images", (f"{index}.png", image, "image/png")) for index, image in enumerate(images)]
    return service.client.post("/v1/predict/batch", files=files, **kwargs)


def test_answers_keep_the_order(shared: Running) -> None:
    answer = send(shared, RED, GREEN, BLUE, GREEN, RED)
    body = answer.json()
    CLASSIFY.batch.model_validate(body)
    assert [r["label"] for r in body["results"]] == ["red", "green", "blue", "green", "red"]
    assert [r["file"] for r in body["results"]] == [f"{i}.png" for i in range(5)]
    assert [r["request_id"] for r in body["results"]] == [f"{body['request_id']}.{i}" for i in range(5)]
    assert answer.headers["x-request-id"] == body["request_id"]
    assert "part_decision" not in body


def test_a_bad_image_costs_the_others_nothing(shared: Running) -> None:
    body = send(shared, GREEN, b"no image", RED[:-30], b"", BLUE).json()
    CLASSIFY.batch.model_validate(body)
    assert [r.get("label") for r in body["results"]] == ["green", None, None, None, "blue"]
    problems = body["results"][1:4]
    assert [p["type"].split("#")[1] for p in problems] == ["not-an-image", "truncated-image", "empty-body"]
    assert [p["status"] for p in problems] == [422, 422, 400]


@pytest.mark.parametrize(
    ("images", "verdict"),
    [
        ([GREEN, GREEN], "pass"),
        ([GREEN, RED], "reject"),
        ([GREEN, png(0, 70, 60)], "review"),
        ([GREEN, b"no image"], "review"),
        ([RED, b"no image"], "reject"),
    ],
)
def test_the_worst_image_decides_on_the_part(shared: Running, images: list[bytes], verdict: str) -> None:
    body = send(shared, *images, data={"part": "P-9"}).json()
    assert (body["part"], body["part_decision"]) == ("P-9", verdict)


def test_heatmaps_for_all(shared: Running) -> None:
    body = send(shared, RED, GREEN, params={"heatmap": "png"}).json()
    assert all(r["heatmap"] for r in body["results"])


def test_images_of_one_request_share_batches(bundle: Path) -> None:
    with running(Settings(bundle=bundle, batching=Batching(max_images=8, max_wait_ms=500.0))) as service:
        assert len(send(service, *[RED] * 8).json()["results"]) == 8
        assert service.metric("vision_ft_batch_size_count") < 8


@pytest.mark.parametrize(
    ("limits", "images", "status", "words"),
    [
        (Limits(max_batch_images=3), [RED] * 4, 413, "expected at most 3"),
        (Limits(max_batch_images=3), [RED] * 9, 413, "expected at most 3"),
        (Limits(max_batch_body_mb=0.01), [png(1) + bytes(20_000)], 413, "limits.max_batch_body_mb"),
    ],
)
def test_limits_of_the_request(bundle: Path, limits: Limits, images: list[bytes], status: int, words: str) -> None:
    with running(Settings(bundle=bundle, limits=limits)) as service:
        answer = send(service, *images)
    assert answer.status_code == status
    assert words in answer.json()["detail"]


def test_the_limit_of_one_image_holds_for_each(bundle: Path) -> None:
    with running(Settings(bundle=bundle, limits=Limits(max_body_mb=0.01))) as service:
        body = send(service, RED, RED + bytes(20_000)).json()
    assert [r.get("status", 200) for r in body["results"]] == [200, 413]
    assert body["results"][1]["type"] == "/problems#body-too-large"
    assert "too many bytes" in body["results"][1]["detail"]


def test_a_request_that_can_never_fit_the_queue_is_too_large(bundle: Path) -> None:
    with running(Settings(bundle=bundle, batching=Batching(queue=2))) as service:
        answer = send(service, RED, RED, RED)
    assert answer.status_code == 413
    assert answer.json()["type"] == "/problems#too-many-images"
    assert "batching.queue" in answer.json()["detail"]
    assert "retry-after" not in answer.headers


def test_a_request_that_does_not_fit_now_is_refused_whole(bundle: Path, gated: Gated) -> None:
    with running(Settings(bundle=bundle, batching=Batching(queue=2)), gated) as service:
        with ThreadPoolExecutor(1) as pool, gated.held():
            inside = pool.submit(service.predict, RED)
            wait_for(gated.entered.is_set)
            answer = send(service, RED, RED)
            gated.gate.set()
            assert inside.result().status_code == 200
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1


def test_a_bare_image_is_refused(shared: Running) -> None:
    answer = shared.client.post("/v1/predict/batch", content=RED, headers={"Content-Type": "image/png"})
    assert answer.status_code == 415
    assert "multipart/form-data" in answer.json()["detail"]


def test_another_field_is_refused(shared: Running) -> None:
    answer = shared.client.post("/v1/predict/batch", files=[("image", ("a.png", RED))])
    assert answer.status_code == 422
    assert "'images'" in answer.json()["detail"]
