"""The index: one columnar table of labelled images, whatever layout they came from.

Columns: `path` (relative to the root, POSIX), `targets` (list of class ids; one label is a
list of one), `part` (what is decided together), `group` (what must not straddle a split),
`split` (train, val, test, quarantine or null), `digest` (SHA-256 of the file's bytes),
`width` and `height` (pixels, upright), `mask` (relative path or null), `objects` (see
`data.objects`; only where boxes or outlines are labelled, an empty list is an image that was
looked at and shows none), and any number of `slice.<name>` columns (camera, line, shift...).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vision_ft.bundle.classes import ClassInfo, check_classes
from vision_ft.data.atomic import replacing
from vision_ft.data.objects import OBJECT_TYPE, OBJECTS, ObjectLabel, objects_from
from vision_ft.errors import DataError

SPLITS = ("train", "val", "test", "quarantine")
SLICE = "slice."
SCHEMA_VERSION = 1
SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("targets", pa.list_(pa.string()), nullable=False),
        pa.field("part", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
        pa.field("split", pa.string()),
        pa.field("digest", pa.string(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("mask", pa.string()),
    ]
)
"""The columns that every index has; `slice.<name>` columns of strings follow them."""

_META_KEY = b"vision_ft.index"


@dataclass(frozen=True)
class MaskCode:
    """What the values of the masks mean."""

    values: Mapping[str, str]
    """Class id by grey value ("3") or colour ("#ff0000"); `IGNORE` leaves pixels out; others are background."""


IGNORE = "(ignore)"
"""Stands for a class in a `MaskCode` where pixels are to be left out of loss and metrics."""


@dataclass(frozen=True)
class Rejected:
    """An image that is left out, and why (unreadable, quarantined...)."""

    path: str
    reason: str


@dataclass(frozen=True)
class Sample:
    """One image of the index; `path` and `mask` are absolute."""

    path: Path
    targets: tuple[str, ...]
    part: str
    group: str
    split: str | None
    mask: Path | None
    slices: Mapping[str, str]
    digest: str
    width: int = 0
    """Pixels of the upright image."""
    height: int = 0
    objects: tuple[ObjectLabel, ...] | None = None
    """Labelled objects; None where nothing is known of them."""
    mask_code: MaskCode | None = None
    """What the mask's values mean; None: what is not zero is of the image's first target."""


@dataclass(frozen=True)
class Count:
    """How many images, parts and groups carry class `target` in `split` (None: in no split)."""

    target: str
    split: str | None
    images: int
    parts: int
    groups: int


@dataclass(frozen=True)
class Index:
    """Labelled images as one table, their classes, and what was left out; `root` is made absolute.

    `grouping` says where the groups come from: `card`, `column`, `near-duplicates`, or `none`
    (not said of every image; an image that nothing is said of is its own group). `notes` are
    sentences that the user should read.

    Raises DataError when the table lacks a column, names a class that is not in `classes`,
    or lists a path twice.
    """

    root: Path
    table: pa.Table
    classes: tuple[ClassInfo, ...]
    rejected: tuple[Rejected, ...] = ()
    notes: tuple[str, ...] = ()
    grouping: str = "none"
    mask_code: MaskCode | None = None
    """What the masks' values mean; None: what is not zero is of the image's first target."""
    train_on: tuple[str, ...] = ()
    """Only images of these classes may be trained and validated on (see `split.assign`); empty: any class."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", self.root.absolute())
        check_classes(self.classes)
        _check(self.table, [one.id for one in self.classes])

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def column(self, name: str) -> list[Any]:
        """Give a column as a Python list; of `targets` a list of lists."""
        values: list[Any] = self.table.column(name).to_pylist()
        return values

    @property
    def class_ids(self) -> tuple[str, ...]:
        """Ids of the classes, in their order."""
        return tuple(one.id for one in self.classes)

    @property
    def has_objects(self) -> bool:
        """Whether boxes or outlines are labelled."""
        return OBJECTS in self.table.column_names

    @property
    def slices(self) -> tuple[str, ...]:
        """Names of the slice columns, without their prefix."""
        return tuple(name[len(SLICE) :] for name in self.table.column_names if name.startswith(SLICE))

    def labels(self) -> NDArray[np.int64]:
        """Give each image's first target as a number in `classes`, int64 [N]."""
        number = {one: at for at, one in enumerate(self.class_ids)}
        return np.array([number[targets[0]] for targets in self.column("targets")], dtype=np.int64)

    def samples(self) -> Iterator[Sample]:
        """Walk over the images in the table's order."""
        names = self.slices
        for row in self.table.to_pylist():
            yield Sample(
                path=self.root / row["path"],
                targets=tuple(row["targets"]),
                part=row["part"],
                group=row["group"],
                split=row["split"],
                mask=self.root / row["mask"] if row["mask"] else None,
                slices={name: row[SLICE + name] for name in names if row[SLICE + name] is not None},
                digest=row["digest"],
                width=row["width"],
                height=row["height"],
                objects=objects_from(row.get(OBJECTS)),
                mask_code=self.mask_code,
            )

    def select(self, which: Sequence[bool] | Sequence[int] | NDArray[np.bool_] | NDArray[np.integer[Any]]) -> Index:
        """Keep the images named by a boolean mask [N] or by row numbers, in that order."""
        array = np.asarray(which)
        if array.dtype == np.bool_:
            if array.shape != (len(self),):
                raise ValueError(f"a mask of {array.shape} does not fit an index of {len(self)} images")
            array = np.flatnonzero(array)
        return replace(self, table=self.table.take(pa.array(array.astype(np.int64))))

    def in_split(self, *names: str) -> Index:
        """Keep the images of the named splits."""
        return self.select([split in names for split in self.column("split")])

    def with_split(self, splits: Sequence[str | None]) -> Index:
        """Give each image a split: train, val, test, quarantine, or None."""
        wrong = sorted({str(one) for one in splits if one is not None and one not in SPLITS})
        if wrong:
            raise DataError(f"Split {wrong[0]!r} is unknown", expected=", ".join(SPLITS))
        return self._with("split", pa.array(list(splits), pa.string()))

    def with_groups(self, groups: Sequence[str], *, grouping: str | None = None) -> Index:
        """Give each image a group, and say where the groups come from."""
        changed = self._with("group", pa.array(list(groups), pa.string()))
        return replace(changed, grouping=grouping or self.grouping)

    def with_rejected(self, rejected: Sequence[Rejected]) -> Index:
        """Add to the list of what is left out; what is listed already is not listed twice."""
        return replace(self, rejected=tuple(dict.fromkeys((*self.rejected, *rejected))))

    def with_notes(self, *notes: str) -> Index:
        """Add sentences that the user should read; one that is there already is not said twice."""
        return replace(self, notes=tuple(dict.fromkeys((*self.notes, *notes))))

    def fingerprint(self) -> str:
        """SHA-256 over the sorted image digests, their targets and objects, and the mask code.

        It changes when an image or a label does, and not when a file is moved or renamed. What
        the pixels of masks say is not part of it.
        """
        objects = self.column(OBJECTS) if self.has_objects else [None] * len(self)
        lines = sorted(
            "\x1f".join((digest, *sorted(targets), *_in_words(labelled)))
            for digest, targets, labelled in zip(self.column("digest"), self.column("targets"), objects, strict=True)
        )
        if self.mask_code is not None:
            lines.append(json.dumps(dict(self.mask_code.values), sort_keys=True))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def counts(self) -> tuple[Count, ...]:
        """Count images, parts and groups by class (in the classes' order) and split.

        A class without an image is counted once, with zeros and no split.
        """
        columns = [self.column(name) for name in ("targets", "split", "part", "group")]
        found: dict[tuple[str, str | None], tuple[list[str], list[str]]] = {}
        for targets, split, part, group in zip(*columns, strict=True):
            for target in targets:
                parts, groups = found.setdefault((target, split), ([], []))
                parts.append(part)
                groups.append(group)
        rows: list[Count] = []
        for target in self.class_ids:
            before = len(rows)
            for split in (*SPLITS, None):
                if (target, split) in found:
                    parts, groups = found[(target, split)]
                    rows.append(Count(target, split, len(parts), len(set(parts)), len(set(groups))))
            if len(rows) == before:
                rows.append(Count(target, None, 0, 0, 0))
        return tuple(rows)

    def limit_per_class(self, k: int, seed: int) -> Index:
        """Keep at most `k` images a class (by first target), drawn by the seed.

        The draw is a hash of seed and path, so that it depends neither on the order of the
        files nor on what other images there are.
        """
        if k < 1:
            raise DataError("The number of images a class is wrong", expected="1 or more", got=str(k))
        keys = [hashlib.sha256(f"{seed}\0{path}".encode()).digest() for path in self.column("path")]
        taken: dict[str, int] = {}
        keep = np.zeros(len(self), dtype=np.bool_)
        targets = self.column("targets")
        for row in sorted(range(len(self)), key=keys.__getitem__):
            first = targets[row][0]
            taken[first] = taken.get(first, 0) + 1
            keep[row] = taken[first] <= k
        return self.select(keep)

    def write(self, path: Path) -> None:
        """Write the index as one Parquet file; classes, notes and rejected images go along."""
        meta = {
            "schema": SCHEMA_VERSION,
            "root": str(self.root),
            "classes": [one.model_dump(mode="json") for one in self.classes],
            "rejected": [asdict(one) for one in self.rejected],
            "notes": list(self.notes),
            "grouping": self.grouping,
            "mask_code": None if self.mask_code is None else dict(self.mask_code.values),
            "train_on": list(self.train_on),
        }
        with replacing(path) as file:
            pq.write_table(self.table.replace_schema_metadata({_META_KEY: json.dumps(meta).encode()}), file)

    @classmethod
    def read(cls, path: Path, *, root: Path | None = None) -> Index:
        """Read an index; `root` takes the place of the stored one where the images have moved.

        Raises DataError when the file is missing, no index, or of a newer schema.
        """
        try:
            table = pq.read_table(path)
        except (OSError, pa.ArrowInvalid) as error:
            raise DataError(f"The index {path} cannot be read", got=str(error).splitlines()[0]) from error
        raw = (table.schema.metadata or {}).get(_META_KEY)
        if raw is None:
            raise DataError(f"{path} is no index of vision-ft", expected="a Parquet file written by it")
        meta = json.loads(raw)
        if meta["schema"] > SCHEMA_VERSION:
            raise DataError(
                f"The index {path} is of schema {meta['schema']}",
                expected=f"at most {SCHEMA_VERSION}",
                remedy="Read it with a newer vision-ft.",
            )
        return cls(
            root=root or Path(meta["root"]),
            table=table.replace_schema_metadata(None),
            classes=tuple(ClassInfo.model_validate(one) for one in meta["classes"]),
            rejected=tuple(Rejected(**one) for one in meta["rejected"]),
            notes=tuple(meta["notes"]),
            grouping=meta["grouping"],
            mask_code=MaskCode(meta["mask_code"]) if meta.get("mask_code") else None,
            train_on=tuple(meta.get("train_on", ())),
        )

    def _with(self, name: str, values: pa.Array) -> Index:
        at = self.table.schema.get_field_index(name)
        return replace(self, table=self.table.set_column(at, SCHEMA.field(name), values))


