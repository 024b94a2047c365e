"""One look at image files: digest, size, format, and, where asked, a full decode.

Every reader, the duplicate finder and the health report share one `Prober`, so that a file
is read from disk and decoded once however many of them ask.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.decode import decode as decode_image
from vision_ft.bundle.headers import read_header
from vision_ft.bundle.quality import measure
from vision_ft.bundle.threads import cpu_budget
from vision_ft.errors import ImageError

THUMB = 32
"""Side of the grey thumbnail in pixels (the input of the perceptual hash)."""


@dataclass(frozen=True)
class Probe:
    """What one look at a file told; `error` is empty where the file is a readable image.

    `width` and `height` are those of the upright image (EXIF orientation applied). `thumb`
    is uint8 [32, 32] grey; `brightness` and `sharpness` are those of `bundle.quality`. The
    last three need a full decode.
    """

    digest: str = ""
    width: int = 0
    height: int = 0
    format: str = ""
    bits: int = 0
    error: str = ""
    thumb: NDArray[np.uint8] | None = None
    brightness: float = float("nan")
    sharpness: float = float("nan")


@dataclass
class Prober:
    """Looks at files in a thread pool and remembers what it saw.

    `decode` asks for the full decode of each image, which alone proves that it can be used;
    without `measured` that proof is all that the decode is for.
    """

    decode: bool = False
    measured: bool = True
    threads: int | None = None
    seen: dict[Path, Probe] = field(default_factory=dict)

    def probe(self, paths: Iterable[Path]) -> list[Probe]:
        """Look at each of `paths` (those not seen yet), in order."""
        wanted = list(paths)
        new = [path for path in dict.fromkeys(wanted) if path not in self.seen]
        for path, found in zip(new, self._in_threads(new), strict=True):
            self.seen[path] = found
        return [self.seen[path] for path in wanted]

    def _in_threads(self, paths: Sequence[Path]) -> list[Probe]:
        def look(path: Path) -> Probe:
            return probe_file(path, decode=self.decode, measured=self.measured)

        if len(paths) < 2:
            return [look(path) for path in paths]
        with ThreadPoolExecutor(self.threads or cpu_budget()) as pool:
            return list(pool.map(look, paths))


def probe_file(path: Path, *, decode: bool = False, measured: bool = True) -> Probe:
    """Read `path` once: its SHA-256, its header and, with `decode`, all its pixels.

    Without `measured` the pixels are decoded and forgotten: no thumbnail, no quality.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Probe(error="no such file")
    except OSError as error:
        return Probe(error=f"cannot be read ({error.strerror or error})")
    digest = hashlib.sha256(data).hexdigest()
    if not data:
        return Probe(digest=digest, error="the file is empty")
    found = Probe(digest=digest)
    try:
        header = read_header(data)
        width, height = header.upright
        # A BMP states the bits of a pixel, not of a sample.
        bits = min(header.bits, 8) if header.format == "BMP" else header.bits
        found = Probe(digest=digest, width=width, height=height, format=header.format, bits=bits)
        if not decode:
            return found
        image = decode_image(data)
    except ImageError as error:
        return replace(found, error=str(error).rstrip("."))
    if not measured:
        return found
    quality = measure(image)
    return replace(found, thumb=_thumb(image), brightness=quality.brightness, sharpness=quality.sharpness)


def _thumb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    # INTER_AREA averages when it shrinks and falls to nearest when it grows; grown images want linear.
    way = cv2.INTER_AREA if min(image.shape[:2]) >= THUMB else cv2.INTER_LINEAR
    small = cv2.resize(image, (THUMB, THUMB), interpolation=way)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
