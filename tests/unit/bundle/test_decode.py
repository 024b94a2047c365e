"""Every format that is read, to the pixel."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from vision_ft.bundle.decode import DEFAULT_MAX_PIXELS, decode, read_size
from vision_ft.errors import ImageTooLargeError, NotAnImageError, TruncatedImageError, UsageError

HEIGHT, WIDTH = 37, 53


def scene() -> NDArray[np.uint8]:
    """A smooth colour picture without any symmetry, uint8 [37, 53, 3]."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([4 * x, 6 * y, 255 - 2 * x - 3 * y], axis=2).clip(0, 255).astype(np.uint8)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def deep_png(values: NDArray[np.uint16]) -> bytes:
    """16-bit PNG of grey [H, W], RGB or RGBA [H, W, C]."""
    stored = values if values.ndim == 2 else values[:, :, [2, 1, 0, 3][: values.shape[2]]]
    return bytes(cv2.imencode(".png", stored)[1])


def grey(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(values[:, :, None], 3, axis=2)


LOSSLESS: list[tuple[str, dict[str, Any]]] = [
    ("PNG", {}),
    ("PNG", {"interlace": True}),
    ("BMP", {}),
    ("PPM", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ("TIFF", {"compression": "packbits"}),
    ("TIFF", {"big_tiff": True}),
    ("WEBP", {"lossless": True}),
]


@pytest.mark.parametrize(("kind", "options"), LOSSLESS, ids=lambda value: str(value))
def test_lossless_rgb_comes_back_exactly(kind: str, options: dict[str, Any]) -> None:
    data = encoded(Image.fromarray(scene()), kind, **options)
    found = decode(data)
    np.testing.assert_array_equal(found, scene())
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    assert read_size(data) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "TIFF"])
def test_grey_fills_three_channels(kind: str) -> None:
    values = scene()[:, :, 0]
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(values), kind)), grey(values))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "TIFF"])
def test_one_bit_is_black_and_white(kind: str) -> None:
    dots = scene()[:, :, 0] > 100
    found = decode(encoded(Image.fromarray(dots), kind))
    np.testing.assert_array_equal(found, grey(np.where(dots, 255, 0).astype(np.uint8)))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_palette_is_looked_up(kind: str) -> None:
    image = Image.fromarray(scene()).quantize(16)
    np.testing.assert_array_equal(decode(encoded(image, kind)), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize(
    "options", [{"quality": 90}, {"quality": 90, "progressive": True}], ids=["baseline", "progressive"]
)
def test_jpeg_is_close(options: dict[str, Any]) -> None:
    data = encoded(Image.fromarray(scene()), "JPEG", subsampling=0, **options)
    assert np.abs(decode(data).astype(int) - scene()).max() < 20
    assert read_size(data) == (WIDTH, HEIGHT)


def test_grey_jpeg() -> None:
    found = decode(encoded(Image.fromarray(scene()[:, :, 0]), "JPEG", quality=95))
    assert np.abs(found[:, :, 0].astype(int) - scene()[:, :, 0]).max() < 10
    assert (found[:, :, 0] == found[:, :, 2]).all()


def test_cmyk_jpeg_is_converted() -> None:
    data = encoded(Image.fromarray(scene()).convert("CMYK"), "JPEG", quality=95)
    assert np.abs(decode(data).astype(int) - scene()).mean() < 4


def test_lossy_webp_is_close() -> None:
    data = encoded(Image.fromarray(scene()), "WEBP", quality=95)
    assert np.abs(decode(data).astype(int) - scene()).mean() < 8
    assert read_size(data) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_alpha_is_composed_on_black(kind: str) -> None:
    opacity = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
    opacity[:10], opacity[10:20] = 0, 128
    layered = Image.fromarray(np.concatenate([scene(), opacity], axis=2))
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    found = decode(encoded(layered, kind, **options)).astype(float)
    np.testing.assert_allclose(found, scene() * (opacity / 255.0), atol=0.51)


def test_transparent_palette_entry_is_black() -> None:
    image = Image.fromarray(scene()).quantize(4)
    found = decode(encoded(image, "PNG", transparency=2))
    clear = np.asarray(image) == 2
    assert clear.any()
    assert not found[clear].any()
    np.testing.assert_array_equal(found[~clear], np.asarray(image.convert("RGB"))[~clear])


def test_grey_with_alpha() -> None:
    opacity = np.where(np.arange(WIDTH) < 20, 0, 255).astype(np.uint8)
    layered = np.stack([scene()[:, :, 0], np.broadcast_to(opacity, (HEIGHT, WIDTH))], axis=2)
    found = decode(encoded(Image.fromarray(layered, "LA"), "PNG"))
    np.testing.assert_array_equal(found, grey(np.where(opacity == 0, 0, scene()[:, :, 0]).astype(np.uint8)))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_orientation_is_applied(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "a camera"
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(Image.fromarray(scene()), kind, exif=exif, **options)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    found = decode(data)
    np.testing.assert_array_equal(found, upright)
    assert read_size(data) == (found.shape[1], found.shape[0])
    assert found.flags.c_contiguous


def test_first_page_and_first_frame_count() -> None:
    other = Image.fromarray(scene()[::-1].copy())
    for kind, options in (("TIFF", {}), ("PNG", {}), ("WEBP", {"lossless": True})):
        data = encoded(Image.fromarray(scene()), kind, save_all=True, append_images=[other], **options)
        np.testing.assert_array_equal(decode(data), scene(), err_msg=kind)


def test_several_threads_decode_at_once() -> None:
    files = [encoded(Image.fromarray(scene() // (i + 1)), kind) for i in range(4) for kind in ("PNG", "TIFF", "BMP")]
    alone = [decode(data) for data in files]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(decode, files * 5))
    for found, expected in zip(together, alone * 5, strict=True):
        np.testing.assert_array_equal(found, expected)


class TestWindow:
    """16-bit and float intensities become bytes by a stated window alone."""

    def test_full_range_by_default(self) -> None:
        values = np.array([[0, 128, 129, 257, 32768, 65535]], np.uint16)
        np.testing.assert_array_equal(decode(deep_png(values))[0, :, 0], [0, 0, 1, 1, 128, 255])

    def test_what_else_is_in_the_image_does_not_matter(self) -> None:
        dark = np.full((4, 4), 1000, np.uint16)
        lit = dark.copy()
        lit[0, 0] = 65535
        assert decode(deep_png(dark))[3, 3, 0] == decode(deep_png(lit))[3, 3, 0] == 4

    def test_stated_window(self) -> None:
        values = np.array([[0, 1000, 1500, 2000, 65535]], np.uint16)
        found = decode(deep_png(values), window=(1000, 2000))
        np.testing.assert_array_equal(found[0, :, 0], [0, 0, 128, 255, 255])

    def test_colours_keep_their_order(self) -> None:
        deep = scene().astype(np.uint16) * 257
        np.testing.assert_array_equal(decode(deep_png(deep)), scene())

    def test_deep_alpha_is_composed_on_black(self) -> None:
        deep = np.concatenate([scene(), np.full((HEIGHT, WIDTH, 1), 51, np.uint8)], axis=2).astype(np.uint16) * 257
        np.testing.assert_allclose(decode(deep_png(deep)), scene() * 0.2, atol=0.51)

    def test_float_tiff(self) -> None:
        values = np.array([[-1.0, 0.0, 0.5, 1.0, 7.0, np.nan, np.inf]], np.float32)
        data = encoded(Image.fromarray(values), "TIFF")
        np.testing.assert_array_equal(decode(data)[0, :, 1], [0, 0, 128, 255, 255, 0, 255])
        np.testing.assert_array_equal(decode(data, window=(0, 10))[0, :5, 1], [0, 0, 13, 26, 179])

    def test_eight_bit_images_are_left_alone(self) -> None:
        data = encoded(Image.fromarray(scene()), "PNG")
        np.testing.assert_array_equal(decode(data, window=(10, 20)), scene())

    def test_rows_beyond_one_block(self) -> None:
        values = np.arange(700, dtype=np.uint16)[:, None] * 90
        np.testing.assert_array_equal(decode(deep_png(values))[:, 0, 0], np.floor(values[:, 0] / 257 + 0.5))

    @pytest.mark.parametrize("window", [(1.0, 1.0), (5.0, 2.0), (0.0, float("nan")), (0.0, float("inf"))])
    def test_a_window_without_order_is_refused(self, window: tuple[float, float]) -> None:
        with pytest.raises(UsageError, match="intensity window"):
            decode(deep_png(np.zeros((2, 2), np.uint16)), window=window)


class TestPortableMaps:
    """PPM and PGM, raw and plain."""

    def test_sixteen_bits(self) -> None:
        values = np.array([[0, 257, 65535]], ">u2")
        data = b"P5\n# by a camera\n3 1\n65535\n" + values.tobytes()
        np.testing.assert_array_equal(decode(data)[0, :, 0], [0, 1, 255])
        np.testing.assert_array_equal(decode(data, window=(0, 257))[0, :, 0], [0, 255, 255])
        assert read_size(data) == (3, 1)

    def test_the_stated_maximum_is_white(self) -> None:
        assert decode(b"P5 2 1 4095 " + np.array([4095, 2048], ">u2").tobytes())[0, :, 0].tolist() == [255, 128]
        assert decode(b"P6 1 1 15 \x0f\x00\x05")[0, 0].tolist() == [255, 0, 85]

    def test_plain(self) -> None:
        assert decode(b"P3\n2 1\n255\n1 2 3\n250 251 252\n").tolist() == [[[1, 2, 3], [250, 251, 252]]]
        assert decode(b"P2 2 1 65535 65535 257 ")[0, :, 0].tolist() == [255, 1]

    @pytest.mark.parametrize(
        "data",
        [
            b"P2 2 1 255 7",
            b"P5 2 1 255 \x01",
            b"P6 1 1 65535 \x01\x02\x03\x04\x05",
            b"P5 2",
            b"P5 2 1 255",
            b"P4 16 2 \x01",
        ],
    )
    def test_too_few_samples(self, data: bytes) -> None:
        with pytest.raises(TruncatedImageError):
            decode(data)

    @pytest.mark.parametrize(
        "data",
        [b"P5 0 4 255 ", b"P5 x 4 255 ", b"P5 4 4 0 ", b"P5 4 4 70000 ", b"P5 12345678901 1 255 ", b"P2 1 1 255 300 "],
    )
    def test_contradictions(self, data: bytes) -> None:
        with pytest.raises(TruncatedImageError, match="damaged"):
            decode(data)


class TestRefusals:
    """What is no usable image is refused with one sentence."""

    @pytest.mark.parametrize("data", [b"", b"\0" * 64, b"%PDF-1.7 and so on", b"<html></html>", b"GIF89a" + bytes(40)])
    def test_no_image(self, data: bytes) -> None:
        with pytest.raises(NotAnImageError, match="JPEG, PNG, TIFF"):
            decode(data)
        with pytest.raises(NotAnImageError):
            read_size(data)

    @pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.99])
    @pytest.mark.parametrize(
        ("kind", "options"),
        [
            ("JPEG", {}),
            ("JPEG", {"progressive": True}),
            ("PNG", {}),
            ("BMP", {}),
            ("PPM", {}),
            ("TIFF", {}),
            ("TIFF", {"compression": "tiff_lzw"}),
            ("WEBP", {}),
        ],
    )
    def test_truncated(self, kind: str, options: dict[str, Any], share: float) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
        data = encoded(Image.fromarray(noise), kind, **options)
        with pytest.raises(TruncatedImageError):
            decode(data[: int(len(data) * share)])

    def test_truncated_jpeg_with_a_whole_preview_inside(self) -> None:
        preview = encoded(Image.fromarray(scene()), "JPEG")
        whole = encoded(Image.fromarray(scene()), "JPEG")
        segment = b"Exif\0\0" + preview
        data = whole[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + whole[2:]
        np.testing.assert_array_equal(decode(data), decode(whole))
        with pytest.raises(TruncatedImageError, match="ends early"):
            decode(data[:-40])

    def test_a_changed_byte_in_a_png_is_noticed(self) -> None:
        data = bytearray(encoded(Image.fromarray(scene()), "PNG"))
        data[len(data) // 2] ^= 1
        with pytest.raises(TruncatedImageError, match="checksum"):
            decode(bytes(data))

    def test_endless_jpeg_scans(self) -> None:
        data = encoded(Image.fromarray(scene()), "JPEG", progressive=True)
        scan = data.rindex(b"\xff\xda")
        with pytest.raises(TruncatedImageError, match="scans"):
            decode(data[:-2] + data[scan:-2] * 200 + data[-2:])

    @pytest.mark.parametrize("progressive", [False, True])
    def test_what_follows_a_jpeg_is_no_part_of_it(self, progressive: bool) -> None:
        data = encoded(Image.fromarray(scene()), "JPEG", progressive=progressive, restart_marker_blocks=2)
        film = np.random.default_rng(0).integers(0, 256, 2_000_000, dtype=np.uint8).tobytes() + b"\xff\xda" * 200
        np.testing.assert_array_equal(decode(data + film), decode(data))

    def test_a_jpeg_without_its_end_is_refused(self) -> None:
        data = encoded(Image.fromarray(scene()), "JPEG")
        with pytest.raises(TruncatedImageError):
            decode(data[: len(data) * 3 // 4])

    def test_twelve_bit_jpeg_is_named(self) -> None:
        data = bytearray(encoded(Image.fromarray(scene()), "JPEG"))
        data[data.index(b"\xff\xc0") + 4] = 12
        with pytest.raises(NotAnImageError, match="of 12 bits"):
            decode(bytes(data))

    @pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "JPEG", "WEBP", "PPM"])
    def test_too_many_pixels(self, kind: str) -> None:
        data = encoded(Image.fromarray(scene()), kind)
        with pytest.raises(ImageTooLargeError, match=f"{WIDTH} x {HEIGHT}"):
            decode(data, max_pixels=WIDTH * HEIGHT - 1)
        assert decode(data, max_pixels=WIDTH * HEIGHT).shape == (HEIGHT, WIDTH, 3)

    def test_the_default_limit(self) -> None:
        assert DEFAULT_MAX_PIXELS == 80_000_000
        with pytest.raises(ImageTooLargeError, match="at most 80 megapixels, got 10001 x 8000"):
            decode(b"P5 10001 8000 255 ")
