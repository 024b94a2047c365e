"""A table of labels: CSV with `path`, `target`, and optionally `part`, `group`, `split`, `mask`.

Every other column is a slice (camera, line, shift...). Several targets of one image are
separated by `;`. An image whose split is `quarantine` is kept out of all others. The delimiter
is the comma, or where the header has none, a tab or `;`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from vision_ft.bundle.classes import ClassInfo
from vision_ft.data.atomic import replacing
from vision_ft.data.build import SPLIT_NAMES, Row, build, is_image, raise_all
from vision_ft.data.index import SLICE, Index, Rejected
from vision_ft.data.probe import Prober
from vision_ft.errors import DataError

LABELS = "labels.csv"
"""The table's name where a folder is given in its place."""

KNOWN = ("path", "target", "part", "group", "split", "mask")
RECOMPUTED = ("digest", "width", "height")
"""Columns that `write` adds for people; reading ignores them, for they are taken from the files."""

RESERVED = frozenset((*KNOWN, *RECOMPUTED))
"""Names that no slice column can have, unless it is written `slice.<name>`."""

SEPARATOR = ";"


class _Lines(Protocol):
    """What is used of csv's reader, whose own type is private."""

    @property
    def line_num(self) -> int: ...

    def __iter__(self) -> Iterator[list[str]]: ...


@dataclass(frozen=True)
class Parsed:
    """A table's rows, the line that each stands on, and the columns that it has."""

    rows: tuple[Row, ...]
    lines: tuple[int, ...]
    columns: tuple[str, ...]


def matches(root: Path) -> bool:
    """Tell whether `root` is a CSV file, or a folder that holds `labels.csv`."""
    return (root.is_file() and root.suffix.lower() == ".csv") or (root / LABELS).is_file()


def read(path: Path, *, root: Path | None = None, prober: Prober | None = None) -> Index:
    """Read the table at `path`; image paths are relative to `root` (default: the table's folder).

    Files that are missing or unreadable are listed in the index's `rejected`. Raises
    DataError naming each wrong line: the first 200, and how many more.
    """
    if path.is_dir():
        path = path / LABELS
    root = root or path.parent
    parsed = parse_file(path, root=root)
    if not parsed.rows:
        raise DataError(f"The table {path} lists no image", expected="a line for each image below the header")
    missing = [
        (row, line) for row, line in zip(parsed.rows, parsed.lines, strict=True) if not (root / row.path).is_file()
    ]
    rejected = [Rejected(row.path, f"no such file ({path.name} line {line})") for row, line in missing]
    gone = {row.path for row, _ in missing}
    if len(gone) == len(parsed.rows):
        raise DataError(
            f"None of the {len(gone)} images of {path} exists below {root}",
            got=missing[0][0].path,
            remedy="Paths are relative to the data root: give the folder that they start from.",
        )
    raise_all(path.name, _missing_masks(root, parsed))
    classes = [ClassInfo(id=one, name=one) for one in sorted({one for row in parsed.rows for one in row.targets})]
    return build(
        root,
        [row for row in parsed.rows if row.path not in gone],
        classes,
        prober=prober,
        rejected=rejected,
    )


