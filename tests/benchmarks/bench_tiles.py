"""Memory that a large image needs beyond its own pixels, when a bundle looks at it in tiles.

    python tests/benchmarks/bench_tiles.py BUNDLE [--sides 1024 2048 4096 8192] [--tile SIZE] [--overlap 0.2]

Any bundle will do: one without `tile` is copied, and the copy's manifest gets one (of the input's
size, unless --tile says otherwise). For each side a part is generated, noise with a few defects
all over it, and answered in a fresh process, which does not import torch. Printed: the decoded
image, the tiles, the seconds of the answer, and the peak of resident memory above what was
resident after decoding, once for the answer itself and once for its JSON, where masks are
written down over the whole image. Where the tile batch alone bounds it, it hardly grows with the
side. The first two defects of a part lie in opposite corners: what is kept of them must not grow
with the distance between them.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

MIB = 2**20
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def part(side: int, defects: int, seed: int) -> NDArray[np.uint8]:
    """A grey part of side x side pixels, RGB: smoothed noise, and on it scratches and stains of some tens of pixels."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(96, 160, (side, side), dtype=np.uint8)
    grey = np.asarray(cv2.blur(noise, (3, 3)), dtype=np.uint8)
    for number in range(defects):
        # The first two lie in opposite corners: whatever spans all that was found spans the image.
        x, y = {0: (60, 60), 1: (side - 60, side - 60)}.get(number, tuple(rng.integers(60, side - 60, 2).tolist()))
        across, down = rng.integers(-45, 46, 2).tolist()
        if number % 2:
            cv2.ellipse(grey, (x, y), (abs(across) + 8, abs(down) + 8), 0.0, 0.0, 360.0, 40, cv2.FILLED)
        else:
            cv2.line(grey, (x - across, y - down), (x + across, y + down), 230, 4)
    return np.repeat(grey[:, :, None], 3, axis=2)


def tiled(bundle: Path, folder: Path, size: int | None, overlap: float) -> Path:
    """The bundle itself where it looks at tiles already, else a copy in `folder` that does."""
    import shutil

    from vision_ft.bundle.folder import open_bundle
    from vision_ft.bundle.manifest import TileSpec
    from vision_ft.export.write import seal

    manifest = open_bundle(bundle).manifest
    first, *others = manifest.stages
    if first.input.tile is not None and size is None:
        return bundle
    tile = TileSpec(size=size or max(32, first.input.height, first.input.width), overlap=overlap)
    shutil.copytree(bundle, folder)
    first = first.model_copy(update={"input": first.input.model_copy(update={"tile": tile})})
    seal(folder, manifest.model_copy(update={"stages": (first, *others)}))
    return folder


def resident() -> float:
    """Resident memory now, in MiB."""
    return _status("VmRSS")


def forget_peak() -> bool:
    """Let the peak of resident memory begin anew; False where the kernel does not."""
    try:
        CLEAR.write_text("5")
    except OSError:
        return False
    return True


def peak() -> float:
    """Highest resident memory, in MiB, since it was forgotten or else since the process began."""
    if STATUS.exists():
        return _status("VmHWM")
    # Bytes on macOS, KiB elsewhere.
    unit = MIB if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _status(name: str) -> float:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024


def answer(bundle: Path, image: Path, threads: int | None) -> dict[str, Any]:
    """Answer one image, and say what it took; meant for a process of its own."""
    from vision_ft.bundle import load
    from vision_ft.bundle.decode import decode

    predictor = load(bundle, device="cpu", threads=threads)
    pixels = decode(image.read_bytes())
    gc.collect()
    forgotten = forget_peak()
    before = resident()
    began = time.perf_counter()
    prepared = predictor.prepare(pixels)
    (prediction,) = predictor.answer([prepared])
    seconds = time.perf_counter() - began
    above = peak() - before
    text = json.dumps(prediction.to_json())
    return {
        "decoded": pixels.nbytes / MIB,
        "tiles": len(prepared.views),
        "seconds": seconds,
        "above": above,
        "above_json": peak() - before,
        "json_kib": len(text) / 1024,
        "found": len(prediction.found()),
        "forgotten": forgotten,
        "torch": "torch" in sys.modules,
    }


def main() -> None:
    """Measure each side in a process of its own, or be that process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--sides", type=int, nargs="+", default=[1024, 2048, 4096, 8192], help="pixels of a side")
    parser.add_argument("--tile", type=int, help="side of a tile in pixels (the bundle's own, or its input's)")
    parser.add_argument("--overlap", type=float, default=0.2, help="of tiles that the bundle did not have (0.2)")
    parser.add_argument("--defects", type=int, default=6, help="defects on each part (6)")
    parser.add_argument("--threads", type=int, help="CPU threads of the graph (all)")
    parser.add_argument("--image", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.image is not None:
        print(json.dumps(answer(options.bundle, options.image, options.threads)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        bundle = tiled(options.bundle, Path(scratch) / "bundle", options.tile, options.overlap)
        print(
            f"{'side':>5} {'decoded':>10} {'tiles':>6} {'found':>6} {'seconds':>8} {'above it':>10} {'with JSON':>10}"
        )
        every = [measured(bundle, side, Path(scratch) / "part.png", options) for side in options.sides]
    if not all(one["forgotten"] for one in every):
        print("The kernel does not forget a peak: decoding's own is counted too.")
    assert not any(one["torch"] for one in every), "a bundle answers without torch"
    above = [one["above"] for one in every]
    growth = every[-1]["decoded"] / every[0]["decoded"]
    print(f"memory above the decoded image: {above[0]:.0f} MiB at the first side, {above[-1]:.0f} MiB at the last,")
    print(f"where the image is {growth:.0f} times as large")


def measured(bundle: Path, side: int, file: Path, options: argparse.Namespace) -> dict[str, Any]:
    """What a part of this side took, printed as a row."""
    # Quick to write and to read: what is measured begins after decoding.
    cv2.imwrite(str(file), part(side, options.defects, seed=side), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    command = [sys.executable, __file__, str(bundle), "--image", str(file)]
    command += [] if options.threads is None else ["--threads", str(options.threads)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    print(
        f"{side:5d} {found['decoded']:6.0f} MiB {found['tiles']:6d} {found['found']:6d} {found['seconds']:8.2f}"
        f" {found['above']:6.0f} MiB {found['above_json']:6.0f} MiB",
        flush=True,
    )
    return found


if __name__ == "__main__":
    main()
