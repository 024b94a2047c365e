"""The verb `serve`: settings, a socket, a bundle, and a server that stops without losing an answer."""

from __future__ import annotations

import logging
import math
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vision_ft.errors import VisionFTError

if TYPE_CHECKING:
    from serving.settings import Settings

SUMMARY = "Serve a bundle over HTTP, with metrics for Prometheus."


class PortError(VisionFTError):
    """The service cannot listen at the address that it was given."""


def run(argv: Sequence[str]) -> int:
    """Serve until interrupted or terminated; 0 after a clean stop, 2 for wrong flags, 1 for what else goes wrong."""
    # Read when numpy is first imported. Its other threads would spin beside ONNX Runtime's and decode's, for
    # products too small to gain anything: measured, that doubles the CPU time of an answer.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Nothing heavy before it is needed: the command line imports this file to list its verbs.
    from serving.sources import read_settings

    try:
        return _serve(read_settings(argv))
    except VisionFTError as error:
        print(f"vision-ft serve: {error}", file=sys.stderr)
        return error.exit_code


def bind(host: str, port: int) -> socket.socket:
    """A bound socket.

    Raises `PortError` when the port is taken, or the address is not of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:  # the second for what is no host's name at all, such as a..b
        raise PortError(f"host {host}", expected="an address of this machine", got=_reason(error)) from error
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(1024)  # now, not after the bundle is loaded: only a listening socket keeps others off the port
    except OSError as error:
        listener.close()
        raise PortError(
            f"cannot listen at {host}:{port}",
            got=_reason(error),
            remedy="Choose another with --port (0: any free one).",
        ) from error
    listener.set_inheritable(True)
    return listener


def _serve(settings: Settings) -> int:
    from serving.service import open_predictor

    listener = bind(settings.host, settings.port)
    try:
        predictor = open_predictor(settings)

        import uvicorn

        from serving.app import create_app
        from serving.server import Server

        logging.basicConfig(
            level=settings.log_level.upper(),
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
            stream=sys.stderr,
        )
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        app = create_app(settings, predictor)
        manifest = predictor.manifest
        server = Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="on",
                ws="none",
                server_header=False,
                timeout_keep_alive=65,
                timeout_graceful_shutdown=math.ceil(settings.drain_s),
            ),
            settings,
            on_started=lambda: _announce(settings, listener, manifest.name, manifest.version, predictor.device),
        )
        with _stopping_is_normal():
            server.run(sockets=[listener])
        return 0 if server.started else 1
    finally:
        listener.close()


def _announce(settings: Settings, listener: socket.socket, name: str, version: str, device: str) -> None:
    host = settings.host if settings.host not in ("0.0.0.0", "::") else socket.gethostname()
    host = f"[{host}]" if ":" in host else host
    url = f"http://{host}:{listener.getsockname()[1]}"
    print(f"{name} {version} on {device}")
    for what, path in (("try it", "/"), ("API docs", "/docs"), ("metrics", "/metrics")):
        print(f"  {what:9} {url}{path}")
    print(f"  {'predict':9} curl --data-binary @part.jpg -H 'Content-Type: image/jpeg' {url}/v1/predict")
    print("Ctrl-C stops it.", flush=True)


@contextmanager
def _stopping_is_normal() -> Iterator[None]:
    """Let SIGTERM and SIGINT end the server and not the process.

    The server raises the signal that stopped it once more, to whoever listened before.
    """
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _reason(error: OSError | UnicodeError) -> str:
    return getattr(error, "strerror", None) or str(error)