def _in_words(objects: Sequence[Mapping[str, Any]] | None) -> list[str]:
    """The objects of one image as text for the fingerprint; nothing where nothing is known of them."""
    if objects is None:
        return []
    return ["objects", *sorted(json.dumps(one, sort_keys=True) for one in objects)]


def _check(table: pa.Table, classes: Sequence[str]) -> None:
    for one in SCHEMA:
        if one.name not in table.column_names:
            raise DataError(f"The index lacks the column {one.name!r}", got=", ".join(table.column_names))
        if table.schema.field(one.name).type != one.type:
            raise DataError(
                f"The index's column {one.name!r} has a wrong type",
                expected=str(one.type),
                got=str(table.schema.field(one.name).type),
            )
        if not one.nullable and table.column(one.name).null_count:
            raise DataError(f"The index's column {one.name!r} has empty cells")
    if OBJECTS in table.column_names and table.schema.field(OBJECTS).type != pa.list_(OBJECT_TYPE):
        raise DataError(f"The index's column {OBJECTS!r} has a wrong type", expected="a list of objects")
    targets = table.column("targets")
    if table.num_rows and pc.min(pc.list_value_length(targets)).as_py() < 1:
        raise DataError("The index has an image without a target", expected="at least one class id")
    used = set(pc.list_flatten(targets).unique().to_pylist())
    unknown = sorted(str(one) for one in used - set(classes))
    if unknown:
        raise DataError(f"Class {unknown[0]!r} is not in the index's classes", expected=", ".join(classes))
    paths = table.column("path")
    if table.num_rows and len(paths.unique()) != table.num_rows:
        raise DataError("The index lists a path twice")
