"""TIFF as cameras and microscopes write it, byte by byte."""

from __future__ import annotations

import io
import struct
import tracemalloc
from contextlib import suppress
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vision_ft.bundle.decode import decode, read_size
from vision_ft.errors import ImageError, NotAnImageError, TruncatedImageError

Order = Literal["<", ">"]


def tiff_bytes(
    pixels: NDArray[Any],
    photometric: int,
    *,
    order: Order = "<",
    big: bool = False,
    planar: bool = False,
    tile: int = 0,
    kind: int = 1,
    extra: int | None = None,
    more: dict[int, int] | None = None,
) -> bytes:
    """An uncompressed TIFF of [H, W] or [H, W, C], tags first, pixels last."""
    height, width = pixels.shape[:2]
    stored = pixels.reshape(height, width, -1)
    stored = stored.astype(stored.dtype.newbyteorder(order))
    samples = stored.shape[2]
    if tile:
        padded = np.pad(stored, ((0, -height % tile), (0, -width % tile), (0, 0)))
        blocks = [
            padded[y : y + tile, x : x + tile].tobytes() for y in range(0, height, tile) for x in range(0, width, tile)
        ]
    else:
        blocks = [stored[:, :, i].tobytes() for i in range(samples)] if planar else [stored.tobytes()]
    short = {256: width, 257: height, 259: 1, 262: photometric, 277: samples, 284: 2 if planar else 1} | (more or {})
    tags = {tag: ("H", [value]) for tag, value in short.items()}
    tags |= {258: ("H", [stored.itemsize * 8] * samples), 339: ("H", [kind] * samples)}
    if extra is not None:
        tags[338] = ("H", [extra])
    word = "Q" if big else "I"
    places, lengths = (324, 325) if tile else (273, 279)
    tags |= {322: ("H", [tile]), 323: ("H", [tile])} if tile else {278: ("H", [height])}
    tags[lengths] = (word, [len(block) for block in blocks])

    def tag_list(offsets: list[int]) -> bytes:
        tags[places] = (word, offsets)
        start = 16 if big else 8
        room = 8 if big else 4
        values_at = start + struct.calcsize(order + ("Q" if big else "H")) + len(tags) * (4 + 2 * room) + room
        rows, values = b"", b""
        for tag, (code, content) in sorted(tags.items()):
            raw = struct.pack(f"{order}{len(content)}{code}", *content)
            rows += struct.pack(order + "HH" + word, tag, {"H": 3, "I": 4, "Q": 16}[code], len(content))
            if len(raw) <= room:
                rows += raw.ljust(room, b"\0")
            else:
                rows += struct.pack(order + word, values_at + len(values))
                values += raw
        count = struct.pack(order + ("Q" if big else "H"), len(tags))
        return count + rows + struct.pack(order + word, 0) + values

    head = (b"II" if order == "<" else b"MM") + (
        struct.pack(order + "HHHQ", 43, 8, 0, 16) if big else struct.pack(order + "HI", 42, 8)
    )
    at = len(head) + len(tag_list([0] * len(blocks)))
    offsets = [at + sum(map(len, blocks[:i])) for i in range(len(blocks))]
    return head + tag_list(offsets) + b"".join(blocks)


def noise(*shape: int, dtype: str = "uint16") -> NDArray[Any]:
    random = np.random.default_rng(7)
    if dtype == "f4":
        return random.random(shape, dtype=np.float32)
    return random.integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def shown(values: NDArray[Any]) -> NDArray[np.uint8]:
    """What 16-bit values become, three channels."""
    scaled = np.floor(values / 257.0 + 0.5).astype(np.uint8)
    return np.repeat(scaled[:, :, None], 3, axis=2) if scaled.ndim == 2 else scaled


@pytest.mark.parametrize("big", [False, True], ids=["classic", "big"])
@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big-endian"])
class TestLayouts:
    """Both byte orders, both generations of the format."""

    def test_deep_grey(self, order: Order, big: bool) -> None:
        values = noise(20, 24)
        data = tiff_bytes(values, 1, order=order, big=big)
        np.testing.assert_array_equal(decode(data), shown(values))
        assert read_size(data) == (24, 20)

    def test_deep_grey_where_white_is_zero(self, order: Order, big: bool) -> None:
        values = noise(20, 24)
        np.testing.assert_array_equal(decode(tiff_bytes(values, 0, order=order, big=big)), 255 - shown(values))

    def test_deep_colour(self, order: Order, big: bool) -> None:
        values = noise(20, 24, 3)
        np.testing.assert_array_equal(decode(tiff_bytes(values, 2, order=order, big=big)), shown(values))

    def test_deep_colour_in_tiles(self, order: Order, big: bool) -> None:
        values = noise(20, 24, 3)
        np.testing.assert_array_equal(decode(tiff_bytes(values, 2, order=order, big=big, tile=16)), shown(values))

    def test_float_colour(self, order: Order, big: bool) -> None:
        values = noise(20, 24, 3, dtype="f4")
        found = decode(tiff_bytes(values, 2, order=order, big=big, kind=3))
        np.testing.assert_array_equal(found, np.floor(values.astype(np.float64) * 255 + 0.5))

    def test_bytes_pixel_by_pixel_and_plane_by_plane(self, order: Order, big: bool) -> None:
        values = noise(20, 24, 3, dtype="uint8")
        for planar in (False, True):
            np.testing.assert_array_equal(decode(tiff_bytes(values, 2, order=order, big=big, planar=planar)), values)

    def test_grey_bytes_where_white_is_zero(self, order: Order, big: bool) -> None:
        values = noise(20, 24, dtype="uint8")
        found = decode(tiff_bytes(values, 0, order=order, big=big))
        np.testing.assert_array_equal(found[:, :, 1], 255 - values)

    def test_orientation_of_deep_pixels(self, order: Order, big: bool) -> None:
        values = noise(20, 24, 3)
        found = decode(tiff_bytes(values, 2, order=order, big=big, more={274: 6}))
        np.testing.assert_array_equal(found, np.rot90(shown(values), -1))


