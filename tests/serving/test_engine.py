"""Batching, isolation, deadlines, a full queue, and stopping."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from serving.engine.collector import Collector
from serving.engine.engine import Engine
from serving.engine.work import Work
from serving.errors import DeadlineError
from serving.settings import Batching, Settings
from tests.serving.conftest import Gated, Running, png, running, wait_for
from vision_ft.bundle.predictor import Prepared


def test_a_hundred_at_once_each_get_their_own_answer(shared: Running) -> None:
    def ask(number: int) -> tuple[int, dict[str, float]]:
        colour = [40, 40, 40]
        colour[number % 3] = 100 + number
        answer = shared.predict(png(*colour), headers={"X-Request-ID": f"n{number}"})
        assert answer.json()["request_id"] == f"n{number}"
        return number, answer.json()["probabilities"]

    expected = {}
    for number in (0, 50, 99):
        expected[number] = ask(number)[1]
    with ThreadPoolExecutor(32) as pool:
        answers = dict(pool.map(ask, range(100)))
    for number, probabilities in answers.items():
        label = ("red", "green", "blue")[number % 3]
        assert max(probabilities, key=probabilities.__getitem__) == label
    for number, probabilities in expected.items():
        assert answers[number] == pytest.approx(probabilities, abs=1e-4)
    # The brighter, the surer: an answer of a neighbour in the batch would break the order.
    for colour, label in enumerate(("red", "green", "blue")):
        sure = [answers[number][label] for number in range(colour, 100, 3)]
        assert sure == sorted(sure)
        assert len(set(sure)) == len(sure)


def test_what_waits_is_taken_together(bundle: Path, gated: Gated) -> None:
    with running(Settings(bundle=bundle, batching=Batching(max_images=4)), gated) as service:
        gated.batches.clear()
        with ThreadPoolExecutor(12) as pool, gated.held():
            first = pool.submit(service.predict, png(200))
            wait_for(gated.entered.is_set)
            others = [pool.submit(service.predict, png(0, 200)) for _ in range(9)]
            wait_for(lambda: service.service.engine.waiting == 9)
            gated.gate.set()
            assert first.result().json()["label"] == "red"
            assert [o.result().json()["label"] for o in others] == ["green"] * 9
        assert gated.batches == [1, 4, 4, 1]
        assert service.metric("vision_ft_batch_size_sum") == 10
        assert service.metric("vision_ft_batch_size_count") == 4


def test_one_failure_costs_its_neighbours_nothing(bundle: Path, gated: Gated) -> None:
    with running(Settings(bundle=bundle, batching=Batching(max_images=8)), gated) as service:
        with ThreadPoolExecutor(6) as pool, gated.held():
            first = pool.submit(service.predict, png(200))
            wait_for(gated.entered.is_set)
            others = [pool.submit(service.predict, image) for image in (png(200), png(255, 255, 255), png(0, 200))]
            wait_for(lambda: service.service.engine.waiting == 3)
            gated.gate.set()
            answers = sorted(o.result().status_code for o in others)
            assert first.result().status_code == 200
        assert answers == [200, 200, 500]
        assert service.predict(png(200)).json()["label"] == "red"


def test_an_answer_that_takes_too_long_is_a_504(bundle: Path, gated: Gated) -> None:
    with running(Settings(bundle=bundle, deadline_s=0.2), gated) as service:
        with gated.held():
            answer = service.predict(png(200))
            assert answer.status_code == 504
            assert answer.json()["type"] == "/problems#deadline-exceeded"
            assert "within 0.2 s" in answer.json()["detail"]
        wait_for(lambda: service.service.engine.depth == 0)
        assert service.predict(png(200)).status_code == 200


def test_what_nobody_waits_for_any_more_is_not_computed(bundle: Path, gated: Gated) -> None:
    with running(Settings(bundle=bundle, deadline_s=0.3), gated) as service:
        gated.batches.clear()
        with ThreadPoolExecutor(4) as pool, gated.held():
            first = pool.submit(service.predict, png(200))
            wait_for(gated.entered.is_set)
            others = [pool.submit(service.predict, png(200)) for _ in range(3)]
            assert [f.result().status_code for f in (first, *others)] == [504] * 4
        wait_for(lambda: service.service.engine.depth == 0)
        assert gated.batches == [1]


def test_a_full_queue_says_when_to_come_back(bundle: Path, gated: Gated) -> None:
    with running(Settings(bundle=bundle, batching=Batching(queue=3)), gated) as service:
        with ThreadPoolExecutor(3) as pool, gated.held():
            inside = [pool.submit(service.predict, png(200)) for _ in range(3)]
            wait_for(lambda: service.service.engine.depth == 3)
            assert service.metric("vision_ft_queue_depth") == 3
            assert service.metric("vision_ft_requests_in_flight") == 3
            refused = service.predict(png(200))
            gated.gate.set()
            assert [f.result().status_code for f in inside] == [200] * 3
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["type"] == "/problems#overloaded"
        assert service.predict(png(200)).status_code == 200


def test_stopping_answers_what_is_inside(bundle: Path, gated: Gated) -> None:
    with ThreadPoolExecutor(4) as pool, running(Settings(bundle=bundle), gated) as service, gated.held():
        inside = [pool.submit(service.predict, png(200)) for _ in range(4)]
        wait_for(lambda: service.service.engine.depth == 4)
        threading.Timer(0.3, gated.gate.set).start()
        service.server.should_exit = True
        assert [f.result().status_code for f in inside] == [200] * 4


def test_a_stopping_service_takes_nothing_new(bundle: Path) -> None:
    with running(Settings(bundle=bundle)) as service:
        assert service.client.get("/readyz").status_code == 200
        service.service.engine.stop_taking()
        assert service.client.get("/readyz").json() == {"status": "stopping", "model_version": "20260101-tiny"}
        assert service.client.get("/readyz").status_code == 503
        assert service.client.get("/healthz").status_code == 200
        answer = service.predict(png(200))
        assert answer.status_code == 503
        assert answer.json()["type"] == "/problems#shutting-down"
        assert "retry-after" in answer.headers


def test_one_deadline_for_stopping(bundle: Path, gated: Gated, caplog: pytest.LogCaptureFixture) -> None:
    with gated.held(), running(Settings(bundle=bundle, deadline_s=0.2, drain_s=300), gated) as service:
        assert service.predict(png(200)).status_code == 504
        assert service.service.engine.depth == 1
        # As a server does that has waited for its requests already: the app does not wait once more.
        service.service.engine.stop_taking(0.0)
    assert "stopped with 1 images unanswered" in caplog.text


class SlowDecode(Gated):
    """Decodes when the gate is opened, too."""

    decoded = 0

    def prepare(self, data: Any, *, max_pixels: int | None = None) -> Prepared:
        self.decoded += 1
        self.entered.set()
        assert self.gate.wait(20), "the test never opened the gate"
        return super().prepare(data, max_pixels=max_pixels)


def test_what_is_still_decoded_after_a_504_is_counted(bundle: Path) -> None:
    predictor = SlowDecode(bundle)
    settings = Settings(bundle=bundle, deadline_s=0.2, batching=Batching(decode_threads=1))
    with running(settings, predictor) as service:
        with predictor.held():
            image = png(200)
            assert service.predict(image).status_code == 504
            assert service.metric("vision_ft_pending_body_bytes") == len(image)
        wait_for(lambda: service.metric("vision_ft_pending_body_bytes") == 0)


def test_what_was_given_up_holds_no_image(bundle: Path) -> None:
    gone = threading.Event()

    class Noted(bytes):
        def __del__(self) -> None:
            gone.set()

    predictor = SlowDecode(bundle)

    async def ask() -> None:
        settings = Settings(bundle=bundle, deadline_s=0.2, batching=Batching(decode_threads=1))
        engine = Engine(predictor, settings, lambda _: None)
        await engine.start()
        with predictor.held():
            asked = [engine.submit(png(200)), engine.submit(Noted(png(200)))]
            answers = await asyncio.gather(*asked, return_exceptions=True)
            assert [type(answer) for answer in answers] == [DeadlineError] * 2
            assert gone.is_set()
            assert engine.depth == 2
        await engine.close(20)
        assert predictor.decoded == 1

    asyncio.run(ask())


def test_what_nobody_is_there_to_read_is_not_computed(bundle: Path, gated: Gated) -> None:
    with running(Settings(bundle=bundle), gated) as service:
        gated.batches.clear()
        host, port = service.url.removeprefix("http://").split(":")
        image = png(200)
        head = f"Host: x\r\nContent-Type: image/png\r\nContent-Length: {len(image)}\r\n\r\n".encode()
        form = b'--b\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n' + image + b"\r\n--b--\r\n"
        form_type = f"Host: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(form)}\r\n\r\n"
        with ThreadPoolExecutor(1) as pool, gated.held():
            first = pool.submit(service.predict, image)
            wait_for(gated.entered.is_set)
            with (
                socket.create_connection((host, int(port)), timeout=10) as one,
                socket.create_connection((host, int(port)), timeout=10) as several,
            ):
                one.sendall(b"POST /v1/predict HTTP/1.1\r\n" + head + image)
                several.sendall(b"POST /v1/predict/batch HTTP/1.1\r\n" + form_type.encode() + form)
                wait_for(lambda: service.service.engine.waiting == 2)
            wait_for(lambda: service.metric("vision_ft_rejected_total", reason="client-left") == 2)
            gated.gate.set()
            assert first.result().status_code == 200
        wait_for(lambda: service.service.engine.depth == 0)
        assert gated.batches == [1]
        assert service.metric("vision_ft_predictions_total", label="red", decision="reject") == 1
        assert service.metric("vision_ft_pending_body_bytes") == 0


def work() -> Work:
    return Work(b"", future=None)  # type: ignore[arg-type]


def test_a_lone_image_does_not_wait() -> None:
    collector = Collector(max_images=8, max_wait_s=5.0)
    collector.announce()
    collector.put(work())
    began = time.perf_counter()
    assert len(collector.take()) == 1
    assert time.perf_counter() - began < 1.0


def test_announced_images_are_waited_for() -> None:
    collector = Collector(max_images=8, max_wait_s=5.0)
    for _ in range(3):
        collector.announce()
    collector.put(work())
    threading.Timer(0.05, collector.put, [work()]).start()
    threading.Timer(0.1, collector.withdraw).start()
    assert len(collector.take()) == 2


def test_the_wait_is_bounded() -> None:
    collector = Collector(max_images=8, max_wait_s=0.05)
    collector.announce()
    collector.announce()
    collector.put(work())
    assert len(collector.take()) == 1


def test_a_full_batch_goes_at_once() -> None:
    collector = Collector(max_images=2, max_wait_s=5.0)
    for _ in range(4):
        collector.announce()
    for _ in range(3):
        collector.put(work())
    began = time.perf_counter()
    assert len(collector.take()) == 2
    assert time.perf_counter() - began < 1.0


def test_a_closed_collector_gives_the_rest_and_then_nothing() -> None:
    collector = Collector(max_images=2, max_wait_s=0.0)
    for _ in range(3):
        collector.announce()
        collector.put(work())
    collector.close()
    assert [len(collector.take()) for _ in range(4)] == [2, 1, 0, 0]
