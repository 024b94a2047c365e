"""Figures as the report's tiles and table rows: formatted, with their interval drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vision_ft.evaluation.figures import figure_from
from vision_ft.evaluation.flattery import Flattery
from vision_ft.evaluation.names import figure_name
from vision_ft.evaluation.parts import Parts
from vision_ft.evaluation.report.shown import Shown, shown
from vision_ft.evaluation.sentences import plural

_SLICE_FIGURES = ("balanced_accuracy", "accuracy", "escape_rate", "overkill_rate")


@dataclass(frozen=True, slots=True)
class Key:
    """One of the figures at the top."""

    title: str
    meaning: str
    shown: Shown
    behind: str
    """How many parts or images the figure rests on, or why there is none."""


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class."""

    name: str
    good: bool
    support: int
    parts: int
    figures: tuple[Shown, ...]
    """In the order of the summary's `per_class_figures`."""


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One value of a slice."""

    value: str
    images: int
    parts: int
    figures: tuple[Shown, ...]


def key_figures(summary: Mapping[str, Any]) -> list[Key]:
    """The figures at the top, as `summary` names them; those that are not defined come last, with the reason."""
    keys = []
    for name in summary["headline"]:
        figure, known = figure_from(summary, name), figure_name(name)
        if figure.value is None:
            behind = figure.reason
        elif known.unit:
            one, many = known.unit
            behind = f"{figure.numerator} of {plural(figure.denominator or 0, one, many)}"
        else:
            behind = f"{plural(summary['images'], 'image', 'images')} of {plural(summary['parts'], 'part', 'parts')}"
        tone = "error" if known.error else ""
        keys.append(
            Key(known.title, known.meaning, shown(figure, as_percent=known.rate, width=180, class_=tone), behind)
        )
    return sorted(keys, key=lambda key: key.shown.value == "–")


def class_rows(summary: Mapping[str, Any]) -> list[ClassRow]:
    """One row a class, in the classes' order."""
    return [
        ClassRow(
            name=entry["name"],
            good=entry["good"],
            support=entry["support"],
            parts=entry["parts"],
            figures=tuple(shown(figure_from(entry, name)) for name in summary["per_class_figures"]),
        )
        for entry in summary["per_class"].values()
    ]


def part_counts(parts: Parts) -> list[tuple[str, list[int]]]:
    """Defective and good parts by decision: pass, review, reject."""
    return [
        (name, [int(n) for n in np.bincount(parts.severity[which], minlength=3)])
        for name, which in (("defective", parts.is_bad), ("good", ~parts.is_bad))
    ]


def slice_tables(summary: Mapping[str, Any]) -> list[tuple[str, list[str], list[SliceRow]]]:
    """One table a slice: its name, the figures' titles, and a row for each value."""
    tables = []
    for name, values in (summary.get("slices") or {}).items():
        wanted = [one for one in _SLICE_FIGURES if any(one in entry for entry in values.values())]
        if summary.get("escape_rate") is None and summary.get("overkill_rate") is None:
            wanted = [one for one in wanted if not figure_name(one).rate]
        rows = []
        for value, entry in values.items():
            figures = []
            for one in wanted:
                known = figure_name(one)
                tone = "error" if known.error else ""
                figures.append(shown(figure_from(entry, one), as_percent=known.rate, width=90, class_=tone))
            rows.append(SliceRow(value, entry["images"], entry["parts"], tuple(figures)))
        tables.append((name, [figure_name(one).title for one in wanted], rows))
    return tables


def flattery_rows(flattery: Flattery | None) -> list[tuple[str, Shown]]:
    """Both splits of the probe, for the eye."""
    if flattery is None:
        return []
    return [
        ("split by image (flatters)", shown(flattery.by_image, width=260, class_="error")),
        ("split by group (honest)", shown(flattery.by_group, width=260)),
    ]
