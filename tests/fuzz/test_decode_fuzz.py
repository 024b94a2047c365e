"""Whatever bytes arrive, decoding ends soon, in an image or in an `ImageError`."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from vision_ft.bundle.decode import decode, read_size
from vision_ft.errors import ImageError, ImageTooLargeError

LIMIT = 100_000
SECONDS = 5.0
MAGICS = [
    b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    b"\xff\xd8\xff\xe1",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    b"II*\0\x08\0\0\0",
    b"MM\0*\0\0\0\x08",
    b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0",
    b"RIFF\x40\0\0\0WEBPVP8 ",
    b"RIFF\x40\0\0\0WEBPVP8X",
    b"RIFF\x40\0\0\0WEBPVP8L\x10\0\0\0/",
    b"BM\x36\x04\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
    b"P1 ",
    b"P2 3 3 255 ",
    b"P3\n",
    b"P4\n8 8\n",
    b"P5 ",
    b"P6 2 2 65535 ",
]


def _samples() -> dict[str, bytes]:
    y, x = np.mgrid[0:40, 0:60]
    colour = np.stack([x * 4, y * 6, x + y], axis=2).astype(np.uint8)
    deep = colour.astype(np.uint16) * 257
    picture = Image.fromarray(colour)
    layered = picture.convert("RGBA")
    layered.putalpha(Image.fromarray(colour[:, :, 0].copy()))
    exif = Image.Exif()
    exif[0x0112] = 6

    def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        return buffer.getvalue()

    return {
        "jpeg": saved(picture, "JPEG"),
        "jpeg with exif": saved(picture, "JPEG", exif=exif),
        "jpeg progressive": saved(picture, "JPEG", progressive=True),
        "jpeg cmyk": saved(picture.convert("CMYK"), "JPEG"),
        "png": saved(picture, "PNG"),
        "png alpha": saved(layered, "PNG", exif=exif),
        "png palette": saved(picture.quantize(8), "PNG", transparency=1),
        "png 16": bytes(cv2.imencode(".png", deep)[1]),
        "tiff": saved(picture, "TIFF", exif=exif),
        "tiff lzw": saved(picture, "TIFF", compression="tiff_lzw"),
        "tiff jpeg": saved(picture, "TIFF", compression="jpeg"),
        "tiff big": saved(picture, "TIFF", big_tiff=True),
        "tiff palette": saved(picture.quantize(8), "TIFF"),
        "tiff fax": saved(picture.convert("1"), "TIFF", compression="group4"),
        "tiff 16": bytes(cv2.imencode(".tiff", deep)[1]),
        "tiff float": saved(Image.fromarray(colour[:, :, 0].astype(np.float32) / 255), "TIFF"),
        "webp": saved(picture, "WEBP"),
        "webp lossless": saved(layered, "WEBP", lossless=True, exif=exif),
        "bmp": saved(picture, "BMP"),
        "bmp palette": saved(picture.quantize(8), "BMP"),
        "ppm": saved(picture, "PPM"),
        "pgm 16": b"P5 60 40 65535 " + deep[:, :, 0].astype(">u2").tobytes(),
        "ppm plain": b"P3 60 40 255 " + b" ".join(b"%d" % v for v in colour.ravel()),
        "pbm": saved(picture.convert("1"), "PPM"),
    }


SAMPLES = _samples()


def attempt(data: bytes) -> None:
    """Decode, and check what is promised whatever the bytes are."""
    began = time.monotonic()
    try:
        image = decode(data, max_pixels=LIMIT)
    except ImageError as error:
        text = str(error)
        assert text.endswith((".", "!", "?"))
        assert "\n" not in text
        assert "Traceback" not in text
    else:
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == 3
        assert image.flags.c_contiguous
        assert image.shape[0] * image.shape[1] <= LIMIT
        assert read_size(data) == (image.shape[1], image.shape[0])
    assert time.monotonic() - began < SECONDS


@given(st.binary(max_size=400))
@example(b"")
@example(b"P")
@example(b"BM")
def test_random_bytes(data: bytes) -> None:
    attempt(data)


@given(st.sampled_from(MAGICS), st.binary(max_size=300))
@settings(max_examples=300)
def test_random_bytes_after_a_true_beginning(magic: bytes, rest: bytes) -> None:
    attempt(magic + rest)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_valid(name: str) -> None:
    assert decode(SAMPLES[name]).shape in {(40, 60, 3), (60, 40, 3)}


@given(st.sampled_from(sorted(SAMPLES)), st.data())
@settings(max_examples=300)
def test_flipped_bits(name: str, data: st.DataObject) -> None:
    damaged = bytearray(SAMPLES[name])
    for _ in range(data.draw(st.integers(1, 6))):
        # Half of the flips lie in the header, where they do the most.
        end = data.draw(st.sampled_from([min(200, len(damaged)), len(damaged)]))
        damaged[data.draw(st.integers(0, end - 1))] ^= 1 << data.draw(st.integers(0, 7))
    attempt(bytes(damaged))


@given(st.data())
@settings(max_examples=150)
def test_flipped_bits_behind_a_valid_png_checksum(data: st.DataObject) -> None:
    damaged = bytearray(SAMPLES[data.draw(st.sampled_from(["png", "png alpha", "png palette", "png 16"]))])
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(16, len(damaged) - 13))] ^= 1 << data.draw(st.integers(0, 7))
    at = 8
    while at + 12 <= len(damaged):
        end = at + 12 + int.from_bytes(damaged[at : at + 4], "big")
        damaged[end - 4 : end] = zlib.crc32(damaged[at + 4 : end - 4]).to_bytes(4, "big")
        at = end
    attempt(bytes(damaged))


@given(st.sampled_from(sorted(SAMPLES)), st.floats(0.0, 1.0, exclude_max=True))
@settings(max_examples=200)
def test_truncated(name: str, share: float) -> None:
    attempt(SAMPLES[name][: int(len(SAMPLES[name]) * share)])


@given(st.sampled_from(sorted(SAMPLES)), st.integers(0, 300), st.binary(min_size=1, max_size=40))
@settings(max_examples=150)
def test_inserted_bytes(name: str, at: int, extra: bytes) -> None:
    attempt(SAMPLES[name][:at] + extra + SAMPLES[name][at:])


@given(st.sampled_from(sorted(SAMPLES)), st.binary(max_size=40))
def test_what_follows_the_image_does_not_matter(name: str, rest: bytes) -> None:
    if name.startswith(("webp", "ppm plain")):  # RIFF pads to even sizes; plain text has no end of its own
        return
    np.testing.assert_array_equal(decode(SAMPLES[name] + rest), decode(SAMPLES[name]))


@given(st.binary(max_size=200).map(lambda b: b + b"\n"), st.tuples(st.integers(0, 10**8), st.integers(1, 10**8)))
def test_the_size_is_checked_before_anything_else(rest: bytes, size: tuple[int, int]) -> None:
    width, height = size
    if width * height <= LIMIT:
        width += LIMIT + 1
    with pytest.raises(ImageTooLargeError):
        decode(b"P6 %d %d 255 " % (width, height) + rest, max_pixels=LIMIT)


_BOMB = """
import json, resource, struct, sys, zlib
from vision_ft.bundle.decode import decode
from vision_ft.errors import ImageTooLargeError

def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

packer = zlib.compressobj(9)
row = bytes(1 + 10_000 // 8)
body = b"".join(packer.compress(row) for _ in range(10_000)) + packer.flush()
data = b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 10_000, 10_000, 1, 0, 0, 0, 0))
data += chunk(b"IDAT", body) + chunk(b"IEND", b"")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decode(data)
    said = ""
except ImageTooLargeError as error:
    said = str(error)
print(json.dumps([said, len(data), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before]))
"""


def test_a_hundred_megapixels_in_a_small_file_cost_no_memory() -> None:
    done = subprocess.run([sys.executable, "-c", _BOMB], capture_output=True, text=True, check=True, timeout=60)
    said, size, kibibytes = json.loads(done.stdout)
    assert "10000 x 10000 = 100 megapixels" in said
    assert size < 20_000
    assert kibibytes < 10_000


def test_a_megabyte_of_spaces_ends_soon() -> None:
    began = time.monotonic()
    for data in (b"P5" + b" " * 2**20, b"P5 #" + b"x" * 2**20, b"P5 " + b"7" * 2**20, b"\xff\xd8" + b"\xff" * 2**20):
        with pytest.raises(ImageError):
            decode(data)
    assert time.monotonic() - began < SECONDS
