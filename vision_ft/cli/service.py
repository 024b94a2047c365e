"""A service in a process of its own, and a client for it: what the demo needs.

The library does not import the service; it is started as a program of its own.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from vision_ft.errors import VisionFTError

_PATIENCE = 60.0
# The service is on this machine. urllib would send even 127.0.0.1 through the proxy of the environment.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# What the way to a service can go wrong with: no connection, none in time, or words that are no HTTP.
_NO_ANSWER = (OSError, http.client.HTTPException)


class ServiceError(VisionFTError):
    """The service did not start, does not answer, or refused an image."""


@contextmanager
def serving(bundle: Path) -> Iterator[str]:
    """Serve a bundle on a free port of this machine, and give its address; it stops at the end.

    Raises `ServiceError` when it does not come up, with what it said.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "serving", str(bundle), "--host", "127.0.0.1", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    # A file, not a pipe: nobody would read the pipe while the service runs, and it would block when full.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, text=True)
        try:
            _wait(process, url, said)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def ask(url: str, image: bytes) -> dict[str, Any]:
    """The service's answer on an encoded image.

    Raises `ServiceError`, with the service's own words where it refuses, and with the reason where no
    answer comes.
    """
    request = urllib.request.Request(
        f"{url}/v1/predict", data=image, headers={"Content-Type": "application/octet-stream"}
    )
    try:
        with _DIRECT.open(request, timeout=_PATIENCE) as response:
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            raise ServiceError("The service refused an image", got=error.read().decode(errors="replace")) from None
    except _NO_ANSWER as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise ServiceError(f"The service at {url} does not answer", got=str(reason) or type(reason).__name__) from None
    return answer


def _wait(process: subprocess.Popen[str], url: str, said: IO[str]) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if process.poll() is not None:
            said.seek(0)
            lines = said.read().strip().splitlines()
            raise ServiceError("The service did not start", got=lines[-1] if lines else "no word")
        try:
            with _DIRECT.open(f"{url}/readyz", timeout=2):
                return
        except _NO_ANSWER:
            time.sleep(0.2)
    raise ServiceError("The service did not start", got=f"no answer for {_PATIENCE:.0f} s")
