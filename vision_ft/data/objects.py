"""An object in an image: what it is and where it lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the upright image; continuous: pixel i covers [i, i + 1)."""

OBJECTS = "objects"
"""Name of the index's column; an index without it knows of no objects."""

OBJECT_TYPE = pa.struct(
    [
        pa.field("target", pa.string(), nullable=False),
        pa.field("box", pa.list_(pa.float64()), nullable=False),
        pa.field("polygons", pa.list_(pa.list_(pa.float64())), nullable=False),
        pa.field("rle", pa.string(), nullable=False),
        pa.field("ignore", pa.bool_(), nullable=False),
    ]
)
"""One entry of that column's lists."""


@dataclass(frozen=True, slots=True)
class ObjectLabel:
    """One labelled object."""

    target: str
    """Class id."""
    box: Box
    """Lies inside of the image and has an area."""
    polygons: tuple[tuple[float, ...], ...] = ()
    """Outlines x, y, x, y...; together they are the object. Empty: the box is all that is known, or see `rle`."""
    rle: str = ""
    """COCO's compressed run lengths over the whole image, column by column; "" where there are none."""
    ignore: bool = False
    """Excluded from loss, metrics and verdict (a crowd, a difficult or doubtful object)."""

    def to_plain(self) -> dict[str, Any]:
        """The entry of the index's column."""
        return {
            "target": self.target,
            "box": list(self.box),
            "polygons": [list(one) for one in self.polygons],
            "rle": self.rle,
            "ignore": self.ignore,
        }


def object_from(plain: Mapping[str, Any]) -> ObjectLabel:
    """An object back from the index's column."""
    left, top, right, bottom = plain["box"]
    return ObjectLabel(
        plain["target"],
        (left, top, right, bottom),
        tuple(tuple(one) for one in plain["polygons"]),
        plain["rle"],
        plain["ignore"],
    )


def objects_from(plain: Sequence[Mapping[str, Any]] | None) -> tuple[ObjectLabel, ...] | None:
    """The objects of one image; None where nothing is known of them."""
    return None if plain is None else tuple(object_from(one) for one in plain)
