"""The demo's client: it speaks to this machine directly, and says in one sentence what went wrong."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from vision_ft.cli import service
from vision_ft.cli.service import ServiceError, ask


class _Service(BaseHTTPRequestHandler):
    """Answers an image with its length, and refuses an empty one."""

    def do_GET(self) -> None:
        self._answer(200, {})

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.rfile.read(length)
        self._answer(200 if length else 400, {"length": length})

    def _answer(self, code: int, content: dict[str, int]) -> None:
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    """Address of a service that runs in a thread."""
    with HTTPServer(("127.0.0.1", 0), _Service) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def _proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment with a proxy, as companies have them, at which nobody listens."""
    for name in ("no_proxy", "NO_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{_free_port()}")


class _Running:
    """Stands for the service's process while it runs."""

    def poll(self) -> None:
        return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.usefixtures("_proxy")
def test_a_companys_proxy_is_not_asked_for_this_machine(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_PATIENCE", 5.0)
    running: Any = _Running()
    service._wait(running, url, io.StringIO())
    assert ask(url, b"image") == {"length": 5}


def test_what_the_service_refuses_is_told_in_its_own_words(url: str) -> None:
    with pytest.raises(ServiceError, match=r'The service refused an image: got {"length": 0}'):
        ask(url, b"")


def test_a_service_that_is_gone_is_one_sentence() -> None:
    address = f"http://127.0.0.1:{_free_port()}"
    with pytest.raises(ServiceError, match=rf"^The service at {address} does not answer: got .*refused"):
        ask(address, b"image")


def test_a_service_that_hangs_up_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: listener.accept()[0].close())
        thread.start()
        with pytest.raises(ServiceError, match="does not answer: got "):
            ask(f"http://127.0.0.1:{listener.getsockname()[1]}", b"image")
        thread.join()
