"""Bytes to full-resolution RGB: the one decoder of training, evaluation and service.

What every image becomes: the first frame or page, uint8 RGB [H, W, 3], upright (EXIF
orientation applied), grey spread over the three channels, CMYK and YCCK converted, alpha
composed on black (where nothing was recorded there is no light). Colour profiles and gamma
are not applied. 16-bit and float intensities are mapped by a stated window, by default the
full range of the type (65535; 1.0 for float; the maximum stated in a PPM/PGM header),
never by anything measured in the image.

A file that ends early is refused, and so is damage that the format lets one see: PNG by its
checksums, the rest by what cannot be decompressed. A changed byte within the compressed
data of a JPEG, or in raw samples, cannot be told from another picture.

Which library reads an image depends on its bytes alone: OpenCV reads 8-bit JPEG and PNG (the
fastest here), 24-bit BMP and all 16-bit and float samples, Pillow reads the rest. Of JPEG,
PNG and TIFF they are handed the parts that make pixels and nothing else, so that what a file
carries besides (previews, animation, text, vendor tags) can neither change the result nor
cost memory.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL.BmpImagePlugin import BmpImageFile
from PIL.Image import Image, new
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from vision_ft.bundle import tiff
from vision_ft.bundle.faults import damaged, ended_early
from vision_ft.bundle.headers import PNG_MAGIC, Header, jpeg_end, jpeg_segments, png_chunks, read_header
from vision_ft.errors import ImageError, ImageTooLargeError, NotAnImageError, TruncatedImageError, UsageError

DEFAULT_MAX_PIXELS = 80_000_000
"""Width times height that is accepted where the caller states no limit: a scan of 8192 x 8192 is."""

Window = tuple[float, float]

# Damaged files are reported here as errors; OpenCV's own lines on stderr would say it twice.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

_COLOUR = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
_PNG_CHUNKS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
# A progressive JPEG has about ten scans; each one costs a pass over the whole image.
_MOST_SCANS = 100
_ROWS = 256


def read_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels as `decode` will give them, from the header alone.

    Raises `NotAnImageError` or `TruncatedImageError`.
    """
    return read_header(data).upright


def decode(data: bytes, *, window: Window | None = None, max_pixels: int | None = None) -> NDArray[np.uint8]:
    """Decode an image to uint8 RGB [H, W, 3], upright and contiguous.

    `window` gives the intensities of a 16-bit or float image that become 0 and 255 (None:
    the full range of its type); 8-bit images are left as they are. `max_pixels` is checked
    from the header, before anything is decompressed (None: `DEFAULT_MAX_PIXELS`).

    Raises `NotAnImageError`, `TruncatedImageError`, `ImageTooLargeError`, and `UsageError`
    for a window whose ends are not in order.
    """
    if window is not None and not (np.isfinite(window).all() and window[0] < window[1]):
        raise UsageError(f"intensity window {window}", expected="two finite values, the lower one first")
    header = read_header(data)
    limit = DEFAULT_MAX_PIXELS if max_pixels is None else max_pixels
    if header.width * header.height > limit:
        raise ImageTooLargeError(
            "the image is too large",
            expected=f"at most {limit / 1e6:g} megapixels",
            got=f"{header.width} x {header.height} = {header.width * header.height / 1e6:.3g} megapixels",
            remedy="Send a smaller image, or a part of it.",
        )
    try:
        image = _READERS[header.format](data, header, window)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageTooLargeError("the image needs more memory than there is", remedy="Send a smaller image.") from error
    except Exception as error:  # the libraries raise some twenty types on damaged files
        raise damaged(str(error).splitlines()[0] if str(error) else type(error).__name__) from error
    if image.shape != (header.height, header.width, 3):
        raise damaged(f"pixels of another size than the header's {header.width} x {header.height}")
    return np.ascontiguousarray(_upright(image, header.orientation))


