"""The confusion matrix as a drawing: counts, and the share of each labelled class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from vision_ft.evaluation.report.svg import drawing, element, text

_MANY = 16
"""From this many classes on, cells hold no percentage; from twice as many, no count."""


def confusion_matrix(counts: NDArray[np.int64], names: Sequence[str]) -> Markup:
    """Counts [C, C] (row: labelled, column: answered). Right answers in one hue, wrong ones in another.

    The depth of the colour is the share of the row.
    """
    number = len(names)
    cell = 62 if number <= 8 else 48 if number < _MANY else 26 if number < 2 * _MANY else 17
    longest = max((len(name) for name in names), default=1)
    small = number >= _MANY
    glyph = 6.6 if not small else 5.6
    left = min(190.0, 44.0 + glyph * longest)
    # Slanted names reach up by the sine of their slant and out beyond the last column by its cosine.
    top = min(150.0, 34.0 + glyph * longest * 0.72)
    right = min(130.0, glyph * longest * 0.72)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    pieces = [
        text(left + cell * number / 2, 12, "answered", "quiet", "middle"),
        element("text", "labelled", class_="quiet", text_anchor="middle",
                transform=f"translate(11 {top + cell * number / 2:.1f}) rotate(-90)"),
    ]  # fmt: skip
    for i, name in enumerate(names):
        shown = name if len(name) <= 24 else name[:23] + "…"
        x, y = left + cell * (i + 0.5), top + cell * (i + 0.5)
        size = "tiny" if small else ""
        pieces.append(text(left - 8, y + 4, shown, size, "end"))
        slanted = f"translate({x:.1f} {top - 8:.1f}) rotate(-45)"
        pieces.append(element("text", escape(shown), class_=size or None, transform=slanted))
    for i in range(number):
        for j in range(number):
            count, part = int(counts[i, j]), float(share[i, j])
            title = f"{names[i]} answered as {names[j]}: {count} images, {100 * part:.1f} % of {names[i]}"
            inner = _cell(left + cell * j, top + cell * i, cell, count, part, i == j, number)
            pieces.append(element("g", element("title", escape(title)), *inner))
    width, height = left + cell * number + right + 6, top + cell * number + 6
    return drawing(width, height, "Confusion matrix: labelled classes by answered classes", *pieces)


def _cell(x: float, y: float, side: int, count: int, share: float, right: bool, number: int) -> list[Markup]:
    inner = [
        element("rect", x=float(x + 1), y=float(y + 1), width=side - 2, height=side - 2, rx=2, class_="cell"),
    ]
    if count:
        inner.append(
            element("rect", x=float(x + 1), y=float(y + 1), width=side - 2, height=side - 2, rx=2,
                    class_="right" if right else "wrong", fill_opacity=float(0.10 + 0.90 * share))
        )  # fmt: skip
        deep = " deep" if share > 0.55 else ""
        if number < _MANY:
            inner.append(text(x + side / 2, y + side / 2 - 1, str(count), "count" + deep, "middle"))
            inner.append(text(x + side / 2, y + side / 2 + 14, f"{100 * share:.0f} %", "tiny" + deep, "middle"))
        elif number < 2 * _MANY:
            inner.append(text(x + side / 2, y + side / 2 + 4, str(count), "tiny" + deep, "middle"))
    return inner


def frequent_confusions(counts: NDArray[np.int64], names: Sequence[str], most: int = 10) -> list[tuple[str, str, int]]:
    """The most frequent wrong answers as labelled name, answered name and images, most frequent first."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, wrong.shape), strict=True)]
    return [(names[i], names[j], int(wrong[i, j])) for i, j in pairs if wrong[i, j]]
