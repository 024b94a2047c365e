"""What the first bytes of an image say: format, size, orientation, sample depth.

Nothing is decompressed here, so that an image with too many pixels is refused before it
costs memory. Written from the formats' own specifications: JPEG (ITU-T T.81), PNG (W3C,
third edition), WebP (RFC 9649), BMP (Microsoft DIB), PPM/PGM/PBM (Netpbm), EXIF
orientation (CIPA DC-008, tag 0x0112).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from vision_ft.bundle import tiff
from vision_ft.bundle.faults import damaged, ended_early
from vision_ft.errors import NotAnImageError

Format = Literal["JPEG", "PNG", "TIFF", "WebP", "BMP", "PNM"]

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
READ_FORMATS = "JPEG, PNG, TIFF, WebP, BMP, PPM or PGM"
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Start-of-frame markers; C4, C8 and CC are tables and reserved.
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LONGEST_PNM_HEADER = 1 << 16


@dataclass(frozen=True, slots=True)
class Header:
    """An image before it is decoded."""

    format: Format
    width: int
    """Stored width in pixels, before the orientation is applied."""
    height: int
    """Stored height in pixels, before the orientation is applied."""
    bits: int
    """Bits of one sample."""
    samples: int
    """Samples of one pixel, alpha included."""
    orientation: int = 1
    """EXIF orientation, 1 to 8."""
    kind: int = 0
    """JPEG: the frame marker. PNG: the colour type. PNM: the digit of the magic number."""
    start: int = 0
    """JPEG: offset of the first scan. PNM: offset of the samples."""
    maximum: int = 255
    """PNM: the sample value that means white."""

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height once the orientation is applied."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def read_header(data: bytes) -> Header:
    """Read an image's header, whatever its format.

    Raises `NotAnImageError` for what is of no known format, `TruncatedImageError` where
    the header itself ends early or contradicts itself.
    """
    if not data:
        raise NotAnImageError("the image is empty", expected=READ_FORMATS, got="0 bytes")
    try:
        header = _dispatch(data)
    except (struct.error, IndexError) as error:
        raise ended_early(data, header=True) from error
    if header.width < 1 or header.height < 1:
        raise damaged(f"a size of {header.width} x {header.height}")
    return header


def _dispatch(data: bytes) -> Header:
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(PNG_MAGIC):
        return _png(data)
    if data[:4] in tiff.MAGICS:
        page = tiff.read_page(data)
        return Header("TIFF", page.width, page.height, page.bits, page.samples, page.orientation)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    if (
        data.startswith(b"BM")
        and len(data) >= 18
        and struct.unpack_from("<I", data, 14)[0] in (12, 40, 52, 56, 64, 108, 124)
    ):
        return _bmp(data)
    if data[:1] == b"P" and data[1:2] in b"123456" and data[2:3].isspace():
        return _pnm(data)
    for magic in (b"\xff\xd8", PNG_MAGIC, b"RIFF", b"BM", b"II*\0", b"MM\0*"):
        if magic.startswith(data):
            raise ended_early(data, header=True)
    raise NotAnImageError("the data is no image", expected=READ_FORMATS, got=f"{len(data)} bytes starting {data[:8]!r}")


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start (at its 0xFF) and end of each segment up to and with the first start of scan."""
    at = 2
    while True:
        if data[at] != 0xFF:
            raise damaged("a JPEG segment without its marker")
        while data[at + 1] == 0xFF:  # fill bytes
            at += 1
        marker = data[at + 1]
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            at += 2
            continue
        if marker in (0x00, 0xD9):
            raise damaged("a JPEG without a scan")
        length = struct.unpack_from(">H", data, at + 2)[0]
        if length < 2:
            raise damaged("a JPEG segment of no length")
        yield marker, at, at + 2 + length
        if marker == 0xDA:
            return
        at += 2 + length


