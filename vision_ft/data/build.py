"""From rows that a reader found to an index: files are looked at, defaults filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from vision_ft.bundle.classes import ClassInfo
from vision_ft.data.index import SCHEMA, SLICE, Index, MaskCode, Rejected
from vision_ft.data.objects import OBJECT_TYPE, OBJECTS, ObjectLabel
from vision_ft.data.probe import Prober
from vision_ft.data.union import Union
from vision_ft.errors import DataError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
"""Suffixes (in lower case) by which an image is recognised."""

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
    "quarantine": "quarantine",
}
"""What a folder or a cell may call a split (in lower case), and the split's own name."""

SHOWN = 200
"""How many label errors a message spells out; the rest is counted."""


@dataclass(frozen=True)
class Row:
    """One image as a reader found it; what is None gets its default in `build`."""

    path: str
    targets: tuple[str, ...]
    part: str | None = None
    group: str | None = None
    split: str | None = None
    mask: str | None = None
    slices: Mapping[str, str] = field(default_factory=dict)
    objects: tuple[ObjectLabel, ...] | None = None


def build(
    root: Path,
    rows: Iterable[Row],
    classes: Sequence[ClassInfo],
    *,
    prober: Prober | None = None,
    rejected: Sequence[Rejected] = (),
    notes: Sequence[str] = (),
    grouping: str | None = None,
    mask_code: MaskCode | None = None,
) -> Index:
    """Look at each row's file and make the index, sorted by path.

    Without a part an image is its own part, without a group its part is its group. No group
    cuts a part: groups that share one are one group. Files that cannot be read, and images
    whose mask cannot be read or is of another size, are listed in `rejected`.

    `grouping` says where the groups come from; None: `column` if each row has a part or a
    group, else `none`, and the near-duplicates of the others are still to be found.
    """
    prober = prober or Prober()
    ordered = sorted(rows, key=lambda row: row.path)
    probes = prober.probe(root / row.path for row in ordered)
    # Training decodes every mask, so a damaged one is to be told now; nothing else is asked of it.
    with_mask = [(row.path, root / row.mask) for row in ordered if row.mask]
    seen_masks = Prober(decode=True, measured=False).probe(mask for _, mask in with_mask)
    masks = dict(zip([path for path, _ in with_mask], seen_masks, strict=True))
    left_out = list(rejected)
    kept: list[tuple[Row, str, int, int]] = []
    for row, seen in zip(ordered, probes, strict=True):
        mask = masks.get(row.path)
        if seen.error:
            left_out.append(Rejected(row.path, seen.error))
        elif mask and mask.error:
            left_out.append(Rejected(row.path, f"its mask {row.mask}: {mask.error}"))
        elif mask and (mask.width, mask.height) != (seen.width, seen.height):
            sizes = f"{mask.width}x{mask.height}, the image {seen.width}x{seen.height}"
            left_out.append(Rejected(row.path, f"its mask {row.mask} is {sizes}"))
        else:
            kept.append((row, seen.digest, seen.width, seen.height))
    return Index(
        root=root,
        table=_table(kept),
        classes=tuple(classes),
        rejected=tuple(left_out),
        notes=tuple(notes),
        grouping=grouping or _grouping([row for row, *_ in kept]),
        mask_code=mask_code,
    )


def printable(path: str) -> str:
    """Give a path as text that can be written down, whatever bytes its name is made of."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def named_in_utf8(paths: Iterable[str]) -> tuple[list[str], list[Rejected]]:
    """Part paths whose names are text from those that no file of ours can hold."""
    fine: list[str] = []
    rejected: list[Rejected] = []
    for path in paths:
        shown = printable(path)
        if shown == path:
            fine.append(path)
        else:
            rejected.append(Rejected(shown, "its name is no UTF-8; rename it"))
    return fine, rejected


def is_image(path: Path) -> bool:
    """Tell by its suffix whether a file is an image; hidden files are none."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def raise_all(subject: str, errors: Sequence[str], *, remedy: str = "") -> None:
    """Raise one DataError that lists `errors`, the first 200 of them, and counts the rest."""
    if not errors:
        return
    shown = "\n".join(f"  {line}" for line in errors[:SHOWN])
    rest = f"\n  and {len(errors) - SHOWN} more" if len(errors) > SHOWN else ""
    number = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
    raise DataError(f"{subject}: {number}\n{shown}{rest}\n", remedy=remedy)


def _grouping(rows: Sequence[Row]) -> str:
    return "column" if rows and all(row.part or row.group for row in rows) else "none"


def _groups(rows: Sequence[Row], parts: Sequence[str]) -> list[str]:
    """Give each row its group, grown until no part lies in two; a given name goes before that of a part."""
    given = [row.group or part for row, part in zip(rows, parts, strict=True)]
    joined = Union(len(rows))
    joined.join_equal(given)
    joined.join_equal(parts)
    ranked = [(group in (part, row.path), group) for row, part, group in zip(rows, parts, given, strict=True)]
    least: dict[int, tuple[bool, str]] = {}
    labels = joined.labels().tolist()
    for label, name in zip(labels, ranked, strict=True):
        least[label] = min(name, least.get(label, name))
    return [least[label][1] for label in labels]


def _table(kept: Sequence[tuple[Row, str, int, int]]) -> pa.Table:
    rows = [row for row, *_ in kept]
    parts = [row.part or row.path for row in rows]
    columns: dict[str, list[object]] = {
        "path": [row.path for row in rows],
        "targets": [list(row.targets) for row in rows],
        "part": list(parts),
        "group": list(_groups(rows, parts)),
        "split": [row.split for row in rows],
        "digest": [digest for _, digest, _, _ in kept],
        "width": [width for _, _, width, _ in kept],
        "height": [height for _, _, _, height in kept],
        "mask": [row.mask for row in rows],
    }
    fields = list(SCHEMA)
    if any(row.objects is not None for row in rows):
        columns[OBJECTS] = [None if row.objects is None else [one.to_plain() for one in row.objects] for row in rows]
        fields.append(pa.field(OBJECTS, pa.list_(OBJECT_TYPE)))
    for name in sorted({name for row in rows for name in row.slices}):
        columns[SLICE + name] = [row.slices.get(name) for row in rows]
        fields.append(pa.field(SLICE + name, pa.string()))
    return pa.table(columns, schema=pa.schema(fields))
