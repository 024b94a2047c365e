"""Layouts of labelled images, one file each; `read` chooses by what the folder holds."""

from __future__ import annotations

from pathlib import Path

from vision_ft.data.formats import folders, table
from vision_ft.data.index import Index
from vision_ft.data.probe import Prober
from vision_ft.errors import DataError

FORMATS = ("table", "folders")
"""Layouts that are recognised, in the order in which they are tried."""

BOXES = ("ANNOTATIONS", "Annotations", "annotations")


def detect(root: Path) -> str:
    """Name the layout of `root`: `table` (a CSV, or a folder with labels.csv) or `folders`.

    Raises DataError when it is neither.
    """
    if not root.exists():
        raise DataError(f"{root} does not exist", expected="a folder of images, or a CSV")
    if table.matches(root):
        return "table"
    boxes = next((one for one in BOXES if (root / one).is_dir() and any((root / one).glob("*.xml"))), None)
    if boxes:
        raise DataError(
            f"{root} holds boxes (Pascal VOC, folder {boxes})",
            expected="labels for whole images",
            remedy="Detection comes with another task; to classify these images, write a data card for them.",
        )
    if root.is_dir() and folders.matches(root):
        return "folders"
    raise DataError(
        f"{root} is of no layout that is read here",
        expected="class folders with images, or a CSV with the columns path and target",
        remedy="Sort the images into one folder a class, or write a data card.",
    )


def read(root: Path, *, prober: Prober | None = None) -> Index:
    """Read `root` in the layout that it has."""
    if detect(root) == "table":
        return table.read(root, prober=prober)
    return folders.read(root, prober=prober)
