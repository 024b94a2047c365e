"""Writing a generated set: pictures, tables and the settings that made it.

`generator.json` in the set's root states the settings. A folder is only ever added to
under the same settings, so a set never mixes two seeds or two sizes.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vision_ft.errors import DataError

SETTINGS = "generator.json"
# Raised whenever the same seed no longer gives the same pictures.
REVISION = 1


def claim(root: Path, kind: str, fixed: Mapping[str, object], amounts: Mapping[str, int]) -> None:
    """Make `root` a set of `kind`, or check that it may grow to `amounts` under the same `fixed` settings.

    Raises `DataError` where the folder holds something else, was made with other
    settings, or already holds more than `amounts`.
    """
    if root.exists() and not root.is_dir():
        raise DataError(f"{root} is a file", expected="a folder for the sample set", remedy="Choose another folder.")
    path = root / SETTINGS
    settings = {"kind": kind, "revision": REVISION, **fixed}
    if path.exists():
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            made = dict(held["amounts"])
            before = dict(held["settings"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path} cannot be read", expected="the settings of a sample set", remedy="Choose another folder."
            ) from error
        if before != json.loads(json.dumps(settings)):
            changed = sorted(key for key in {*before, *settings} if before.get(key) != settings.get(key))
            raise DataError(
                f"{root} holds a sample set made with other settings ({', '.join(changed)})",
                expected=str({key: before.get(key) for key in changed}),
                got=str({key: settings.get(key) for key in changed}),
                remedy="Choose another folder, or delete this one.",
            )
        larger = sorted(key for key, count in made.items() if count > amounts.get(key, 0))
        if larger:
            raise DataError(
                f"{root} already holds more than is asked for ({', '.join(larger)})",
                expected=f"at least {', '.join(f'{key}: {made[key]}' for key in larger)}",
                got=f"{', '.join(f'{key}: {amounts.get(key, 0)}' for key in larger)}",
                remedy="A set can grow but not shrink: choose another folder, or delete this one.",
            )
    elif root.exists() and any(root.iterdir()):
        raise DataError(
            f"{root} is not empty and holds no sample set",
            expected=f"an empty or new folder, or one with {SETTINGS}",
            remedy="Choose another folder.",
        )
    root.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"settings": settings, "amounts": dict(amounts)}, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def check_count(what: str, value: int, low: int, high: int) -> None:
    """Raise `DataError` unless `value` is a whole number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise DataError(
            f"The number of {what} cannot be met", expected=f"a whole number, {low} to {high}", got=repr(value)
        )


def check_amounts(what: str, per_class: int | Mapping[str, int], classes: Sequence[str]) -> dict[str, int]:
    """Return how many of each class are asked for, in the order of `classes`, none left at zero.

    Raises `DataError` for unknown classes, for numbers that are none and where nothing is asked for.
    """
    if not isinstance(per_class, Mapping):
        check_count(f"{what} per class", per_class, 1, 999)
        return dict.fromkeys(classes, per_class)
    for name, count in per_class.items():
        if name not in classes:
            raise DataError("Unknown class", expected=f"some of {', '.join(classes)}", got=repr(name))
        check_count(f"{what} of class {name}", count, 0, 999)
    amounts = {name: per_class[name] for name in classes if per_class.get(name, 0)}
    if not amounts:
        raise DataError(f"No {what} are asked for", expected="at least one of one class")
    return amounts


def write_jpeg(path: Path, image: NDArray[np.uint8], quality: int = 92) -> None:
    """Write [H, W, 3] uint8 RGB as JPEG."""
    _write(path, ".jpg", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write [H, W, 3] uint8 RGB, or [H, W] uint8 grey, as PNG."""
    pixels = image if image.ndim == 2 else np.ascontiguousarray(image[..., ::-1])
    _write(path, ".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 6])


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV table (UTF-8, line feeds)."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _write(path: Path, kind: str, pixels: NDArray[np.uint8], options: list[int]) -> None:
    done, encoded = cv2.imencode(kind, pixels, options)
    if not done:
        raise DataError(f"{path} cannot be encoded as {kind[1:].upper()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded.tobytes())
