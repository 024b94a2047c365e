"""The `data.yaml` of a YOLO set: names of classes, and where the images of each split are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from vision_ft.errors import DataError
from vision_ft.recipe.yaml_text import read_yaml

FILES = ("data.yaml", "data.yml", "dataset.yaml")
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Sheet:
    """What the file says; `base` is relative to the root, and paths in `splits` to `base`."""

    root: Path
    file: str
    names: Mapping[int, str]
    splits: Mapping[str | None, tuple[str, ...]]
    base: Path

    def find(self, entry: str) -> Path | None:
        """The folder or list of images that an entry names, absolute; None where there is none below the root."""
        clean = entry.replace("\\", "/")
        # Some exporters write `../train/images` for what lies beside the file.
        for path in (self.base / clean, self.base / clean.removeprefix("../")):
            place = os.path.normpath(os.path.join(os.path.abspath(self.root), path))
            inside = (place + os.sep).startswith(os.path.abspath(self.root) + os.sep)
            if inside and (os.path.isdir(place) or (place.endswith(".txt") and os.path.isfile(place))):
                return Path(place)
        return None


def read_sheet(root: Path) -> Sheet:
    """Read the `data.yaml` below `root`; raises DataError that names the key that is wrong."""
    file = next((one for one in FILES if (root / one).is_file()), None)
    if file is None:
        raise DataError(f"{root} holds no {FILES[0]}")
    try:
        data = (root / file).read_bytes()
    except OSError as error:
        raise DataError(f"{root / file} cannot be read", got=error.strerror or str(error)) from error
    return parse_sheet(data, file, root)


def parse_sheet(data: bytes, file: str, root: Path) -> Sheet:
    """Parse the bytes of a `data.yaml` called `file` in `root`, as `read_sheet` does."""
    try:
        raw = read_yaml(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is no UTF-8 text", got=f"byte {error.start}") from error
    except yaml.YAMLError as error:
        got = " ".join(str(getattr(error, "problem", None) or error).split())
        raise DataError(f"{file} is no YAML", got=got) from error
    if not isinstance(raw, dict):
        raise DataError(f"{file} describes no YOLO set", expected="the keys names and train")
    names = _names(raw.get("names"), file)
    if raw.get("nc") is not None and raw["nc"] != len(names):
        raise DataError(f"{file}: nc is {raw['nc']!r}", expected=f"{len(names)}, for so many names are listed")
    splits: dict[str | None, tuple[str, ...]] = {}
    for split in SPLITS:
        entries = _entries(raw.get(split if split != "val" or "val" in raw else "valid"), split, file)
        if entries:
            splits[split] = entries
    if not splits:
        if not (root / "images").is_dir():
            raise DataError(f"{file} names no images", expected="the keys train, val or test, or a folder images")
        splits = {None: ("images",)}
    return Sheet(root, file, names, splits, _base(raw.get("path"), root))


def _names(raw: object, file: str) -> dict[int, str]:
    pairs = dict(enumerate(raw)) if isinstance(raw, list) else raw
    if not isinstance(pairs, dict) or not pairs:
        raise DataError(f"{file}: the key 'names' is missing or empty", expected="a list of the classes' names")
    names: dict[int, str] = {}
    for number, name in pairs.items():
        text = str(name).strip()
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise DataError(f"{file}: names has the key {number!r}", expected="a number from 0 on")
        if isinstance(name, dict | list) or not text or not text.isprintable():
            raise DataError(f"{file}: the name of class {number} is none", got=repr(name))
        names[number] = text
    return names


def _entries(raw: object, split: str, file: str) -> tuple[str, ...]:
    entries = []
    for one in raw if isinstance(raw, list) else [] if raw is None else [raw]:
        if not isinstance(one, str) or not one.isprintable():
            raise DataError(f"{file}: the key {split!r} is wrong", expected="a folder, a list of images", got=repr(one))
        entries.append(one)
    return tuple(one for one in entries if one)


def _base(raw: object, root: Path) -> Path:
    """The folder, relative to `root`, that the splits' paths start from; a `path` of another machine is not it."""
    if isinstance(raw, str) and raw.isprintable():
        place = os.path.normpath(os.path.join(os.path.abspath(root), raw))
        if (place + os.sep).startswith(os.path.abspath(root) + os.sep) and os.path.isdir(place):
            return Path(os.path.relpath(place, os.path.abspath(root)))
    return Path()
