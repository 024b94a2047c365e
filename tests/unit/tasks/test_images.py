"""Placed images, and the memory they may take."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vision_ft.bundle.decode import decode
from vision_ft.bundle.manifest import InputSpec, TileSpec
from vision_ft.bundle.place import place
from vision_ft.bundle.tiles import views_of
from vision_ft.data.index import Index
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
