"""YOLO: `data.yaml` with the classes' names, and a text file of labels an image.

Labels of `images/train/a.jpg` stand in `labels/train/a.txt`, one object a line: the class's
number and the box (centre x and y, width, height) or the outline (x, y, x, y...), each as a
share of the image's width or height. An image whose label file is missing or empty shows
nothing. `train`, `val` and `test` name folders, or text files that list images.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from vision_ft.bundle.classes import ClassInfo
from vision_ft.data.boxes import box_inside, box_of, outline_inside
from vision_ft.data.build import Row, is_image, named_in_utf8, raise_all
from vision_ft.data.found import Found, found, named
from vision_ft.data.index import Index, Rejected
from vision_ft.data.objects import ObjectLabel
from vision_ft.data.placed import PlaceError, below
from vision_ft.data.probe import Probe, Prober
from vision_ft.data.yolo_yaml import FILES, Sheet, read_sheet
from vision_ft.errors import DataError

NO_LABELS = frozenset(("classes.txt", "notes.txt", "labels.txt", "predefined_classes.txt"))
"""Text files that labelling tools leave among those of the labels."""


def matches(root: Path) -> bool:
    """Tell whether `root` holds a `data.yaml`."""
    return any((root / one).is_file() for one in FILES)


def read(root: Path, *, prober: Prober | None = None) -> Index:
    """Read objects; a class's id is its name in `data.yaml`, and classes are in its order.

    Raises DataError that lists each wrong label: the file, the line, and what is wrong.
    """
    prober = prober or Prober()
    return rows(root, prober=prober).index(root, prober=prober)


def rows(root: Path, *, prober: Prober, classes: Sequence[ClassInfo] | None = None) -> Found:
    """Read what `read` makes an index of; with `classes`, an object of any other class is an error."""
    sheet = read_sheet(root)
    errors: list[str] = []
    rejected: list[Rejected] = []
    splits: dict[str, str | None] = {}
    twice = 0
    for split, entries in sheet.splits.items():
        for entry in entries:
            for path in _images(root, sheet, entry, errors, rejected):
                twice += splits.setdefault(path, split) != split
    paths = sorted(splits)
    _orphans(root, paths, errors)
    known = None if classes is None else {one.id for one in classes if not one.background}
    taken = []
    for path, seen in zip(paths, prober.probe(root / path for path in paths), strict=True):
        objects = [] if seen.error else _objects(root, label_file(path), seen, sheet.names, known, errors)
        taken.append(Row(path, (), split=splits[path], objects=tuple(objects)))
    raise_all(f"Labels below {root}", errors, remedy="Correct these labels.")
    if not taken:
        raise DataError(f"{root} holds no labelled image", got=f"no image where {sheet.file} says")
    notes = [f"Images that are named for several splits are taken for the first of them: {twice}."] if twice else []
    if classes is None:
        classes = named([sheet.names[number] for number in sorted(sheet.names)])
    return found(taken, classes, rejected=rejected, notes=notes)


def label_file(image: str) -> str:
    """Where the labels of an image stand: the last folder `images` on its path is `labels`."""
    parts = list(PurePosixPath(image).with_suffix(".txt").parts)
    for at in range(len(parts) - 2, -1, -1):
        if parts[at] == "images":
            parts[at] = "labels"
            break
    return PurePosixPath(*parts).as_posix()


def parse(
    data: bytes, names: Mapping[int, str], width: int, height: int, known: set[str] | None = None
) -> tuple[list[ObjectLabel], list[str]]:
    """The objects of a label file for an image of `width` x `height` pixels, and what is wrong on which line."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [], [f"line {data[: error.start].count(10) + 1}: is no UTF-8 text"]
    objects, errors = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if words := line.split():
            try:
                objects.append(_object(words, names, width, height, known))
            except ValueError as error:
                errors.append(f"line {number}: {error}")
    return objects, errors


def _object(
    words: Sequence[str], names: Mapping[int, str], width: int, height: int, known: set[str] | None
) -> ObjectLabel:
    values = [_number(one) for one in words]
    if len(values) < 5 or len(values) % 2 == 0:
        raise ValueError(f"has {len(values)} numbers, expected 5 of a box or an odd count from 7 on of an outline")
    if not values[0].is_integer() or int(values[0]) not in names:
        raise ValueError(f"class {words[0]} is out of range, expected 0 to {max(names)}")
    target = names[int(values[0])]
    if known is not None and target not in known:
        raise ValueError(f"its class {target!r} is not in the card")
    if len(values) == 5:
        x, y, wide, high = (one * side for one, side in zip(values[1:], (width, height, width, height), strict=True))
        try:
            return ObjectLabel(
                target, box_inside((x - wide / 2, y - high / 2, x + wide / 2, y + high / 2), width, height)
            )
        except ValueError as error:
            raise ValueError(f"the box {error}") from None
    points = [one * (height if at % 2 else width) for at, one in enumerate(values[1:])]
    try:
        outline = outline_inside(points, width, height)
    except ValueError as error:
        raise ValueError(f"the outline {error}") from None
    return ObjectLabel(target, box_of([outline]), (outline,))


def _number(word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        raise ValueError(f"{word!r} is no number") from None
    if not math.isfinite(value):
        raise ValueError(f"{word} is not finite")
    return value


def _objects(
    root: Path, file: str, seen: Probe, names: Mapping[int, str], known: set[str] | None, errors: list[str]
) -> list[ObjectLabel]:
    if not (root / file).is_file():
        return []
    try:
        data = (root / file).read_bytes()
    except OSError as error:
        errors.append(f"{file}: cannot be read ({error.strerror or error})")
        return []
    objects, wrong = parse(data, names, seen.width, seen.height, known)
    errors += [f"{file} {one}" for one in wrong]
    return objects


def _images(root: Path, sheet: Sheet, entry: str, errors: list[str], rejected: list[Rejected]) -> list[str]:
    """The images, relative to `root`, in the folder or on the list that an entry of `data.yaml` names."""
    path = sheet.find(entry)
    if path is None:
        errors.append(f"{sheet.file}: {entry} is neither a folder nor a list below the root")
        return []
    if path.is_dir():
        inside = sorted(one for one in path.rglob("*") if is_image(one) and one.is_file())
        # By the path as it was walked: a link out of the root keeps its place below it.
        paths, unnamed = named_in_utf8(os.path.relpath(one, root.absolute()) for one in inside)
        rejected += unnamed
        return paths
    name = os.path.relpath(path, root.absolute())
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        errors.append(f"{name}: cannot be read ({error})")
        return []
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                found.append(below(root, (Path(name).parent, sheet.base, Path()), line.strip()))
            except PlaceError as error:
                errors.append(f"{name} line {number}: {error}")
    return found


def _orphans(root: Path, paths: Sequence[str], errors: list[str]) -> None:
    """Complain of each label file whose image is missing, in the folders that labels are read from.

    An image that is there and that no list names is left out on purpose, and its labels with it.
    """
    expected = {label_file(path) for path in paths}
    folders = {PurePosixPath(label_file(path)).parent: PurePosixPath(path).parent for path in paths}
    for folder, images in sorted(folders.items()):
        if "labels" in folder.parts and (root / folder).is_dir():
            files, _ = named_in_utf8(one.relative_to(root).as_posix() for one in sorted((root / folder).glob("*.txt")))
            there = {one.stem for one in (root / images).iterdir() if is_image(one)} if (root / images).is_dir() else ()
            errors += [
                f"{one}: there is no image to it"
                for one in files
                if one not in expected
                and PurePosixPath(one).stem not in there
                and PurePosixPath(one).name not in NO_LABELS
            ]
