"""Answers on many images, written one by one: a disk that fills up or a fault at the last image costs no other."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

from vision_ft.cli.console import console, table

_COLUMNS = ("file", "label", "probability", "decision", "reasons")


@dataclass(frozen=True, slots=True)
class Row:
    """What is shown of one image."""

    answer: dict[str, Any]
    """Its JSON: the file, and the answer or the error."""
    found: str = "-"
    probabilities: dict[str, float] | None = None
    """By class id; None where the image could not be used."""


class Rows(Protocol):
    """Where answers go."""

    def add(self, row: Row) -> None:
        """Take the next image's answer."""
        ...

    def end(self) -> None:
        """There are no more."""
        ...


class JsonRows:
    """A JSON array, an element an image."""

    def __init__(self, out: TextIO, classes: Sequence[str], *, found_too: bool) -> None:
        self._out = out
        self._begun = False

    def add(self, row: Row) -> None:
        """Write the next element."""
        text = json.dumps(row.answer, indent=2, ensure_ascii=False).replace("\n", "\n  ")
        self._out.write((",\n  " if self._begun else "[\n  ") + text)
        self._out.flush()
        self._begun = True

    def end(self) -> None:
        """Close the array."""
        self._out.write("\n]\n" if self._begun else "[]\n")


class CsvRows:
    """A line an image, with the probabilities of all classes at its end."""

    def __init__(self, out: TextIO, classes: Sequence[str], *, found_too: bool) -> None:
        self._out = out
        self._classes = classes
        self._found_too = found_too
        self._writer = csv.writer(out, lineterminator="\n")
        self._writer.writerow([*_columns(found_too), *(f"p_{name}" for name in classes)])

    def add(self, row: Row) -> None:
        """Write the next line."""
        known = row.probabilities
        shares = ["" if known is None else f"{known[name]:.6f}" for name in self._classes]
        self._writer.writerow([*_cells(row, self._found_too), *shares])
        self._out.flush()

    def end(self) -> None:
        """All is written."""


class TableRows:
    """A table for people: its columns are as wide as the widest cell, so it is written at the end."""

    def __init__(self, out: TextIO, classes: Sequence[str], *, found_too: bool) -> None:
        self._out = out
        self._found_too = found_too
        self._table = table("", *_columns(found_too))
        self._table.title = None

    def add(self, row: Row) -> None:
        """Keep the next line's cells, and nothing larger."""
        self._table.add_row(*_cells(row, self._found_too))

    def end(self) -> None:
        """Write the table."""
        shown = console(whole_lines=True)
        with shown.capture() as captured:
            shown.print(self._table)
        self._out.write(captured.get())


FORMS: dict[str, type[JsonRows | CsvRows | TableRows]] = {"table": TableRows, "csv": CsvRows, "json": JsonRows}
"""By the name of the format."""


def _cells(row: Row, found_too: bool) -> tuple[str, ...]:
    answer, found = row.answer, (row.found,) if found_too else ()
    if "error" in answer:
        return (answer["file"], "-", "-", *found, "-", answer["error"])
    share = f"{answer['probability']:.3f}"
    return (answer["file"], answer["label"], share, *found, answer["decision"], "; ".join(answer["reasons"]))


def _columns(found_too: bool) -> tuple[str, ...]:
    return (*_COLUMNS[:3], "found", *_COLUMNS[3:]) if found_too else _COLUMNS
