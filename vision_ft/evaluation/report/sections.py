"""What a task adds to the report: sections of text, tables and drawings."""

from __future__ import annotations

from dataclasses import dataclass, field

from markupsafe import Markup

from vision_ft.evaluation.report.shown import Shown

Cell = str | int | Shown
"""Text, a count, or a figure with its interval."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; a column of figures is as wide as two, for the interval's drawing."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the page."""

    id: str
    """Anchor: lower case, no spaces."""
    title: str
    text: str = ""
    tables: tuple[Table, ...] = ()
    drawings: tuple[Markup, ...] = field(default=())
    note: str = ""