def write(index: Index, path: Path) -> None:
    """Write an index as a table that `read` understands; digest and size are added for people.

    Raises DataError when a class id holds the separator `;`.
    """
    wrong = [one for one in index.class_ids if SEPARATOR in one]
    if wrong:
        raise DataError(f"Class {wrong[0]!r} cannot stand in a table", expected=f"ids without {SEPARATOR!r}")
    slices = [SLICE + name if name in RESERVED else name for name in index.slices]
    names = [*KNOWN, *slices, *RECOMPUTED]
    targets = [SEPARATOR.join(one) for one in index.column("targets")]
    columns = [targets if name == "target" else index.column(name) for name in KNOWN]
    columns += [index.column(SLICE + name) for name in index.slices]
    columns += [index.column(name) for name in RECOMPUTED]
    with replacing(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(zip(*columns, strict=True))


def parse_file(path: Path, *, root: Path | None = None) -> Parsed:
    """Parse the table at `path`, as `parse` does; raises DataError when it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"The table {path} cannot be read", got=error.strerror or str(error)) from error
    return parse(data, name=path.name, root=root)


def parse(data: bytes, *, name: str = LABELS, root: Path | None = None) -> Parsed:
    """Parse a table's bytes (UTF-8); `root` makes absolute paths below it relative.

    Raises DataError that names the table, and every wrong line with what is wrong there.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(
            f"{name} line {line}",
            expected="UTF-8 text",
            got=f"byte 0x{data[error.start]:02x}",
            remedy="Save it as UTF-8.",
        ) from error
    header = text.splitlines()[0] if text.strip() else ""
    delimiter = next((one for one in ",\t;" if one in header), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = _columns(next(reader, []), name)
        rows, lines, errors = _rows(reader, columns, root)
    except csv.Error as error:
        raise DataError(f"{name} line {reader.line_num}", expected="a CSV line", got=str(error)) from error
    raise_all(name, errors, remedy="Correct these lines.")
    return Parsed(tuple(rows), tuple(lines), tuple(columns))


def _columns(header: Sequence[str], name: str) -> list[str]:
    columns = [one.strip() for one in header]
    lacking = [one for one in ("path", "target") if one not in columns]
    if lacking:
        raise DataError(
            f"{name} line 1 lacks the column {lacking[0]!r}",
            expected="a header with path, target and optionally part, group, split, mask and slices",
            got=", ".join(columns) or "an empty file",
        )
    # `camera` and `slice.camera` are one column; `slice.path` is a slice called path.
    plain = [one if one.removeprefix(SLICE) in RESERVED else one.removeprefix(SLICE) for one in columns]
    twice = sorted({one for one in plain if plain.count(one) > 1})
    if twice:
        raise DataError(f"{name} line 1 names the column {twice[0]!r} twice")
    if "" in plain or SLICE in columns:
        raise DataError(f"{name} line 1 has a column without a name")
    return columns


def _rows(reader: _Lines, columns: Sequence[str], root: Path | None) -> tuple[list[Row], list[int], list[str]]:
    rows: list[Row] = []
    lines: list[int] = []
    errors: list[str] = []
    where: dict[str, int] = {}
    for cells in reader:
        line = reader.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(columns):
            errors.append(f"line {line}: expected {len(columns)} cells, got {len(cells)}")
            continue
        try:
            row = _row({name: cell.strip() for name, cell in zip(columns, cells, strict=True)}, root)
        except ValueError as error:
            errors.append(f"line {line}: {error}")
            continue
        if row.path in where:
            errors.append(
                f"line {line}: {row.path} stands on line {where[row.path]} already; join its targets with ';'"
            )
            continue
        where[row.path] = line
        rows.append(row)
        lines.append(line)
    return rows, lines, errors


def _row(cells: dict[str, str], root: Path | None) -> Row:
    path = _relative(cells["path"], root)
    if not is_image(Path(path)):
        raise ValueError(f"{path} has no image suffix")
    targets = tuple(dict.fromkeys(one.strip() for one in cells["target"].split(SEPARATOR) if one.strip()))
    if not targets:
        raise ValueError(f"{path} has no target")
    split = cells.get("split", "")
    if split and split.lower() not in SPLIT_NAMES:
        raise ValueError(f"split {split!r} is unknown, expected train, val, test, quarantine or nothing")
    mask = cells.get("mask", "")
    return Row(
        path=path,
        targets=targets,
        part=cells.get("part") or None,
        group=cells.get("group") or None,
        split=SPLIT_NAMES[split.lower()] if split else None,
        mask=_relative(mask, root) if mask else None,
        slices={name.removeprefix(SLICE): cell for name, cell in cells.items() if name not in RESERVED and cell},
    )


def _relative(path: str, root: Path | None) -> str:
    if not path:
        raise ValueError("the path is empty")
    if "\0" in path:
        raise ValueError("the path holds a NUL character")
    clean = PurePosixPath(path.replace("\\", "/"))
    if clean.is_absolute():
        if root is None or not clean.is_relative_to(root.absolute()):
            raise ValueError(f"{path} lies outside the data root")
        clean = clean.relative_to(root.absolute())
    if ".." in clean.parts or not clean.parts:
        raise ValueError(f"{path} lies outside the data root")
    return clean.as_posix()


def _missing_masks(root: Path, parsed: Parsed) -> list[str]:
    return [
        f"line {line}: no such mask {row.mask}"
        for row, line in zip(parsed.rows, parsed.lines, strict=True)
        if row.mask and not (root / row.mask).is_file()
    ]
