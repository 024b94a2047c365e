"""The first page of a TIFF: its tags, and a copy that holds that page's pixels and no more.

Classic TIFF 6.0 and BigTIFF. The same tag list carries EXIF in JPEG, PNG and WebP, so the
orientation of those is read here too.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.faults import damaged, ended_early
from vision_ft.errors import TruncatedImageError

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 8: 2, 9: 4, 11: 4, 12: 8, 5: 8, 10: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_CODES = {1: "u1", 3: "u2", 4: "u4", 16: "u8"}
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIPS, _ORIENTATION, _SAMPLES, _STRIP_BYTES, _PLANAR = 273, 274, 277, 279, 284
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES, _EXTRA, _SAMPLE_FORMAT = 322, 323, 324, 325, 338, 339
# What makes pixels; everything else (EXIF, vendor tags, previews, orientation) a decoder need not see.
_PIXEL_TAGS = frozenset(
    (_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, 266, _STRIPS, _SAMPLES, 278, _STRIP_BYTES, _PLANAR, 292, 293,
     317, 320, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES, _EXTRA, _SAMPLE_FORMAT, 347, 529, 530, 531, 532)
)  # fmt: skip
_LARGEST_TILE = 1 << 26


@dataclass(frozen=True, slots=True)
class _Layout:
    """Byte order and word sizes of one file."""

    order: str
    big: bool

    @property
    def step(self) -> int:
        return 20 if self.big else 12


@dataclass(frozen=True, slots=True)
class Page:
    """Tags of the first page."""

    width: int
    height: int
    bits: int
    """Bits of one sample; all samples have the same."""
    samples: int
    """Samples of one pixel, alpha included."""
    photometric: int
    """0 white is zero, 1 black is zero, 2 RGB, 3 palette, 5 CMYK, 6 YCbCr, 8 Lab."""
    sample_format: int
    """1 unsigned, 2 signed, 3 float."""
    planar: bool
    """Whether each sample has its own plane."""
    transparent: bool
    """Whether the last sample is an opacity that colours are not yet multiplied by."""
    orientation: int


def read_orientation(block: bytes) -> int:
    """EXIF orientation (1 to 8) of a TIFF structure; 1 where there is none or it is unreadable."""
    try:
        layout, offset = _open(block)
        for tag, kind, count, at in _entries(block, layout, offset):
            if tag == _ORIENTATION:
                value = _first(block, layout, kind, count, at)
                return value if 1 <= value <= 8 else 1
    except (struct.error, IndexError, TruncatedImageError):
        return 1
    return 1


def read_page(data: bytes) -> Page:
    """Read the tags of the first page and check that its pixels lie within the data.

    Raises `TruncatedImageError` where the tags or the pixels end early.
    """
    layout, offset = _open(data)
    found = {tag: (kind, count, at) for tag, kind, count, at in _entries(data, layout, offset)}

    def one(tag: int, default: int) -> int:
        return _first(data, layout, *found[tag]) if tag in found else default

    if _WIDTH not in found or _HEIGHT not in found:
        raise damaged("a TIFF page without a size")
    for places, sizes in ((_STRIPS, _STRIP_BYTES), (_TILES, _TILE_BYTES)):
        if places in found and sizes in found:
            starts = _array(data, layout, *found[places])
            lengths = _array(data, layout, *found[sizes])
            if len(starts) != len(lengths):
                raise damaged(f"{len(starts)} TIFF blocks with {len(lengths)} lengths")
            if len(starts) and int((starts + lengths).max()) > len(data):
                raise ended_early(data)
    if _STRIPS not in found and _TILES not in found:
        raise damaged("a TIFF page without pixels")
    if one(_TILE_WIDTH, 1) * one(_TILE_HEIGHT, 1) > _LARGEST_TILE:
        raise damaged("a TIFF tile larger than an image")
    return Page(
        width=one(_WIDTH, 0),
        height=one(_HEIGHT, 0),
        bits=one(_BITS, 1),
        samples=one(_SAMPLES, 1),
        photometric=one(_PHOTOMETRIC, 1),
        sample_format=one(_SAMPLE_FORMAT, 1),
        transparent=one(_EXTRA, 0) == 2,
        planar=one(_PLANAR, 1) == 2,
        orientation=read_orientation(data),
    )


def slim(data: bytes) -> bytes:
    """The same file as a classic TIFF of one page, with the tags that make pixels and no others.

    The orientation is left out. The tag list is written anew at the end, the pixels stay
    where they are; BigTIFF becomes classic, because Pillow reads only half of it.
    """
    layout, offset = _open(data)
    order = layout.order
    # By tag, because a repeated one would be copied with its values each time.
    entries = {tag: (kind, count, at) for tag, kind, count, at in _entries(data, layout, offset) if tag in _PIXEL_TAGS}
    pad = b"\0" * (-len(data) % 4)
    start = len(data) + len(pad)
    values_at = start + 2 + 12 * len(entries) + 4
    rows: list[bytes] = []
    values = bytearray()
    for tag, (kind, count, at) in sorted(entries.items()):
        size = _SIZES.get(kind, 1) * count
        raw = data[at : at + size]
        if len(raw) < size:
            raise ended_early(data)
        if kind == 16:  # 64-bit numbers
            kind, raw = 4, _array(data, layout, kind, count, at).astype(order + "u4").tobytes()
        if len(raw) <= 4:
            rows.append(struct.pack(order + "HHI", tag, kind, count) + raw.ljust(4, b"\0"))
        else:
            rows.append(struct.pack(order + "HHII", tag, kind, count, values_at + len(values)))
            values += raw + b"\0" * (-len(raw) % 4)
            if len(values) > len(data):
                # Tags of a real file have bytes of their own; of these each would be copied for every tag.
                raise damaged("TIFF tags that share their values")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", start)
    return b"".join((head, data[8:], pad, struct.pack(order + "H", len(rows)), *rows, b"\0\0\0\0", values))


def _open(data: bytes) -> tuple[_Layout, int]:
    if data[:4] not in MAGICS:
        raise damaged("a tag list without its byte order")
    order = "<" if data[:2] == b"II" else ">"
    big = data[:4] in MAGICS[2:]
    return _Layout(order, big), struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]


def _entries(data: bytes, layout: _Layout, offset: int) -> Iterator[tuple[int, int, int, int]]:
    """Tag, type, count and offset of the values of each entry."""
    head = layout.order + ("Q" if layout.big else "H")
    if offset > len(data):
        raise ended_early(data)
    count = struct.unpack_from(head, data, offset)[0]
    at = offset + struct.calcsize(head)
    if at + count * layout.step > len(data):
        raise ended_early(data)
    inline = 8 if layout.big else 4
    form = layout.order + ("HHQ" if layout.big else "HHI")
    for row in range(count):
        start = at + row * layout.step
        tag, kind, length = struct.unpack_from(form, data, start)
        place = start + layout.step - inline
        if _SIZES.get(kind, 1) * length > inline:
            place = struct.unpack_from(layout.order + ("Q" if layout.big else "I"), data, place)[0]
        yield tag, kind, length, place


def _array(data: bytes, layout: _Layout, kind: int, count: int, at: int) -> NDArray[np.int64]:
    """Values of one entry, int64 [count]."""
    if kind not in _CODES:
        raise damaged(f"TIFF values of type {kind}")
    code = np.dtype(layout.order + _CODES[kind])
    if at + count * code.itemsize > len(data):
        raise ended_early(data)
    # Offsets beyond 2**62 become that, so that the sum of two does not wrap around.
    values = np.minimum(np.frombuffer(data, code, count, at).astype(np.uint64), np.uint64(1 << 62))
    return np.asarray(values, dtype=np.int64)


def _first(data: bytes, layout: _Layout, kind: int, count: int, at: int) -> int:
    """The first value of an entry; IndexError where it has none."""
    return int(_array(data, layout, kind, min(count, 1), at)[0])
