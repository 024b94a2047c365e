"""Read a root as a data card says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from vision_ft.data.build import Row, build, is_image, named_in_utf8, raise_all
from vision_ft.data.cards import Card, CsvTarget, FolderMask, FolderTarget, RegexTarget
from vision_ft.data.formats import coco, masks, table, voc, yolo
from vision_ft.data.found import Found
from vision_ft.data.grouping import PartRule, keys
from vision_ft.data.index import Index, Rejected
from vision_ft.data.probe import Prober
from vision_ft.errors import DataError

_LABELLED: Mapping[str, Callable[..., Found]] = {
    "voc": voc.rows,
    "coco": coco.rows,
    "yolo": yolo.rows,
    "masks": masks.rows,
}
"""Layouts in which objects are labelled, and their readers."""


def read(card: Card, root: Path, *, prober: Prober | None = None) -> Index:
    """Read the images below `root` that the card speaks of.

    The index has all classes of the card, in its order, whether or not the root has images
    of each. What the card does not say of parts and groups, its table's own columns say;
    where neither does, the groups are still to be found. Where objects are labelled, they say
    of what classes an image is, and a background class is added if the card has none. Raises
    DataError when the card's image glob is none or matches nothing, for each image (or object)
    whose class the card does not list, and for each wrong label.
    """
    if not root.is_dir():
        raise DataError(f"{root} is no folder", expected=f"the folder that the data card {card.name!r} describes")
    prober = prober or Prober()
    read = _read(card, root, prober)
    rows, rejected = read.rows, read.rejected
    if not rows:
        raise DataError(
            f"The data card {card.name!r} finds no image below {root}",
            expected=f"files that match {card.images!r}",
            got=f"{rejected[0].path}: {rejected[0].reason}" if rejected else "",
            remedy="" if rejected else "Give the folder that the pattern starts from.",
        )
    known = {one.id for one in read.classes}
    raise_all(
        f"Data card {card.name!r}, {root}",
        [f"{row.path}: class {one!r} is not in the card" for row in rows for one in row.targets if one not in known],
        remedy="Add the class to the card, or narrow its image glob.",
    )
    # That the group is the part says nothing where the part is left open.
    grouped = card.part is not None or not isinstance(card.group, PartRule | None)
    index = build(
        root,
        _complete(card, root, rows),
        read.classes,
        prober=prober,
        rejected=rejected,
        notes=read.notes,
        grouping="card" if grouped else None,
        mask_code=read.mask_code,
    )
    return replace(index, train_on=card.train_on)


def _read(card: Card, root: Path, prober: Prober) -> Found:
    """Read the rows and their classes; those of labelled objects from the reader of their layout."""
    if card.layout not in _LABELLED:
        rows, rejected = _from_table(card, root) if isinstance(card.target, CsvTarget) else _from_names(card, root)
        return Found(tuple(rows), card.classes, tuple(rejected))
    wanted = {path.relative_to(root).as_posix() for path in _glob(card, root)}
    found = _LABELLED[card.layout](root, prober=prober, classes=card.classes)
    return replace(
        found,
        rows=tuple(row for row in found.rows if row.path in wanted),
        rejected=tuple(one for one in found.rejected if one.path in wanted),
    )


def _from_names(card: Card, root: Path) -> tuple[list[Row], list[Rejected]]:
    found = sorted(path for path in _glob(card, root) if path.is_file() and is_image(path))
    paths, rejected = named_in_utf8(path.relative_to(root).as_posix() for path in found)
    rows: list[Row] = []
    errors: list[str] = []
    for path in paths:
        target = _target(card.target, path)
        if target is None:
            errors.append(f"{path}: the target rule finds no class")
        else:
            rows.append(Row(path, (target,)))
    raise_all(f"Data card {card.name!r}, {root}", errors, remedy="Correct the card's target rule or image glob.")
    return rows, rejected


def _glob(card: Card, root: Path) -> list[Path]:
    try:
        if ".." in PurePosixPath(card.images).parts:
            raise ValueError("'..' leads out of the root")
        return list(root.glob(card.images))
    except (ValueError, NotImplementedError) as error:  # which of the two, and for what, depends on Python's version
        raise DataError(
            f"Data card {card.name!r}: the key 'images' is no pattern for files below the root",
            expected="a relative one such as */*.png or **/*.png",
            got=f"{card.images!r} ({error})",
        ) from error


def _target(rule: FolderTarget | RegexTarget | CsvTarget | None, path: str) -> str | None:
    if isinstance(rule, FolderTarget):
        folders = PurePosixPath(path).parts[:-1]
        return folders[rule.depth] if rule.depth < len(folders) else None
    if isinstance(rule, RegexTarget):
        hit = re.search(rule.pattern, PurePosixPath(path).name if rule.search == "name" else path)
        return (hit.groupdict().get("target") or hit.group(1)) if hit else None
    return None


def _from_table(card: Card, root: Path) -> tuple[list[Row], list[Rejected]]:
    assert isinstance(card.target, CsvTarget)
    return list(table.parse_file(root / card.target.file, root=root).rows), []


def _complete(card: Card, root: Path, rows: Sequence[Row]) -> list[Row]:
    """Add what the card says of part, group, slices and mask to the rows."""
    paths = [row.path for row in rows]
    # A part is of the class that the card's rule names, also where other objects are labelled in the image.
    firsts = [_target(card.target, row.path) or row.targets[0] for row in rows]
    columns = _columns(rows)
    listed = _slice_table(card, root)
    parts = [row.part for row in rows] if card.part is None else keys(card.part, paths, firsts, columns=columns)
    own = [part or path for part, path in zip(parts, paths, strict=True)]
    groups: Sequence[str | None] = [row.group for row in rows]
    if isinstance(card.group, PartRule):
        # `build` does so by itself, and tells the parts that are named from those that are not.
        groups = [None] * len(rows)
    elif card.group is not None:
        groups = keys(card.group, paths, firsts, parts=own, columns=columns)
    return [
        replace(
            row,
            part=part,
            group=group,
            slices={**row.slices, **listed.get(row.path, {}), **_slices(card, row.path)},
            mask=row.mask or _mask(card, root, row.path),
        )
        for row, part, group in zip(rows, parts, groups, strict=True)
    ]


def _columns(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Give the table's columns that a grouping rule may ask for; an empty cell is the image itself."""
    columns = {name: [row.slices.get(name) or row.path for row in rows] for row in rows for name in row.slices}
    if any(row.part for row in rows):
        columns["part"] = [row.part or row.path for row in rows]
    if any(row.group for row in rows):
        columns["group"] = [row.group or row.part or row.path for row in rows]
    return columns


def _slice_table(card: Card, root: Path) -> Mapping[str, Mapping[str, str]]:
    """Give the slices by path that stand in the card's side table, if the root has it."""
    if not card.slice_table or not (root / card.slice_table).is_file():
        return {}
    return {row.path: row.slices for row in table.parse_file(root / card.slice_table, root=root).rows}


def _slices(card: Card, path: str) -> dict[str, str]:
    found = {}
    for name, rule in card.slices.items():
        hit = re.search(rule.pattern, PurePosixPath(path).name if rule.search == "name" else path)
        if hit and hit.group(1):
            found[name] = hit.group(1)
    return found


def _mask(card: Card, root: Path, path: str) -> str | None:
    if card.masks is None:
        return None
    image = PurePosixPath(path)
    if isinstance(card.masks, FolderMask):
        if not image.is_relative_to(card.masks.images):
            return None
        image = card.masks.folder / image.relative_to(card.masks.images)
    mask = image.with_name(image.stem + card.masks.suffix).as_posix()
    return mask if mask != path and (root / mask).is_file() else None
