"""Figures as the report's tiles and table rows: formatted, with their interval drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from vision_ft.evaluation.figures import Figure, figure_from
from vision_ft.evaluation.flattery import Flattery
from vision_ft.evaluation.parts import Parts
from vision_ft.evaluation.report.bars import interval_bar
from vision_ft.evaluation.sentences import percent, plural

_KEYS = (
    ("escape_rate", "Escape rate", "defective parts that pass"),
    ("overkill_rate", "Overkill rate", "good parts that are rejected"),
    ("review_share", "Review share", "parts that a person looks at"),
    ("balanced_accuracy", "Balanced accuracy", "mean recall of the classes"),
    ("macro_f1", "Macro F1", "mean F1 of the classes"),
    ("accuracy", "Accuracy", "images answered right"),
    ("ece", "Calibration error", "how far probabilities are off (ECE)"),
    ("out_of_scope", "Out of scope", "images unlike the training images"),
)
_RATES = {"escape_rate", "overkill_rate", "review_share", "out_of_scope"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure as text and as a drawing."""

    value: str
    span: str
    """The 95 % interval, "" where there is none."""
    bar: Markup
    method: str = ""


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
    precision: Shown
    recall: Shown
    f1: Shown


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One value of a slice."""

    value: str
    images: int
    parts: int
    figures: tuple[Shown, ...]


def shown(figure: Figure, *, as_percent: bool = False, width: int = 120, class_: str = "") -> Shown:
    """A figure for people: two decimals, or a percentage."""
    if figure.value is None:
        return Shown("–", "", Markup(""), figure.reason)
    write = percent if as_percent else _decimal
    span = ""
    if figure.low is not None and figure.high is not None:
        low, high = write(figure.low), write(figure.high)
        span = f"{low.removesuffix(' %') if as_percent else low} to {high}"
    return Shown(write(figure.value), span, interval_bar(figure, width=width, class_=class_), figure.method)


def key_figures(summary: Mapping[str, Any]) -> list[Key]:
    """The figures at the top; those that are not defined come last, with the reason."""
    keys = []
    for name, title, meaning in _KEYS:
        figure = figure_from(summary, name)
        if figure.value is None:
            behind = figure.reason
        elif name in _RATES and name != "out_of_scope":
            unit = {"escape_rate": "defective part", "overkill_rate": "good part"}.get(name, "part")
            behind = f"{figure.numerator} of {plural(figure.denominator or 0, unit, unit + 's')}"
        elif name == "out_of_scope":
            behind = f"{figure.numerator} of {plural(figure.denominator or 0, 'image', 'images')}"
        else:
            behind = f"{plural(summary['images'], 'image', 'images')} of {plural(summary['parts'], 'part', 'parts')}"
        tone = "error" if name in ("escape_rate", "overkill_rate", "ece") else ""
        keys.append(Key(title, meaning, shown(figure, as_percent=name in _RATES, width=180, class_=tone), behind))
    return sorted(keys, key=lambda key: key.shown.value == "–")


def class_rows(summary: Mapping[str, Any]) -> list[ClassRow]:
    """One row a class, in the classes' order."""
    return [
        ClassRow(
            name=entry["name"],
            good=entry["good"],
            support=entry["support"],
            parts=entry["parts"],
            precision=shown(figure_from(entry, "precision")),
            recall=shown(figure_from(entry, "recall")),
            f1=shown(figure_from(entry, "f1")),
        )
        for entry in summary["per_class"].values()
    ]


def part_counts(parts: Parts) -> list[tuple[str, list[int]]]:
    """Defective and good parts by decision: pass, review, reject."""
    return [
        (name, [int(n) for n in np.bincount(parts.severity[which], minlength=3)])
        for name, which in (("defective", parts.is_bad), ("good", ~parts.is_bad))
    ]


def slice_tables(summary: Mapping[str, Any]) -> list[tuple[str, list[SliceRow]]]:
    """One table a slice: recall and F1 means, escape and overkill rate by value."""
    tables = []
    for name, values in (summary.get("slices") or {}).items():
        rows = []
        for value, entry in values.items():
            figures = (
                shown(figure_from(entry, "balanced_accuracy"), width=90),
                shown(figure_from(entry, "accuracy"), width=90),
                shown(figure_from(entry, "escape_rate"), as_percent=True, width=90, class_="error"),
                shown(figure_from(entry, "overkill_rate"), as_percent=True, width=90, class_="error"),
            )
            rows.append(SliceRow(value, entry["images"], entry["parts"], figures))
        tables.append((name, rows))
    return tables


def flattery_rows(flattery: Flattery | None) -> list[tuple[str, Shown]]:
    """Both splits of the probe, for the eye."""
    if flattery is None:
        return []
    return [
        ("split by image (flatters)", shown(flattery.by_image, width=260, class_="error")),
        ("split by group (honest)", shown(flattery.by_group, width=260)),
    ]


def _decimal(value: float) -> str:
    # What is not quite 1 is not shown as 1.00.
    if 0.995 <= value < 1.0:
        return f"{min(value, 0.999):.3f}"
    return f"{value:.2f}"
