"""What is wrong with a request is said in one sentence, as a problem document, and costs bounded memory."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from serving.app import create_app
from serving.errors import PROBLEM_JSON
from serving.schemas import Problem
from serving.settings import Limits, Settings
from tests.serving.conftest import Running, png, running, wait_for

JPEG = bytes(cv2.imencode(".jpg", np.full((60, 80, 3), 120, np.uint8))[1])
IMAGE = {"Content-Type": "image/jpeg"}


def bomb(width: int, height: int) -> bytes:
    """A valid grey PNG of zeros: a few hundred kilobytes that ask for width x height bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    squeeze = zlib.compressobj(9)
    row = bytes(width + 1)
    data = b"".join(squeeze.compress(row) for _ in range(height)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


CASES: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "empty body": ({"content": b"", "headers": IMAGE}, 400, "empty-body", "0 bytes"),
    "no body": ({"headers": IMAGE}, 400, "empty-body", "0 bytes"),
    "text as an image": ({"content": b"hello", "headers": IMAGE}, 422, "not-an-image", "expected JPEG, PNG"),
    "truncated JPEG": ({"content": JPEG[:-40], "headers": IMAGE}, 422, "truncated-image", "Send the whole file"),
    "truncated PNG": ({"content": png(9)[:-10], "headers": IMAGE}, 422, "truncated-image", "Send the whole file"),
    "JSON": ({"json": {"image": "..."}}, 415, "unsupported-media-type", "got application/json"),
    "curl's default": (
        {"content": JPEG, "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        415,
        "unsupported-media-type",
        "Set the Content-Type header",
    ),
    "another field": ({"files": {"photo": JPEG}}, 422, "missing-field", "a file in the field 'image'"),
    "text in the field": ({"files": {"other": (None, "x")}, "data": {"image": "x"}}, 422, "missing-field", "'image'"),
    "an empty file": ({"files": {"image": ("a.jpg", b"")}}, 400, "empty-body", "0 bytes"),
    "two files": ({"files": [("image", JPEG), ("image", JPEG)]}, 413, "too-many-images", "/v1/predict/batch"),
    "five files": ({"files": [("image", JPEG)] * 5}, 413, "too-many-images", "/v1/predict/batch"),
    "no form in a form": (
        {"content": b"nothing of the kind", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        400,
        "malformed-form",
        "cannot be read",
    ),
    "a form without boundary": (
        {"content": b"--x", "headers": {"Content-Type": "multipart/form-data"}},
        400,
        "malformed-form",
        "boundary",
    ),
    "a form cut off": (
        {
            "content": b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nabc',
            "headers": {"Content-Type": "multipart/form-data; boundary=x"},
        },
        422,
        "missing-field",
        "no complete file",
    ),
    "misspelt parameter": (
        {"content": JPEG, "headers": IMAGE, "params": {"heatmpa": "png"}},
        422,
        "invalid-parameter",
        "Did you mean heatmap?",
    ),
    "wrong value": (
        {"content": JPEG, "headers": IMAGE, "params": {"heatmap": "jpg"}},
        422,
        "invalid-parameter",
        "none, png, overlay or mask",
    ),
    "wrong slice": (
        {"content": JPEG, "headers": IMAGE, "params": {"slice": "camera"}},
        422,
        "invalid-parameter",
        "name=value",
    ),
    "too many slices": (
        {"content": JPEG, "headers": IMAGE, "params": {"slice": [f"s{i}=1" for i in range(17)]}},
        422,
        "invalid-parameter",
        "at most 16",
    ),
    "empty part": ({"content": JPEG, "headers": IMAGE, "params": {"part": ""}}, 422, "invalid-parameter", "part"),
    "wrong form value": ({"files": {"image": JPEG}, "data": {"heatmap": "x"}}, 422, "invalid-parameter", "heatmap"),
}


def check(answer: Any, status: int, slug: str, words: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM_JSON
    problem = Problem.model_validate(answer.json())
    assert problem.status == status
    assert problem.type == f"/problems#{slug}"
    assert words in problem.detail
    assert problem.request_id == answer.headers["x-request-id"]
    assert problem.detail[0].isupper()
    assert problem.detail.endswith((".", "?"))
    assert "Traceback" not in answer.text
    assert "\n" not in problem.detail


@pytest.mark.parametrize("name", CASES)
def test_bad_requests(shared: Running, name: str) -> None:
    request, status, slug, words = CASES[name]
    before = shared.metric("vision_ft_rejected_total", reason=slug)
    check(shared.client.post("/v1/predict", **request), status, slug, words)
    assert shared.metric("vision_ft_rejected_total", reason=slug) == before + 1
    assert shared.metric("vision_ft_pending_body_bytes") == 0


def test_the_service_goes_on_after_all_of_them(shared: Running) -> None:
    assert shared.predict(png(200)).json()["label"] == "red"
    assert shared.metric("vision_ft_queue_depth") == 0


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/nothing", 404), ("GET", "/v1/predict", 405)])
def test_the_frameworks_own_errors_are_problems_too(shared: Running, method: str, path: str, status: int) -> None:
    answer = shared.client.request(method, path)
    check(answer, status, {404: "not-found", 405: "method-not-allowed"}[status], path)
    assert status != 405 or answer.headers["allow"] == "POST"


def test_a_bomb_is_refused_by_its_header(shared: Running) -> None:
    data = bomb(10_000, 10_000)
    assert len(data) < 200_000
    check(shared.predict(data), 413, "image-too-large", "got 10000 x 10000 = 100 megapixels")


@pytest.fixture(scope="module")
def small(bundle: Path) -> Any:
    limits = Limits(max_body_mb=0.1, read_timeout_s=0.5, max_pending_mb=0.15, max_megapixels=0.01)
    with running(Settings(bundle=bundle, limits=limits)) as service:
        yield service


def test_a_declared_oversized_body_is_refused(small: Running) -> None:
    answer = small.client.post("/v1/predict", content=bytes(300_000), headers=IMAGE)
    check(answer, 413, "body-too-large", "at most 0.1 MB, got 0.3 MB")
    assert answer.headers["connection"] == "close"


def test_a_body_declared_far_too_large_is_refused_unread(small: Running) -> None:
    connection = http.client.HTTPConnection(small.url.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", "/v1/predict")
    connection.putheader("Content-Type", "image/jpeg")
    connection.putheader("Content-Length", str(10**12))
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 413
    assert json.loads(response.read())["type"] == "/problems#body-too-large"
    connection.close()


def test_an_undeclared_oversized_body_is_refused(small: Running) -> None:
    answer = small.client.post("/v1/predict", content=(bytes(10_000) for _ in range(100)), headers=IMAGE)
    check(answer, 413, "body-too-large", "at most 0.1 MB, got more")


def test_a_body_that_has_ended_is_not_waited_for(bundle: Path) -> None:
    app = create_app(Settings(bundle=bundle, limits=Limits(max_body_mb=0.01)))
    messages = [{"type": "http.request", "body": bytes(8_000), "more_body": more} for more in (True, False)]
    answers: list[Any] = []

    async def receive() -> Any:
        assert messages, "the body had ended"
        return messages.pop(0)

    async def send(message: Any) -> None:
        answers.append(message)

    async def ask() -> None:
        async with app.router.lifespan_context(app):
            headers = [(b"content-type", b"image/png"), (b"transfer-encoding", b"chunked")]
            scope = {"type": "http", "method": "POST", "path": "/v1/predict", "query_string": b"", "headers": headers}
            await app({**scope, "http_version": "1.1", "scheme": "http"}, receive, send)

    asyncio.run(ask())
    assert answers[0]["status"] == 413


def test_an_oversized_form_is_refused(small: Running) -> None:
    answer = small.client.post("/v1/predict", files={"image": bytes(200_000)})
    check(answer, 413, "body-too-large", "at most 0.1 MB")


def test_the_limit_of_pixels_can_be_set(small: Running) -> None:
    check(small.predict(png(1, width=101, height=100)), 413, "image-too-large", "at most 0.01 megapixels")
    assert small.predict(png(1, width=100, height=100)).status_code == 200


def test_a_body_that_never_comes_is_given_up(small: Running) -> None:
    host, port = small.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 99\r\n\r\nabc")
        answer = b"".join(iter(lambda: raw.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"slow-body" in answer


def test_a_client_that_leaves_half_way_does_no_harm(small: Running) -> None:
    host, port = small.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 99\r\n\r\nabc")
    assert small.predict(png(200)).status_code == 200
    # The service learns of the closed connection a moment after the client has closed it.
    until = time.monotonic() + 10
    while small.metric("vision_ft_pending_body_bytes") and time.monotonic() < until:
        time.sleep(0.02)
    assert small.metric("vision_ft_pending_body_bytes") == 0


def test_bodies_beyond_the_services_memory_are_refused_for_a_while(small: Running) -> None:
    small.service.bodies.held += 100_000  # as if other requests held them
    try:
        answer = small.client.post("/v1/predict", content=bytes(90_000), headers=IMAGE)
    finally:
        small.service.bodies.held -= 100_000
    check(answer, 503, "overloaded", "memory limit")
    assert answer.headers["retry-after"] == "1"


def test_a_body_that_the_services_memory_can_never_hold_is_too_large(bundle: Path) -> None:
    with running(Settings(bundle=bundle, limits=Limits(max_pending_mb=0.05))) as service:
        answer = service.client.post("/v1/predict", content=bytes(80_000), headers=IMAGE)
        check(answer, 413, "body-too-large", "raise limits.max_pending_mb")
        chunks = (bytes(10_000) for _ in range(8))
        check(service.client.post("/v1/predict", content=chunks, headers=IMAGE), 413, "body-too-large", "0.05 MB")


@pytest.mark.parametrize("charset", ["undefined", "utf-7", "utf-8", "nonsense", "idna"])
def test_a_forms_charset_is_no_trap(shared: Running, charset: str) -> None:
    names = "Schlüssel+2AA-".encode()
    body = (
        b'--x\r\nContent-Disposition: form-data; name="part"\r\n\r\n' + names + b"\r\n"
        b'--x\r\nContent-Disposition: form-data; name="images"; filename="' + names + b'"\r\n\r\n'
        + png(200) + b"\r\n--x--\r\n"
    )  # fmt: skip
    headers = {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
    answer = shared.client.post("/v1/predict/batch", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["part"] == answer.json()["results"][0]["file"] == "Schlüssel+2AA-"


def test_heatmaps_of_huge_images_are_refused(bundle: Path) -> None:
    with running(Settings(bundle=bundle, limits=Limits(max_heatmap_megapixels=0.001))) as service:
        body = service.predict(png(200), params={"heatmap": "png"}).json()
        assert body["label"] == "red"
        assert body["heatmap"] is None
        assert "at most 0.001 megapixels" in body["heatmap_missing"]
        check(service.predict(png(200), headers={"Accept": "image/png"}), 406, "no-heatmap", "too large for a heatmap")


def test_an_unexpected_failure_is_logged_and_not_shown(
    shared: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a secret of the inside")

    monkeypatch.setattr(shared.service.metrics, "count_prediction", fail)
    answer = shared.predict(png(200), headers={"X-Request-ID": "find-me"})
    check(answer, 500, "internal-error", "find-me")
    assert "secret" not in answer.text
    assert any("find-me" in r.getMessage() and r.exc_info for r in caplog.records)


def test_nothing_of_the_image_or_query_is_logged(shared: Running, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", logger="vision_ft.serving"):
        shared.predict(b"secret-pixels", params={"part": "secret-part"})
        shared.client.post("/v1/predict", files={"image": ("secret-name.png", png(200))})
        wait_for(lambda: re.search(r"POST /v1/predict 200 ok .* request_id=", caplog.text))
    assert re.search(r"POST /v1/predict 422 not-an-image .* request_id=", caplog.text)
    assert "secret" not in caplog.text