def _jpeg(data: bytes, header: Header, window: Window | None) -> NDArray[np.uint8]:
    if header.bits != 8 or header.samples not in (1, 3, 4):
        raise _unsupported("a JPEG of 8 bits and 1, 3 or 4 samples", header)
    end, scans = jpeg_end(data, header.start)
    if end is None:
        raise ended_early(data)
    if scans > _MOST_SCANS:
        raise damaged(f"a JPEG of more than {_MOST_SCANS} scans")
    # Kept of the application segments: JFIF and Adobe, which say how colours are stored.
    kept = [data[s:e] for marker, s, e in jpeg_segments(data) if not (0xE1 <= marker <= 0xED or marker in (0xEF, 0xFE))]
    kept[-1] = data[header.start : end]
    slim = b"".join((data[:2], *kept))
    return _pillow(JpegImageFile, slim) if header.samples == 4 else _opencv(slim, _COLOUR)


def _png(data: bytes, header: Header, window: Window | None) -> NDArray[np.uint8]:
    kept, names = [PNG_MAGIC], set()
    view = memoryview(data)
    for name, start, end in png_chunks(data):
        if end > len(data):
            break
        # Checked here, because the libraries write a line to stderr before they fail.
        if zlib.crc32(view[start + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise damaged(f"a PNG chunk {name.decode('latin-1')!r} with a wrong checksum")
        names.add(name)
        if name in _PNG_CHUNKS:
            kept.append(bytes(view[start:end]))
        if name == b"IEND":
            break
    if b"IEND" not in names or b"IDAT" not in names:
        raise ended_early(data)
    slim = b"".join(kept)
    if header.bits == 16:
        values = _opencv(slim, cv2.IMREAD_UNCHANGED)
        return _windowed(values, window or (0.0, 65535.0))
    if header.bits == 8 and header.kind in (0, 2) and b"tRNS" not in names:
        return _opencv(slim, _COLOUR)
    return _pillow(PngImageFile, slim)


def _tiff(data: bytes, header: Header, window: Window | None) -> NDArray[np.uint8]:
    page = tiff.read_page(data)
    slim = tiff.slim(data)
    if page.bits <= 8 and page.sample_format == 1 and page.photometric in (0, 1, 2, 3, 5, 6):
        return _pillow(TiffImageFile, slim)
    deep = (page.bits, page.sample_format) in ((16, 1), (32, 3))
    if not deep or page.photometric not in (0, 1, 2) or page.samples not in (1, 3, 4):
        raise _unsupported("a TIFF of 8- or 16-bit unsigned or 32-bit float samples, grey or RGB", header)
    if page.planar and page.samples > 1:
        raise _unsupported("a TIFF whose 16-bit or float samples lie pixel by pixel", header)
    full = (0.0, 65535.0) if page.bits == 16 else (0.0, 1.0)
    # Pillow would cut 16-bit colours to 8 bits.
    values = _opencv(slim, cv2.IMREAD_UNCHANGED)
    if page.samples == 4 and not page.transparent:
        values = values[:, :, :3]
    shown = _windowed(values, window or full)
    return 255 - shown if page.photometric == 0 else shown


def _pnm(data: bytes, header: Header, window: Window | None) -> NDArray[np.uint8]:
    if header.kind in (1, 4):
        return _pillow(PpmImageFile, data)
    count = header.width * header.height * header.samples
    values: NDArray[Any]
    if header.kind in (2, 3):
        words = data[header.start :].split(maxsplit=count)[:count]
        values = np.fromiter((int(word) for word in words), dtype=np.int64, count=len(words))
        if values.size and (values.min() < 0 or values.max() > header.maximum):
            raise damaged(f"a sample outside 0 to {header.maximum}")
        values = values.astype(np.uint16)
    else:
        code = np.dtype(np.uint8 if header.bits == 8 else ">u2")
        whole = min(count, (len(data) - header.start) // code.itemsize)
        values = np.frombuffer(data, code, whole, header.start)
    if values.size < count:
        raise TruncatedImageError(
            "the image ends early", expected=f"{count} samples", got=f"{values.size}", remedy="Send the whole file."
        )
    values = values.reshape(header.height, header.width, header.samples)
    if header.maximum == 255:
        shown = np.asarray(values, dtype=np.uint8)
        return np.repeat(shown, 3, axis=2) if header.samples == 1 else shown
    stated = window if header.bits == 16 else None
    return _windowed(values[:, :, ::-1], stated or (0.0, float(header.maximum)))


def _bmp(data: bytes, header: Header, window: Window | None) -> NDArray[np.uint8]:
    if header.bits == 24:
        return _opencv(data, _COLOUR)
    return _pillow(BmpImageFile, data)


def _webp(data: bytes, header: Header, window: Window | None) -> NDArray[np.uint8]:
    if int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise ended_early(data)
    return _pillow(WebPImageFile, data)


_READERS: dict[str, Callable[[bytes, Header, Window | None], NDArray[np.uint8]]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "TIFF": _tiff,
    "PNM": _pnm,
    "BMP": _bmp,
    "WebP": _webp,
}


def _unsupported(expected: str, header: Header) -> NotAnImageError:
    return NotAnImageError(
        f"the {header.format} image is of a kind that is not read",
        expected=expected,
        got=f"{header.samples} samples of {header.bits} bits",
        remedy="Save it as 8-bit or 16-bit PNG.",
    )


def _opencv(data: bytes, flags: int) -> NDArray[Any]:
    found = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if found is None:
        raise damaged("pixels that cannot be decompressed")
    return np.asarray(found)


def _pillow(reader: Callable[[io.BytesIO], Image], data: bytes) -> NDArray[np.uint8]:
    """Uint8 RGB by Pillow's plugin itself: `Image.open` would put its own, other limits in the way."""
    with reader(io.BytesIO(data)) as image:
        image.load()
        if not image.has_transparency_data:
            return np.asarray(image.convert("RGB"))
        layered = image.convert("RGBA")
        ground = new("RGB", layered.size)
        ground.paste(layered, mask=layered.getchannel("A"))
        return np.asarray(ground)


@lru_cache(maxsize=16)
def _table(low: float, high: float) -> NDArray[np.uint8]:
    """The window as a table over all 16-bit values, uint8 [65536]."""
    scaled = (np.arange(65536, dtype=np.float64) - low) * (255.0 / (high - low))
    return np.floor(np.clip(scaled, 0.0, 255.0) + 0.5).astype(np.uint8)


def _windowed(values: NDArray[Any], window: Window) -> NDArray[np.uint8]:
    """Uint8 RGB from OpenCV's 16-bit or float samples: grey [H, W], BGR or BGRA [H, W, C].

    Not-a-number becomes 0. Rows are taken in blocks, so that little memory is needed besides.
    """
    if values.ndim == 2:
        values = values[:, :, None]
    height, width, samples = values.shape
    low, high = window
    result = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _ROWS):
        block = values[top : top + _ROWS]
        colour = block[:, :, :1] if samples == 1 else block[:, :, 2::-1]
        if values.dtype.kind == "f":
            scaled = (colour.astype(np.float64) - low) * (255.0 / (high - low))
            shown = np.floor(np.nan_to_num(np.clip(scaled, 0.0, 255.0), nan=0.0) + 0.5)
            full = 1.0
        else:
            shown = _table(low, high)[colour]
            full = 65535.0
        if samples == 4:
            opacity = np.clip(np.nan_to_num(block[:, :, 3:].astype(np.float64) / full, nan=0.0), 0.0, 1.0)
            shown = np.floor(shown * opacity + 0.5)
        result[top : top + _ROWS] = shown
    return result


def _upright(image: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The image turned and mirrored as its EXIF orientation says."""
    if orientation >= 5:
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return image
