"""A running service on a tiny bundle, and images to send to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from numpy.typing import NDArray

from serving.app import create_app
from serving.cli import bind
from serving.service import Service
from serving.settings import Settings
from tests.support.tiny_bundle import build_tiny_bundle
from vision_ft.bundle import Predictor, open_bundle


@dataclass(frozen=True)
class Running:
    """A service that listens, and a client of it."""

    url: str
    app: FastAPI
    server: uvicorn.Server
    client: httpx.Client

    @property
    def service(self) -> Service:
        service: Service = self.app.state.service
        return service

    def metric(self, name: str, **labels: str) -> float:
        """The value of one series."""
        value = self.service.metrics.registry.get_sample_value(name, labels)
        assert value is not None, f"no series {name} {labels}"
        return value

    def predict(self, image: bytes, **kwargs: Any) -> httpx.Response:
        """POST /v1/predict with a bare body."""
        headers = {"Content-Type": "image/png", **kwargs.pop("headers", {})}
        return self.client.post("/v1/predict", content=image, headers=headers, **kwargs)


class Gated(Predictor):
    """A predictor whose graph waits until the gate is opened, and fails on a white image in the batch."""

    def __init__(self, bundle: Path) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.batches: list[int] = []
        super().__init__(open_bundle(bundle), device="cpu", threads=1)

    def infer(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        self.batches.append(len(pixels))
        self.entered.set()
        assert self.gate.wait(20), "the test never opened the gate"
        if pixels.min(axis=(1, 2, 3)).max() == 255:
            raise RuntimeError("white is not foreseen")
        return super().infer(pixels)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the graph until the block ends."""
        self.gate.clear()
        self.entered.clear()
        try:
            yield
        finally:
            self.gate.set()


@contextmanager
def running(settings: Settings, predictor: Predictor | None = None) -> Iterator[Running]:
    """A service behind a real server on a free port, until the block ends."""
    app = create_app(settings, predictor)
    listener = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        assert server.started, "the service did not start"
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            yield Running(url, app, server, client)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def wait_for(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Wait until something holds that happens beside the test."""
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.005)


def png(red: int = 0, green: int = 0, blue: int = 0, *, width: int = 48, height: int = 40) -> bytes:
    """A PNG of one colour."""
    image = np.empty((height, width, 3), np.uint8)
    image[:] = (blue, green, red)
    return bytes(cv2.imencode(".png", image)[1])


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny bundle that answers with the dominant colour."""
    return build_tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def gated(bundle: Path) -> Gated:
    """A predictor whose graph a test can hold."""
    return Gated(bundle)


@pytest.fixture(scope="session")
def shared(bundle: Path) -> Iterator[Running]:
    """One service for all tests that only ask."""
    with running(Settings(bundle=bundle)) as service:
        yield service
