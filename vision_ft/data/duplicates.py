"""Near-duplicates: images so alike that they must not straddle a split.

Two images are near-duplicates when their perceptual hashes (the signs of the 64 lowest
frequencies of the cosine transform; Zauner 2010, "pHash") differ in few bits and what is
left of their thumbnails after the mean image of the set is taken away agrees. Without the
second question, all images of one fixture under one camera would be one group. Where an
embedder is handed in, images that are each other's nearest neighbours and very close count too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_ft.data.index import Index
from vision_ft.data.probe import THUMB, Prober
from vision_ft.data.union import Union

Embed = Callable[[Sequence[Path]], NDArray[np.float32]]
"""Gives an embedding for each image: float [N, D]."""

MAX_BITS = 8
"""Perceptual hashes of near-duplicates differ in at most this many of 64 bits."""
MIN_AGREEMENT = 0.85
"""Correlation of the thumbnails, mean image taken away, from which on two are near-duplicates."""
MIN_COSINE = 0.95
"""Cosine of the embeddings from which on two mutual nearest neighbours are near-duplicates."""
_BLOCK = 1024


@dataclass(frozen=True)
class Duplicates:
    """What was found: `groups` (one key an image, [N]), and what a person should know of it."""

    groups: tuple[str, ...]
    merged_groups: int
    merged_images: int
    largest: int
    exact: tuple[tuple[str, ...], ...]
    conflicts: tuple[tuple[str, ...], ...]
    """Sets of files with the same bytes and different targets."""

    def sentences(self) -> tuple[str, ...]:
        """Put the finding into sentences for the user; none where nothing was found."""
        said = []
        if self.merged_groups:
            said.append(
                f"{self.merged_images} images look alike in {self.merged_groups} groups (the largest has "
                f"{self.largest}); each group stays on one side of a split. A data card or a group column "
                "would say it with certainty."
            )
        if self.exact:
            copies = sum(len(one) - 1 for one in self.exact)
            said.append(f"{copies} files are exact copies of others.")
        if self.conflicts:
            first = " and ".join(self.conflicts[0][:2])
            said.append(f"{len(self.conflicts)} images are stored with several labels, {first} for one.")
        if self.largest > max(20, len(self.groups) // 5):
            said.append(
                "So large a group usually means that all images look alike to the finder; "
                "check it, and name the groups in a CSV if it is wrong."
            )
        return tuple(said)


def find(index: Index, *, prober: Prober | None = None, embed: Embed | None = None) -> Duplicates:
    """Group the near-duplicates among the index's images; groups that it has already only grow.

    Costs one decode an image (none where `prober` has decoded them) and a comparison of all
    pairs, which takes well under a second for 3,000 images.
    """
    paths = index.column("path")
    digests = index.column("digest")
    prober = prober if prober and prober.decode else Prober(decode=True)
    probes = prober.probe(index.root / path for path in paths)
    usable = np.array([at for at, one in enumerate(probes) if one.thumb is not None], dtype=np.int64)
    joined = Union(len(paths))
    joined.join_equal(index.column("group"))
    before = joined.labels()
    joined.join_equal(digests)
    if len(usable) > 1:
        thumbs = np.stack([one.thumb for one in probes if one.thumb is not None])
        joined.join_pairs(usable[alike(thumbs)])
    if embed is not None and len(usable) > 1:
        vectors = np.asarray(embed([index.root / paths[at] for at in usable]), dtype=np.float32)
        joined.join_pairs(usable[neighbours(vectors)])
    labels = joined.labels()
    sizes = np.bincount(labels, minlength=len(paths))
    # A group has grown where one of its images was in a group with another number before.
    grown = np.zeros(len(paths), dtype=np.bool_)
    grown[labels[before != labels]] = True
    return Duplicates(
        groups=joined.keys(index.column("group")),
        merged_groups=int(grown.sum()),
        merged_images=int(sizes[grown].sum()),
        largest=int(sizes.max(initial=0)),
        exact=tuple(_same_bytes(paths, digests)),
        conflicts=tuple(_conflicts(index)),
    )


def phash(thumbs: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Perceptual hashes of grey thumbnails: uint8 [N, 32, 32] to uint64 [N]."""
    bits = np.empty((len(thumbs), 64), dtype=np.bool_)
    for at, thumb in enumerate(thumbs):
        low = cv2.dct(thumb.astype(np.float32))[:8, :8].ravel()
        # The first coefficient is the brightness, which is a matter of light and not of the image.
        bits[at] = low > np.median(low[1:])
        bits[at, 0] = False
    return np.packbits(bits, axis=1).view(np.uint64).ravel()


def alike(
    thumbs: NDArray[np.uint8], *, max_bits: int = MAX_BITS, min_agreement: float = MIN_AGREEMENT
) -> NDArray[np.int64]:
    """Pairs of near-duplicates among grey thumbnails [N, 32, 32]: int64 [P, 2]."""
    hashes = phash(thumbs)
    rest = _rest(thumbs)
    found = []
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK, None]
        distance = np.bitwise_count(block ^ hashes[None, start:])
        left, right = np.nonzero(distance <= max_bits)
        left, right = left + start, right + start
        keep = left < right
        left, right = left[keep], right[keep]
        agreement = np.einsum("ij,ij->i", rest[left], rest[right])
        found.append(np.stack([left, right], axis=1)[agreement >= min_agreement])
    return np.concatenate(found).astype(np.int64) if found else np.empty((0, 2), dtype=np.int64)


def neighbours(vectors: NDArray[np.float32], *, min_cosine: float = MIN_COSINE) -> NDArray[np.int64]:
    """Pairs that are each other's nearest neighbour with a cosine of `min_cosine`: int64 [P, 2]."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    nearest = np.empty(len(unit), dtype=np.int64)
    cosine = np.empty(len(unit), dtype=np.float32)
    for start in range(0, len(unit), _BLOCK):
        block = unit[start : start + _BLOCK] @ unit.T
        block[np.arange(len(block)), np.arange(start, start + len(block))] = -2.0
        nearest[start : start + _BLOCK] = block.argmax(axis=1)
        cosine[start : start + _BLOCK] = block.max(axis=1)
    rows = np.arange(len(unit))
    mutual = (nearest[nearest] == rows) & (cosine >= min_cosine) & (rows < nearest)
    return np.stack([rows[mutual], nearest[mutual]], axis=1)


def _rest(thumbs: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Thumbnails without the set's mean image, each of zero mean and unit length: [N, 1024]."""
    flat = thumbs.reshape(len(thumbs), THUMB * THUMB).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    # Of a handful of images the mean is mostly the images themselves, and nothing would be left.
    if len(flat) >= 50:
        flat -= flat.mean(axis=0, keepdims=True)
    length = np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return np.asarray(flat / length, dtype=np.float32)


def _same_bytes(paths: Sequence[str], digests: Sequence[str]) -> list[tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for path, digest in zip(paths, digests, strict=True):
        found.setdefault(digest, []).append(path)
    return [tuple(same) for same in found.values() if len(same) > 1]


def _conflicts(index: Index) -> list[tuple[str, ...]]:
    found: dict[str, dict[tuple[str, ...], str]] = {}
    columns = (index.column(name) for name in ("digest", "targets", "path"))
    for digest, targets, path in zip(*columns, strict=True):
        found.setdefault(digest, {}).setdefault(tuple(sorted(targets)), path)
    return [tuple(by_target.values()) for by_target in found.values() if len(by_target) > 1]
