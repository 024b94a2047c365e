"""Health and readiness: they say so when images are not answered, and when they are again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from serving.schemas import Health, Readiness
from serving.settings import Settings
from tests.serving.conftest import Gated, Running, png, running, wait_for


def states(service: Running) -> tuple[int, int]:
    """Statuses of /healthz and /readyz, whose answers have the shape that the description says."""
    health, readiness = service.client.get("/healthz"), service.client.get("/readyz")
    Health.model_validate(health.json())
    Readiness.model_validate(readiness.json())
    assert (health.status_code == 200) == (health.json()["status"] == "ok")
    assert (readiness.status_code == 200) == (readiness.json()["status"] == "ready")
    return health.status_code, readiness.status_code


class Breaking(Gated):
    """A predictor whose graph fails on everything, blank images too, while it is broken."""

    broken = False

    def infer(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        if self.broken:
            raise RuntimeError("CUDA error: unspecified launch failure")
        return super().infer(pixels)


def test_a_graph_that_fails_on_everything_is_told(bundle: Path) -> None:
    predictor = Breaking(bundle)
    with running(Settings(bundle=bundle), predictor) as service:
        predictor.broken = True
        for _ in range(5):
            assert states(service) == (200, 200)
            assert service.predict(png(200)).status_code == 500
        assert states(service) == (503, 503)
        body = service.client.get("/readyz").json()
        assert body["status"] == "failed"
        assert "runs of the graph failed" in body["detail"]
        assert service.client.get("/healthz").json()["status"] == "failed"
        predictor.broken = False
        assert service.predict(png(200)).status_code == 200
        assert states(service) == (200, 200)


def test_a_graph_that_works_again_is_found_without_traffic(bundle: Path) -> None:
    predictor = Breaking(bundle)
    with running(Settings(bundle=bundle), predictor) as service:
        predictor.broken = True
        for _ in range(5):
            service.predict(png(200))
        assert states(service) == (503, 503)
        predictor.broken = False
        wait_for(lambda: states(service) == (200, 200))
        assert service.metric("vision_ft_predictions_total", label="red", decision="reject") == 0


def test_an_image_that_fails_now_and_then_is_its_own_fault(bundle: Path, gated: Gated) -> None:
    with running(Settings(bundle=bundle), gated) as service:
        for _ in range(3):
            for _ in range(4):
                assert service.predict(png(255, 255, 255)).status_code == 500
            assert service.predict(png(200)).status_code == 200
        assert states(service) == (200, 200)


def test_a_hung_graph_is_told(bundle: Path, gated: Gated) -> None:
    with running(Settings(bundle=bundle, deadline_s=0.2), gated) as service, ThreadPoolExecutor(1) as pool:
        with gated.held():
            late = pool.submit(service.predict, png(200))
            wait_for(lambda: states(service) == (503, 503))
            body = service.client.get("/readyz").json()
            assert body["status"] == "failed"
            assert "not come back" in body["detail"]
            assert late.result().status_code == 504
        wait_for(lambda: states(service) == (200, 200))


def test_a_dead_thread_is_told_by_both(bundle: Path, gated: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(Settings(bundle=bundle, deadline_s=0.5), gated) as service:
        engine = service.service.engine
        monkeypatch.setattr(engine._collector, "take", list)  # as if closed: the thread ends after its next batch
        assert service.predict(png(200)).status_code == 200
        wait_for(lambda: states(service) == (503, 503))
        assert "thread has ended" in service.client.get("/readyz").json()["detail"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_head_is_answered_like_get(shared: Running, path: str) -> None:
    answer = shared.client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
