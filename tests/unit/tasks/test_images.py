"""Placed images, and the memory they may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vision_ft.bundle.decode import decode
from vision_ft.bundle.manifest import InputSpec, TileSpec
from vision_ft.bundle.place import geometry_of, place, place_mask
from vision_ft.bundle.tiles import views_of
from vision_ft.data.index import IGNORE, Index, MaskCode
from vision_ft.tasks.images import PlacedImages

_MIB = InputSpec(height=512, width=683)
"""One image of this size takes a little more than 1 MiB."""


def test_images_are_decoded_and_placed_as_in_the_service(index: Index) -> None:
    samples = list(index.samples())
    spec = InputSpec(height=48, width=64, placement="letterbox")
    images = PlacedImages(samples, spec, cache_mb=1)
    images.load()
    assert len(images) == len(samples) == images.cached
    for row in (0, len(samples) - 1):
        expected, _ = place(decode(samples[row].path.read_bytes()), spec)
        assert np.array_equal(images[row], expected)


@pytest.mark.parametrize(("cache_mb", "cached"), [(0, 0), (1, 0), (5, 4), (64, 16)])
def test_no_more_is_kept_than_the_budget_allows(index: Index, cache_mb: int, cached: int) -> None:
    samples = list(index.samples())
    images = PlacedImages(samples, _MIB, cache_mb=cache_mb)
    images.load()
    assert images.cached == cached
    assert images.cached * 512 * 683 * 3 <= cache_mb * 2**20
    whole = PlacedImages(samples[-1:], _MIB, cache_mb=0)[0]
    assert np.array_equal(images[len(samples) - 1], whole)


def test_a_cached_image_needs_its_file_no_more(index: Index) -> None:
    images = PlacedImages(list(index.samples())[:2], InputSpec(height=32, width=32), cache_mb=1)
    images.load()
    before = images[0]
    images.samples[0] = images.samples[1]
    assert np.array_equal(images[0], before)


@pytest.mark.parametrize(("cache_mb", "again"), [(0, 3), (64, 2)])
def test_views_of_an_image_are_cut_from_one_decoded_image(
    index: Index, cache_mb: int, again: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = list(index.samples())[:2]
    images = PlacedImages(
        samples, InputSpec(height=32, width=32, tile=TileSpec(size=32, overlap=0.2)), cache_mb=cache_mb
    )
    read = 0

    def counted(data: bytes, *, window: tuple[int, int] | None = None) -> NDArray[np.uint8]:
        nonlocal read
        read += 1
        return decode(data, window=window)

    monkeypatch.setattr("vision_ft.tasks.images.decode", counted)
    views = views_of(samples[0].width, samples[0].height, images.spec)
    whole = decode(samples[0].path.read_bytes())
    for view in views:
        left, top, width, height = view.crop
        assert np.array_equal(images.cut(0, view), whole[top : top + height, left : left + width])
    assert read == 1
    images.cut(1, views[0])
    images.cut(0, views[0])
    assert read == again


@pytest.mark.parametrize("sharers", [1, 2, 8, 64])
def test_whole_images_that_views_are_cut_from_keep_to_their_part_of_the_budget(index: Index, sharers: int) -> None:
    samples = list(index.samples())
    spec = InputSpec(height=32, width=32, tile=TileSpec(size=32, overlap=0.2))
    images = PlacedImages(samples, spec, cache_mb=1, sharers=sharers)
    images.load()
    for row, sample in enumerate(samples):
        images.cut(row, views_of(sample.width, sample.height, spec)[0])
    each = 3 * samples[0].width * samples[0].height
    assert images.cached == min(len(samples), 2**20 // sharers // each)
    assert sharers * images.cached * each <= 2**20


def test_masks_are_placed_with_their_images(index: Index) -> None:
    samples = sorted(index.samples(), key=lambda s: s.targets[0])
    images = PlacedImages(samples, InputSpec(height=36, width=40), cache_mb=1)
    good, bad = images.mask(0), images.mask(len(samples) - 1)
    assert good is None  # an empty mask
    assert bad is not None
    assert bad.shape == (36, 40)
    assert bad.dtype == np.uint8
    # The scratch is yellow: where the mask lies, the image's blue is low.
    pixels = images[len(samples) - 1].astype(int)
    yellow = (pixels[..., 0] - pixels[..., 2]) > 80
    assert yellow.any()
    assert (bad[yellow] > 0).mean() > 0.9


_OBJECT = np.zeros((72, 80), np.uint8)
_OBJECT[20:40, 30:60] = 1
_VOID = np.zeros((72, 80), np.uint8)
_VOID[36:50, 50:70] = 1
_BLUE_GREEN = _OBJECT[:, :, None] * np.array((255, 200, 0), np.uint8)
"""As OpenCV writes it, BGR: there is no red."""


@pytest.mark.parametrize(
    ("drawn", "values", "shown"),
    [
        (_BLUE_GREEN, None, _OBJECT),
        (_OBJECT.astype(np.uint16), None, _OBJECT),
        (_OBJECT.astype(np.uint16) * 255, None, _OBJECT),
        (np.where(_VOID, 255, _OBJECT).astype(np.uint8), {"1": "scratch", "255": IGNORE}, _OBJECT * (1 - _VOID)),
        (_VOID * np.uint8(255), {"1": "scratch", "255": IGNORE}, None),
        (_BLUE_GREEN, {"#00c8ff": "scratch"}, _OBJECT),
        (_OBJECT, {"2": "scratch"}, None),
    ],
    ids=["coloured", "16 bits, 0 and 1", "16 bits, 0 and 255", "with void", "void alone", "a colour", "another value"],
)
def test_masks_are_read_as_by_the_other_tasks(
    index: Index,
    tmp_path: Path,
    drawn: NDArray[np.integer],
    values: Mapping[str, str] | None,
    shown: NDArray[np.uint8] | None,
) -> None:
    path = tmp_path / "mask.png"
    assert cv2.imwrite(str(path), drawn)
    bad = next(sample for sample in index.samples() if sample.targets == ("scratch",))
    sample = replace(bad, mask=path, mask_code=None if values is None else MaskCode(values))
    spec = InputSpec(height=48, width=64, placement="letterbox")
    found = PlacedImages([sample], spec, cache_mb=1).mask(0)
    if shown is None:
        assert found is None
    else:
        assert found is not None
        assert np.array_equal(found, place_mask(shown, geometry_of(80, 72, spec)))
