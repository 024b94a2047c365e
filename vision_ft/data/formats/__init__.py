"""Layouts of labelled images, one file each; `read` chooses by what the folder holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from vision_ft.data.formats import coco, folders, masks, table, voc, yolo
from vision_ft.data.index import Index
from vision_ft.data.probe import Prober
from vision_ft.errors import DataError

# Class folders are what any folder of images looks like, so whatever is more particular goes before them.
_READERS: Mapping[str, ModuleType] = {
    "table": table,
    "coco": coco,
    "yolo": yolo,
    "voc": voc,
    "masks": masks,
    "folders": folders,
}

FORMATS = tuple(_READERS)
"""Layouts that are recognised, in the order in which they are tried."""


def detect(root: Path) -> str:
    """Name the layout of `root`, one of `FORMATS`; raises DataError when it has none of them."""
    if not root.exists():
        raise DataError(f"{root} does not exist", expected="a folder of images, or a CSV")
    for name, reader in _READERS.items():
        if (root.is_dir() or name == "table") and reader.matches(root):
            return name
    raise DataError(
        f"{root} is of no layout that is read here",
        expected="class folders with images, a CSV with the columns path and target, or labels as Pascal VOC, COCO, "
        "YOLO or masks",
        remedy="Sort the images into one folder a class, or write a data card.",
    )


def read(root: Path, *, prober: Prober | None = None) -> Index:
    """Read `root` in the layout that it has."""
    index: Index = _READERS[detect(root)].read(root, prober=prober)
    return index
