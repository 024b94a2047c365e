"""Training images and their class masks, decoded once, no larger than crops of them need."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.decode import decode
from vision_ft.bundle.manifest import InputSpec
from vision_ft.bundle.place import Geometry, geometry_of
from vision_ft.bundle.threads import cpu_budget
from vision_ft.bundle.tiles import region_of
from vision_ft.data.index import Sample
from vision_ft.data.object_masks import IGNORED, known_mask
from vision_ft.tasks.sampling import derive_seed

_SHRINK_BELOW = 0.9
"""Images are shrunk where less than this share of their sides is needed."""
_AT_ONCE = 2**28
"""Bytes of decoded images and masks that are read at once."""
_POINTS = 64
"""Places that are remembered of each connected defect."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded image with its labels, and how it lies in the frame that crops are cut from.

    The frame is what the network would be shown: the input's frame, or of an image in tiles
    the whole region at the tiles' scale.
    """

    image: NDArray[np.uint8]
    """RGB [H, W, 3]."""
    mask: NDArray[np.uint8]
    """Class of each pixel [H, W]: 0 background, k + 1 the k-th object class, 255 ignored."""
    frame: Geometry
    defects: tuple[NDArray[np.int64], ...]
    """Of each connected defect a few of its pixels, x and y [n, 2]."""

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self.image.nbytes + self.mask.nbytes


class PictureStore:
    """Pictures by the digest of their image, shared by the fits of a run."""

    def __init__(self) -> None:
        self._key = ""
        self._kept: dict[str, Picture] = {}
        self._bytes = 0

    def load(
        self, samples: Sequence[Sample], classes: Sequence[ClassInfo], spec: InputSpec, *, zoom: float, cache_mb: int
    ) -> Pictures:
        """The pictures of the samples; as many as fit into `cache_mb` MiB are kept in memory.

        `zoom` is the largest magnification of a crop.
        """
        key = f"{spec.model_dump_json()} {[c.id for c in classes]} {zoom}"
        if key != self._key:
            self._key, self._kept, self._bytes = key, {}, 0
        pictures = Pictures(samples, classes, spec, zoom, self._kept)
        missing = list({s.digest: s for s in samples if s.digest not in self._kept}.values())
        # Large ones few at a time: they are held decoded until it is known what is kept.
        largest = max((4 * s.width * s.height for s in missing), default=0)
        step = max(1, min(4 * cpu_budget(), _AT_ONCE // max(1, largest)))
        with ThreadPoolExecutor(cpu_budget()) as pool:
            for start in range(0, len(missing), step):
                if self._bytes >= cache_mb * 2**20:
                    break
                some = missing[start : start + step]
                for sample, picture in zip(some, pool.map(pictures.read, some), strict=True):
                    if self._bytes + picture.nbytes <= cache_mb * 2**20:
                        self._kept[sample.digest] = picture
                        self._bytes += picture.nbytes
        return pictures


class Pictures:
    """The pictures of some samples by row; those that are not kept are decoded at each use."""

    def __init__(
        self,
        samples: Sequence[Sample],
        classes: Sequence[ClassInfo],
        spec: InputSpec,
        zoom: float,
        kept: dict[str, Picture],
    ) -> None:
        self.samples = list(samples)
        self.spec = spec
        self._classes = tuple(classes)
        self._zoom = zoom
        self._kept = kept

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, row: int) -> Picture:
        sample = self.samples[row]
        kept = self._kept.get(sample.digest)
        return self.read(sample) if kept is None else kept

    def size(self, row: int) -> tuple[int, int]:
        """Width and height of an image in pixels, without decoding it where its index knows."""
        sample = self.samples[row]
        return (sample.width, sample.height) if sample.width else self[row].image.shape[1::-1]

    def read(self, sample: Sample) -> Picture:
        """Decode an image and its labels; raises what `known_mask` raises."""
        image = decode(sample.path.read_bytes(), window=self.spec.window)
        mask = known_mask(sample, self._classes)
        frame = frame_of(image.shape[1], image.shape[0], self.spec)
        share = min(1.0, max(frame.scale) * self._zoom)
        if share < _SHRINK_BELOW:
            image, mask, frame = _shrunk(image, mask, frame, share)
        return Picture(image, mask, frame, _places(mask, sample.digest))


def frame_of(width: int, height: int, spec: InputSpec) -> Geometry:
    """How an image of this size lies in the frame that crops are cut from."""
    if spec.tile is None:
        return geometry_of(width, height, spec)
    crop = region_of(width, height, spec)
    size = (
        max(1, round(crop[2] * spec.width / spec.tile.size)),
        max(1, round(crop[3] * spec.height / spec.tile.size)),
    )
    return Geometry(width, height, crop, (0, 0, *size), max(size[0], spec.width), max(size[1], spec.height))


def _shrunk(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], frame: Geometry, share: float
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Geometry]:
    width, height = max(1, round(frame.width * share)), max(1, round(frame.height * share))
    across, down = width / frame.width, height / frame.height
    left, top = min(round(frame.crop[0] * across), width - 1), min(round(frame.crop[1] * down), height - 1)
    wide = min(max(1, round(frame.crop[2] * across)), width - left)
    high = min(max(1, round(frame.crop[3] * down)), height - top)
    return (
        np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8),
        np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT), dtype=np.uint8),
        Geometry(width, height, (left, top, wide, high), frame.paste, frame.input_width, frame.input_height),
    )


def _places(mask: NDArray[np.uint8], digest: str) -> tuple[NDArray[np.int64], ...]:
    shown = ((mask > 0) & (mask != IGNORED)).astype(np.uint8)
    count, numbers = cv2.connectedComponents(shown, connectivity=8)
    rng = np.random.default_rng(derive_seed("places", digest))
    found = []
    for number in range(1, count):
        rows, columns = np.nonzero(numbers == number)
        chosen = rng.choice(len(rows), size=min(_POINTS, len(rows)), replace=False)
        found.append(np.stack([columns[chosen], rows[chosen]], axis=1).astype(np.int64))
    return tuple(found)
