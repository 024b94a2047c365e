"""Batching, isolation, deadlines, a full queue, and stopping."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from serving.engine.collector import Collector
from serving.engine.work import Work
from serving.settings import Batching, Settings
from tests.serving.conftest import Gated, Running, png, running, wait_for


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
