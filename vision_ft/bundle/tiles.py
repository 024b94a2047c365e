"""Views of an image: one of the whole, or overlapping tiles that cover it."""

from __future__ import annotations

import math

from vision_ft.bundle.manifest import InputSpec
from vision_ft.bundle.place import Geometry, geometry_of


def views_of(width: int, height: int, spec: InputSpec) -> tuple[Geometry, ...]:
    """How an image of this size is looked at: one geometry, or one a tile, row by row.

    Tiles have one size and lie evenly, the last of a row ending at the region's border. A
    region smaller than a tile is one tile, its missing pixels are padding at right and bottom.
    """
    tile = spec.tile
    if tile is None:
        return (geometry_of(width, height, spec),)
    left, top, across, down = region_of(width, height, spec)
    wide, high = min(tile.size, across), min(tile.size, down)
    paste = (0, 0, max(1, round(wide * spec.width / tile.size)), max(1, round(high * spec.height / tile.size)))
    return tuple(
        Geometry(width, height, (left + x, top + y, wide, high), paste, spec.width, spec.height)
        for y in tile_starts(down, tile.size, tile.overlap)
        for x in tile_starts(across, tile.size, tile.overlap)
    )


def tile_starts(length: int, size: int, overlap: float) -> list[int]:
    """First pixels of the tiles along `length` pixels: evenly apart, overlapping by `overlap` of `size` or more."""
    if length <= size:
        return [0]
    step = max(1, math.floor(size * (1.0 - overlap)))
    steps = math.ceil((length - size) / step)
    return [round(k * (length - size) / steps) for k in range(steps + 1)]


def region_of(width: int, height: int, spec: InputSpec) -> tuple[int, int, int, int]:
    """Left, top, width, height of the region that is looked at, in whole pixels."""
    whole = spec.model_copy(update={"placement": "stretch", "tile": None})
    return geometry_of(width, height, whole).crop