_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""A marker that means something: within compressed data 0xFF is escaped, and restarts interrupt nothing."""


def jpeg_end(data: bytes, start: int) -> tuple[int | None, int]:
    """Where the image ends that has its first scan at `start`, and how many scans it has.

    The end is None where the data stop before it. What follows the end (a phone appends the
    moving picture, a camera its own notes) is no part of the image.
    """
    at, scans = start, 0
    while found := _JPEG_MARKER.search(data, at):
        marker = data[found.end() - 1]
        at = found.end()
        if marker == 0xD9:
            return at, scans
        if marker in (0x01, 0xD8):
            continue
        scans += marker == 0xDA
        at += int.from_bytes(data[at : at + 2], "big")
    return None, scans


def _jpeg(data: bytes) -> Header:
    frame: tuple[int, int, int, int, int] | None = None
    orientation = 0
    scan = 0
    for marker, start, end in jpeg_segments(data):
        if marker in _SOF and frame is None:
            bits, height, width, samples = struct.unpack_from(">BHHB", data, start + 4)
            frame = (width, height, bits, samples, marker)
        elif marker == 0xE1 and not orientation and data[start + 4 : start + 10] == b"Exif\0\0":
            orientation = tiff.read_orientation(data[start + 10 : end])
        scan = start
    if frame is None:
        raise damaged("a JPEG scan without a frame")
    width, height, bits, samples, kind = frame
    return Header("JPEG", width, height, bits, samples, orientation or 1, kind, scan)


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end (length and checksum included) of each chunk, as far as the data goes."""
    at = len(PNG_MAGIC)
    while at + 12 <= len(data):
        length = struct.unpack_from(">I", data, at)[0]
        yield data[at + 4 : at + 8], at, at + 12 + length
        at += 12 + length


def _png(data: bytes) -> Header:
    if data[12:16] != b"IHDR":
        if len(data) < 33:
            raise ended_early(data, header=True)
        raise damaged("a PNG without its header chunk")
    width, height, bits, kind = struct.unpack_from(">IIBB", data, 16)
    if bits not in _PNG_DEPTHS.get(kind, ()):
        raise damaged(f"PNG colour type {kind} with {bits} bits")
    orientation = 1
    for name, start, end in png_chunks(data):
        if name == b"eXIf":
            orientation = tiff.read_orientation(data[start + 8 : end - 4])
    return Header("PNG", width, height, bits, _PNG_SAMPLES[kind], orientation, kind)


def _webp(data: bytes) -> Header:
    first = data[12:16]
    if first == b"VP8X":
        size = data[24:30]
        if len(size) < 6:
            raise ended_early(data, header=True)
        width, height = int.from_bytes(size[:3], "little") + 1, int.from_bytes(size[3:], "little") + 1
        return Header("WebP", width, height, 8, 4, _webp_orientation(data))
    if first == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header("WebP", width & 0x3FFF, height & 0x3FFF, 8, 3)
    if first == b"VP8L":
        packed = struct.unpack_from("<I", data, 21)[0]
        return Header("WebP", (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1, 8, 4)
    if len(data) < 16:
        raise ended_early(data, header=True)
    raise damaged(f"WebP chunk {first!r}")


def _webp_orientation(data: bytes) -> int:
    at = 12
    while at + 8 <= len(data):
        length = struct.unpack_from("<I", data, at + 4)[0]
        if data[at : at + 4] == b"EXIF":
            return tiff.read_orientation(data[at + 8 : at + 8 + length].removeprefix(b"Exif\0\0"))
        at += 8 + length + length % 2
    return 1


def _bmp(data: bytes) -> Header:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
    else:
        width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
    # A negative height means that rows run from the top.
    return Header("BMP", width, abs(height), bits, 3)


def _pnm(data: bytes) -> Header:
    kind = data[1] - ord("0")
    wanted = 2 if kind in (1, 4) else 3
    values: list[int] = []
    at = 2
    while len(values) < wanted:
        while data[at : at + 1].isspace() and at < _LONGEST_PNM_HEADER:
            at += 1
        if data[at : at + 1] == b"#":
            line = data.find(b"\n", at)
            at = len(data) if line < 0 else line
            continue
        start = at
        while data[at : at + 1].isdigit() and at - start < 10:
            at += 1
        if at == start:
            if at >= len(data):
                raise ended_early(data, header=True)
            raise damaged(f"{data[at : at + 8]!r} where a PPM/PGM header has a number")
        if at - start > 9:
            raise damaged("a PPM/PGM header number of more than nine digits")
        values.append(int(data[start:at]))
    if not data[at : at + 1].isspace():
        if at >= len(data):
            raise ended_early(data, header=True)
        raise damaged("a PPM/PGM header that does not end in white space")
    maximum = values[2] if wanted == 3 else 1
    if not 1 <= maximum <= 65535:
        raise damaged(f"a PPM/PGM maximum of {maximum}")
    bits = 1 if wanted == 2 else 8 if maximum < 256 else 16
    return Header(
        "PNM", values[0], values[1], bits, 3 if kind in (3, 6) else 1, kind=kind, start=at + 1, maximum=maximum
    )
