"""Find the file that a label names, below the root and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from vision_ft.data.build import is_image


class PlaceError(ValueError):
    """A label names no image below the root; the text says why."""


def below(root: Path, places: Iterable[Path], name: str) -> str:
    """The path, relative to `root`, of the image `name` in the first of `places` (relative too) that has it.

    A path from elsewhere, such as of the machine that wrote the labels, is taken if it lies
    below `root`. Raises PlaceError.
    """
    if "\0" in name or not name.isprintable():
        raise PlaceError(f"{name!r} is no name of a file")
    clean = name.replace("\\", "/")
    base = os.path.abspath(root)
    outside = True
    for place in places:
        path = os.path.normpath(os.path.join(base, place, clean))
        if not path.startswith(base + os.sep):
            continue
        outside = False
        if not is_image(Path(path)):
            raise PlaceError(f"{name} has no image suffix")
        # A name that is too long for the file system is an error of its own, and no file.
        if os.path.isfile(path):
            return Path(path).relative_to(base).as_posix()
    raise PlaceError(f"{name} lies outside the root" if outside else f"there is no image {name}")
