"""Learning curves: training and validation side by side, one panel a measure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from vision_ft.evaluation.report.svg import drawing, element, line, nice_ticks, text

_NAME = re.compile(r"^(train|val)(?:idation)?[_/.](.+)$")
_TITLES = {"nll": "negative log-likelihood", "lr": "learning rate", "ece": "calibration error", "f1": "F1"}
_GAP_OPENS = 0.10


def learning_curves(rows: Sequence[Mapping[str, Any]]) -> list[Markup]:
    """One panel for each measure X of the keys `train_X` and `val_X` (or `train/X`, `val/X`).

    Each row is one epoch; `epoch` numbers it (else it is counted from 1). A row whose `kept`
    is true is marked: its weights are those of the model. Measures with one point are left out.
    """
    measures: dict[str, dict[str, list[tuple[float, float]]]] = {}
    kept = None
    for number, row in enumerate(rows, start=1):
        epoch = float(row.get("epoch", number))
        kept = epoch if row.get("kept") else kept
        for key, value in row.items():
            found = _NAME.match(key)
            if found and _is_number(value):
                measures.setdefault(found[2], {}).setdefault(found[1], []).append((epoch, float(value)))
    return [
        _panel(name, lines, kept)
        for name, lines in measures.items()
        if any(len(points) > 1 for points in lines.values())
    ]


def overfitting(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """A plain warning where validation loss rose by a tenth from its best while training loss still fell."""
    losses = [
        (_value(row, "train"), _value(row, "val"))
        for row in rows
        if _value(row, "train") is not None and _value(row, "val") is not None
    ]
    if len(losses) < 3:
        return None
    train = [t for t, _ in losses if t is not None]
    val = [v for _, v in losses if v is not None]
    best = min(range(len(val)), key=val.__getitem__)
    if val[-1] > val[best] * (1.0 + _GAP_OPENS) and train[-1] < train[best]:
        rose = 100.0 * (val[-1] / val[best] - 1.0)
        return (
            f"The model began to learn its training images by heart: after epoch {best + 1} of {len(val)} the "
            f"validation loss rose by {rose:.0f} % while the training loss went on falling."
        )
    return None


def _value(row: Mapping[str, Any], side: str) -> float | None:
    for separator in "_/.":
        value = row.get(f"{side}{separator}loss")
        if _is_number(value):
            return float(value)  # type: ignore[arg-type]
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _panel(name: str, lines: Mapping[str, list[tuple[float, float]]], kept: float | None) -> Markup:
    left, top, width, height = 48.0, 26.0, 270.0, 150.0
    every = [point for points in lines.values() for point in points]
    x_low, x_high = min(p[0] for p in every), max(p[0] for p in every)
    y_low, y_high = min(p[1] for p in every), max(p[1] for p in every)
    pad = 0.06 * (y_high - y_low) or 0.05 * abs(y_high) or 0.05
    y_low, y_high = y_low - pad, y_high + pad

    def x(value: float) -> float:
        return left + width * (value - x_low) / ((x_high - x_low) or 1.0)

    def y(value: float) -> float:
        return top + height * (1.0 - (value - y_low) / (y_high - y_low))

    shown = _TITLES.get(name, name.replace("_", " "))
    pieces = [text(left, 15, shown, "strong")]
    pieces.append(element("rect", x=left, y=top, width=width, height=height, class_="panel"))
    for tick in nice_ticks(y_low, y_high):
        pieces.append(line(left, y(tick), left + width, y(tick), "grid"))
        pieces.append(text(left - 6, y(tick) + 4, f"{tick:g}", "tiny quiet", "end"))
    for tick in nice_ticks(x_low, x_high, 6):
        if tick == int(tick):
            pieces.append(text(x(tick), top + height + 15, f"{tick:g}", "tiny quiet", "middle"))
    if kept is not None and x_low <= kept <= x_high:
        pieces.append(line(x(kept), top, x(kept), top + height, "mark"))
    for side, points in lines.items():
        joined = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points)
        pieces.append(element("polyline", points=joined, class_=f"curve {side}"))
        pieces += [
            element("circle", element("title", escape(f"{side}, epoch {a:g}: {b:.4g}")), cx=x(a), cy=y(b), r=2.4,
                    class_=f"dot {side}")
            for a, b in points
        ]  # fmt: skip
    pieces.append(text(left + width, top + height + 30, "epoch", "tiny quiet", "end"))
    return drawing(left + width + 10, top + height + 36, f"{shown} by epoch", *pieces)