def test_only_a_stated_opacity_is_one() -> None:
    values = noise(20, 24, 4)
    opacity = values[:, :, 3:] / 65535
    composed = decode(tiff_bytes(values, 2, extra=2))
    np.testing.assert_allclose(composed, shown(values[:, :, :3]) * opacity, atol=0.51)
    np.testing.assert_array_equal(decode(tiff_bytes(values, 2, extra=0)), shown(values[:, :, :3]))


def test_cmyk() -> None:
    inks = np.zeros((4, 4, 4), np.uint8)
    inks[:, :2, 3] = 255
    found = decode(tiff_bytes(inks, 5))
    assert (found[:, :2] == 0).all()
    assert (found[:, 2:] == 255).all()


@pytest.mark.parametrize(
    ("pixels", "options"),
    [
        (noise(4, 4, 3), {"photometric": 2, "planar": True}),
        (noise(4, 4, 2), {"photometric": 1, "extra": 2}),
        (noise(4, 4), {"photometric": 1, "kind": 2}),
        (np.zeros((4, 4), np.float64), {"photometric": 1, "kind": 3}),
        (np.zeros((4, 4), np.uint32), {"photometric": 1}),
        (noise(4, 4, 3, dtype="uint8"), {"photometric": 8}),
    ],
    ids=["planes", "grey and opacity", "signed", "double", "32 bits", "Lab"],
)
def test_kinds_that_are_not_read_say_what_is(pixels: NDArray[Any], options: dict[str, Any]) -> None:
    with pytest.raises(NotAnImageError, match=r"kind that is not read.*PNG"):
        decode(tiff_bytes(pixels, **options))


@pytest.mark.parametrize("tile", [0, 16])
def test_pixels_that_end_early(tile: int) -> None:
    data = tiff_bytes(noise(20, 24), 1, tile=tile)
    with pytest.raises(TruncatedImageError, match="ends early"):
        decode(data[:-1])


def test_a_repeated_tag_costs_nothing() -> None:
    strips = 20_000
    entry = struct.pack("<HHII", 273, 4, strips, 8 + 2 + 12 * 6_000 + 4)
    data = b"II*\0" + struct.pack("<IH", 8, 6_000)
    data += struct.pack("<HHII", 256, 3, 1, 4) + struct.pack("<HHII", 257, 3, 1, 4) + entry * 5_998
    data += bytes(4 + 4 * strips)
    tracemalloc.start()
    try:
        with suppress(TruncatedImageError):
            decode(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * len(data)


def test_tags_that_share_their_values_cost_nothing() -> None:
    """Each tag of a tiny image says that nearly the whole file is its value."""
    tags = (258, 259, 262, 266, 277, 278, 284, 292, 317, 320, 338, 339, 347, 529, 530, 532)
    shared, first = 400_000, 8 + 2 + 12 * (len(tags) + 4) + 4
    rows = [
        (256, 3, 1, 1),
        (257, 3, 1, 1),
        (273, 4, 1, first),
        (279, 4, 1, 1),
        *((tag, 1, shared, first) for tag in tags),
    ]
    data = b"II*\0" + struct.pack("<IH", 8, len(rows))
    data += b"".join(struct.pack("<HHII", *row) for row in sorted(rows)) + bytes(4 + shared)
    tracemalloc.start()
    try:
        with pytest.raises(ImageError):
            decode(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 * len(data)


def test_a_tile_larger_than_any_image() -> None:
    data = tiff_bytes(noise(20, 24), 1, tile=16).replace(
        struct.pack("<HHIHH", 322, 3, 1, 16, 0), struct.pack("<HHII", 322, 4, 1, 1 << 30)
    )
    with pytest.raises(TruncatedImageError, match="tile"):
        decode(data)


def test_camera_tags_do_not_reach_the_decoder() -> None:
    buffer = io.BytesIO()
    picture = noise(9, 9, 3, dtype="uint8")
    Image.fromarray(picture).save(
        buffer, "TIFF", tiffinfo={270: "a long description " * 9, 271: "maker", 34665: 1 << 30}
    )
    np.testing.assert_array_equal(decode(buffer.getvalue()), picture)
