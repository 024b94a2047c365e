"""From rows that a reader found to an index: files are looked at, defaults filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from vision_ft.bundle.classes import ClassInfo
from vision_ft.data.index import SCHEMA, SLICE, Index, Rejected
from vision_ft.data.probe import Prober
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

SHOWN = 20
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


def build(
    root: Path,
    rows: Iterable[Row],
    classes: Sequence[ClassInfo],
    *,
    prober: Prober | None = None,
    rejected: Sequence[Rejected] = (),
    notes: Sequence[str] = (),
    grouping: str = "none",
) -> Index:
    """Look at each row's file and make the index, sorted by path.

    Without a part an image is its own part, without a group its part is its group. Files
    that cannot be read, and images whose mask is of another size, are listed in `rejected`.
    """
    prober = prober or Prober()
    ordered = sorted(rows, key=lambda row: row.path)
    probes = prober.probe(root / row.path for row in ordered)
    # Masks need their size alone, so they are looked at without a decode.
    with_mask = [(row.path, root / row.mask) for row in ordered if row.mask]
    masks = dict(zip([path for path, _ in with_mask], Prober().probe(mask for _, mask in with_mask), strict=True))
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
        grouping=grouping,
    )


def is_image(path: Path) -> bool:
    """Tell by its suffix whether a file is an image; hidden files are none."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def raise_all(subject: str, errors: Sequence[str], *, remedy: str = "") -> None:
    """Raise one DataError that lists the first 20 of `errors` and counts the rest, if any."""
    if not errors:
        return
    shown = "\n".join(f"  {line}" for line in errors[:SHOWN])
    rest = f"\n  and {len(errors) - SHOWN} more" if len(errors) > SHOWN else ""
    number = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
    raise DataError(f"{subject}: {number}\n{shown}{rest}\n", remedy=remedy)


def _table(kept: Sequence[tuple[Row, str, int, int]]) -> pa.Table:
    rows = [row for row, *_ in kept]
    parts = [row.part or row.path for row in rows]
    columns: dict[str, list[object]] = {
        "path": [row.path for row in rows],
        "targets": [list(row.targets) for row in rows],
        "part": list(parts),
        "group": [row.group or part for row, part in zip(rows, parts, strict=True)],
        "split": [row.split for row in rows],
        "digest": [digest for _, digest, _, _ in kept],
        "width": [width for _, _, width, _ in kept],
        "height": [height for _, _, _, height in kept],
        "mask": [row.mask for row in rows],
    }
    fields = list(SCHEMA)
    for name in sorted({name for row in rows for name in row.slices}):
        columns[SLICE + name] = [row.slices.get(name) for row in rows]
        fields.append(pa.field(SLICE + name, pa.string()))
    return pa.table(columns, schema=pa.schema(fields))
