"""`vision-ft serve`: start, say where to look, stop without losing an answer, and plain errors."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving import cli
from tests.serving.conftest import png
from tests.serving.test_bad_input import bomb
from tests.support.tiny_bundle import build_tiny_bundle
from vision_ft.bundle import Predictor

REPOSITORY = Path(__file__).resolve().parents[2]


@contextmanager
def started(*argv: str, code: str | None = None) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A service in a process of its own: the process, its address, and what it printed."""
    start = ["-c", code] if code else ["-m", "serving"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("VISION_FT_")}
    process = subprocess.Popen(
        [sys.executable, *start, *argv, "--port", "0", "--device", "cpu"],
        cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        printed = ""
        for line in process.stdout:
            printed += line
            if "Ctrl-C" in line:
                break
        found = re.search(r"http://[\d.]+:\d+", printed)
        assert found, printed + (process.stderr.read() if process.stderr else "")
        yield process, found[0], printed
    finally:
        process.kill()
        process.communicate()


def test_it_says_where_to_look_and_stops_on_sigterm(bundle: Path) -> None:
    with started(str(bundle)) as (process, url, printed):
        assert "tiny 20260101-tiny on cpu" in printed
        for path in ("/docs", "/metrics", "/v1/predict"):
            assert f"{url}{path}" in printed
        assert httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0
        assert "Traceback" not in errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_open_requests_finish(bundle: Path, number: signal.Signals) -> None:
    slow = (
        "import sys, time; from vision_ft.bundle import Predictor; infer = Predictor.infer\n"
        "def late(self, pixels):\n"
        "    time.sleep(0.8 if pixels.any() else 0); return infer(self, pixels)\n"
        "Predictor.infer = late\n"
        "from serving.cli import run; sys.exit(run(sys.argv[1:]))"
    )
    with started(str(bundle), "--batching.max_images", "1", code=slow) as (process, url, _):
        answers: list[httpx.Response] = []

        def ask() -> None:
            answers.append(httpx.post(f"{url}/v1/predict", content=png(200), timeout=20, trust_env=False))

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        until = time.monotonic() + 20
        # Both, and the scrape itself.
        while "requests_in_flight 3.0" not in httpx.get(f"{url}/metrics", timeout=20, trust_env=False).text:
            assert time.monotonic() < until, "the requests never arrived"
        process.send_signal(number)
        for thread in threads:
            thread.join()
        process.communicate(timeout=20)
        assert [a.status_code for a in answers] == [200, 200]
        assert process.returncode == 0


def test_a_stopping_service_says_so_before_it_closes_its_port(bundle: Path) -> None:
    with started(str(bundle), "--drain_delay_s", "600") as (process, url, _):
        process.send_signal(signal.SIGTERM)
        until = time.monotonic() + 20
        # Each on a connection of its own: the port is still open.
        while (ready := httpx.get(f"{url}/readyz", trust_env=False)).status_code == 200:
            assert time.monotonic() < until, "the signal was never noticed"
        assert (ready.status_code, ready.json()["status"]) == (503, "stopping")
        # A part that is sent while the load balancer has not looked yet is not lost.
        answer = httpx.post(f"{url}/v1/predict", content=png(200), trust_env=False)
        assert answer.status_code == 200
        process.send_signal(signal.SIGTERM)  # no more patience
        process.communicate(timeout=20)
        assert process.returncode == 0


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str]:
    code = cli.run(list(argv))
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert errors.startswith("vision-ft serve: ")
    return code, errors


def test_a_port_in_use(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, errors = run(capsys, str(bundle), "--port", str(taken.getsockname()[1]))
    assert code == 1
    assert "Address already in use" in errors
    assert "--port" in errors


def test_an_address_of_another_machine(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, errors = run(capsys, str(bundle), "--port", "0", "--host", "192.0.2.1")
    assert (code, "192.0.2.1" in errors) == (1, True)


def test_an_address_that_is_none(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, errors = run(capsys, str(bundle), "--port", "0", "--host", "a..b")
    assert (code, "host a..b" in errors) == (1, True)


def test_a_graph_that_fails_on_its_first_batch(
    bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    infer = Predictor.infer

    def small(self: Predictor, pixels: Any) -> Any:
        if len(pixels) > 1:
            raise RuntimeError("Failed to allocate memory\nand more lines")
        return infer(self, pixels)

    monkeypatch.setattr(Predictor, "infer", small)
    code, errors = run(capsys, str(bundle), "--port", "0", "--device", "cpu")
    assert code == 1
    assert "does not answer a batch of 4: got Failed to allocate memory. Export" in errors


def test_a_missing_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, errors = run(capsys, str(tmp_path / "nothing"), "--port", "0")
    assert code == 1
    assert "is not a bundle" in errors


def test_a_changed_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = build_tiny_bundle(tmp_path / "bundle")
    with (folder / "model.onnx").open("ab") as model:
        model.write(b"x")
    code, errors = run(capsys, str(folder), "--port", "0")
    assert code == 1
    assert "model.onnx was changed" in errors


def test_no_bundle(capsys: pytest.CaptureFixture[str]) -> None:
    code, errors = run(capsys, "--port", "0")
    assert code == 2
    assert "no bundle is named" in errors


def test_a_wrong_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--prot", "0")[0] == 2


def peak_mb(process: subprocess.Popen[str]) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1000


def test_memory_is_bounded_whatever_comes(bundle: Path) -> None:
    with started(str(bundle), "--limits.max_body_mb", "2") as (process, url, _):
        post = {"headers": {"Content-Type": "image/png"}, "timeout": 30, "trust_env": False}
        image = png(200, width=1000, height=1000)
        for _ in range(4):
            assert httpx.post(f"{url}/v1/predict", content=image, **post).status_code == 200  # type: ignore[arg-type]
        before = peak_mb(process)
        huge = bomb(12_000, 12_000)  # 144 MB once decoded
        megabyte = bytes(1_000_000)
        for body in (huge, (megabyte for _ in range(150)), bytes(60_000_000)):
            assert httpx.post(f"{url}/v1/predict", content=body, **post).status_code == 413  # type: ignore[arg-type]
        form = {"image": ("a.png", bytes(60_000_000), "image/png")}
        assert httpx.post(f"{url}/v1/predict", files=form, timeout=30, trust_env=False).status_code == 413
        assert peak_mb(process) - before < 30
