"""Throughput of the service over HTTP against a bare ONNX Runtime loop on the same bundle, images and cores.

    python tests/benchmarks/bench_service.py BUNDLE IMAGE... [--cores 2] [--seconds 8] [--rounds 5]

The bare loop decodes, places and runs the graph in one Python thread with ONNX Runtime's own
threads, at its best batch size of 1 to 16. The service is the real one (`python -m serving`),
saturated by a client in a third process over keep-alive connections, on the same cores. Both
take turns in one run, so that a noisy machine disturbs both. Printed: images per second of
each, the ratio, the service's latency, and the CPU that client and service used.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

if TYPE_CHECKING:
    from vision_ft.bundle import Predictor

BATCHES = (1, 2, 4, 8, 16)


def bare(predictor: Predictor, images: Sequence[bytes], batch: int, seconds: float) -> float:
    """Images per second of decode, place and run in one loop."""
    import numpy as np

    source = itertools.cycle(images)
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        pixels = np.stack([predictor.prepare(next(source)).pixels for _ in range(batch)])
        predictor.infer(pixels)
        done += batch
    return done / (time.perf_counter() - began)


class Connection(asyncio.Protocol):
    """One keep-alive connection that sends the next image as soon as it has its answer.

    Written for little CPU of its own, which is taken from the service's cores.
    """

    def __init__(self, requests: Sequence[bytes], first: int, step: int, until: float, done: asyncio.Event) -> None:
        self._requests, self._at, self._step = requests, first, step
        self._until, self._done = until, done
        self._buffer = b""
        self._missing = 0
        self.latencies: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._requests[self._at % len(self._requests)])
        self._at += self._step

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            self._buffer += data
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._buffer[:end].lower()
            if not head.startswith(b"http/1.1 200"):
                raise SystemExit(self._buffer.decode(errors="replace"))
            length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
            self._missing = length - (len(self._buffer) - end - 4)
            self._buffer = b""
        else:
            self._missing -= len(data)
        if self._missing == 0:
            now = time.perf_counter()
            self.latencies.append(now - self._sent)
            if now < self._until:
                self._send()
            else:
                self._transport.close()
                self._done.set()


async def drive(port: int, files: Sequence[str], connections: int, seconds: float) -> dict[str, Any]:
    """Saturate the service for so long; what was seen."""
    requests = []
    for file in files:
        body = Path(file).read_bytes()
        head = "POST /v1/predict HTTP/1.1\r\nHost: bench\r\nContent-Type: application/octet-stream\r\n"
        requests.append(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    loop = asyncio.get_running_loop()
    began, used = time.perf_counter(), time.process_time()
    made, events = [], []
    for first in range(connections):
        done = asyncio.Event()
        connection = Connection(requests, first, connections, began + seconds, done)
        await loop.create_connection(lambda c=connection: c, "127.0.0.1", port)  # type: ignore[misc]
        made.append(connection)
        events.append(done)
    for done in events:
        await done.wait()
    elapsed = time.perf_counter() - began
    latencies = sorted(value for connection in made for value in connection.latencies)
    return {
        "seconds": elapsed,
        "images_per_s": len(latencies) / elapsed,
        "p50_ms": 1000 * latencies[len(latencies) // 2],
        "p99_ms": 1000 * latencies[int(len(latencies) * 0.99)],
        "client_cpu": (time.process_time() - used) / elapsed,
    }


def served(port: int, service: int, options: argparse.Namespace) -> dict[str, Any]:
    """One round against the running service, by a client in a process of its own."""
    before = cpu_seconds(service)
    command = [sys.executable, __file__, "client", *options.images, "--port", str(port)]
    command += ["--seconds", str(options.seconds), "--connections", str(options.connections)]
    result: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    result["service_cpu"] = (cpu_seconds(service) - before) / result["seconds"]
    return result


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def compare(options: argparse.Namespace) -> None:
    """Bare loop and service in turns."""
    from vision_ft.bundle import load  # not above: the client has no need of it

    if options.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    cores = len(os.sched_getaffinity(0))
    images = [Path(file).read_bytes() for file in options.images]
    predictor = load(options.bundle, device="cpu")
    bare(predictor, images, 4, 0.5)
    best = max(BATCHES, key=lambda batch: bare(predictor, images, batch, options.seconds / 4))
    command = [sys.executable, "-m", "serving", options.bundle, "--port", "0", "--device", "cpu", *options.serve]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as service:
        try:
            assert service.stdout is not None
            port = next(int(m[1]) for line in service.stdout if (m := re.search(r"http://[^:]+:(\d+)/", line)))
            rounds = []
            for number in range(options.rounds):
                loop = bare(predictor, images, best, options.seconds)
                result = served(port, service.pid, options)
                result["bare"] = loop
                rounds.append(result)
                print(
                    f"round {number + 1}: bare {loop:6.1f}/s  service {result['images_per_s']:6.1f}/s"
                    f"  ratio {result['images_per_s'] / loop:.3f}",
                    flush=True,
                )
        finally:
            service.terminate()
    ratios = sorted(r["images_per_s"] / r["bare"] for r in rounds)

    def middle(key: str) -> float:
        return float(statistics.median(r[key] for r in rounds))

    print(f"{cores} cores, {len(images)} images, {options.connections} connections, bare loop at batch {best}")
    print(f"bare loop {middle('bare'):.1f}/s, service {middle('images_per_s'):.1f}/s")
    print(f"ratio {statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})")
    print(f"latency p50 {middle('p50_ms'):.1f} ms, p99 {middle('p99_ms'):.1f} ms")
    print(f"cores used: service {middle('service_cpu'):.2f}, client {middle('client_cpu'):.3f}")


def main() -> None:
    """Compare, or be the client of a comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("images", nargs="+")
    parser.add_argument("--cores", type=int, default=0, help="run on the first N cores only")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="append", default=[], help="a flag for the service, as --serve=--threads=1")
    options = parser.parse_args()
    if options.bundle == "client":
        print(json.dumps(asyncio.run(drive(options.port, options.images, options.connections, options.seconds))))
    else:
        compare(options)


if __name__ == "__main__":
    main()
