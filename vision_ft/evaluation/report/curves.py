"""Learning curves: training and validation side by side, one panel a measure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from vision_ft.evaluation.report.svg import drawing, element, line, nice_ticks, text

_NAME = re.compile(r"^(train|val)(?:idation)?[_/.](.+)$")
_TITLES = {
    "nll": "negative log-likelihood",
    "lr": "learning rate",
    "ece": "calibration error",
    "f1": "F1",
    "map_50": "mAP50",
    "map_75": "mAP75",
    "mean_iou": "mean IoU",
}
_GAP_OPENS = 0.10
_MAIN = "final"
Line = tuple[str, str]
"""Side (train or val) and fit."""


def learning_curves(rows: Sequence[Mapping[str, Any]]) -> list[Markup]:
    """One panel for each measure X of the keys `train_X` and `val_X` (or `train/X`, `val/X`).

    Each row is one epoch; `epoch` numbers it (else it is counted from 1). `fit` names the
    training that it belongs to: each has lines of its own, and all but "final" (or the only
    one) are drawn fainter. A row whose `kept` is true is marked: its weights are those of the
    model. Measures with one point are left out.
    """
    measures: dict[str, dict[Line, list[tuple[float, float]]]] = {}
    kept = None
    for fit, own in _fits(rows).items():
        for number, row in enumerate(own, start=1):
            epoch = float(row.get("epoch", number))
            kept = epoch if row.get("kept") else kept
            for key, value in row.items():
                found = _NAME.match(key)
                if found and _is_number(value):
                    measures.setdefault(found[2], {}).setdefault((found[1], fit), []).append((epoch, float(value)))
    return [
        _panel(name, lines, kept)
        for name, lines in measures.items()
        if any(len(points) > 1 for points in lines.values())
    ]


def overfitting(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """A plain warning where validation loss rose by a tenth from its best while training loss still fell.

    Of several fits, the one whose validation loss rose the most is told of.
    """
    worst, sentence = 1.0 + _GAP_OPENS, None
    for fit, own in _fits(rows).items():
        pairs = [(_value(row, "train"), _value(row, "val")) for row in own]
        losses = [(t, v) for t, v in pairs if t is not None and v is not None]
        if len(losses) < 3:
            continue
        best = min(range(len(losses)), key=lambda epoch: losses[epoch][1])
        rose = losses[-1][1] / losses[best][1] if losses[best][1] > 0 else 1.0
        if rose > worst and losses[-1][0] < losses[best][0]:
            worst = rose
            sentence = (
                f"The model began to learn its training images by heart{f' ({fit})' if fit else ''}: after epoch "
                f"{best + 1} of {len(losses)} the validation loss rose by {100.0 * (rose - 1.0):.0f} % while the "
                "training loss went on falling."
            )
    return sentence


def _fits(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    fits: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        fits.setdefault(str(row.get("fit", "")), []).append(row)
    return fits


def _value(row: Mapping[str, Any], side: str) -> float | None:
    for separator in "_/.":
        value = row.get(f"{side}{separator}loss")
        if _is_number(value):
            return float(value)  # type: ignore[arg-type]
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _panel(name: str, lines: Mapping[Line, list[tuple[float, float]]], kept: float | None) -> Markup:
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
    several = len({fit for _, fit in lines}) > 1
    for (side, fit), points in lines.items():
        kind = f"{side} faint" if several and fit != _MAIN else side
        joined = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points)
        pieces.append(element("polyline", points=joined, class_=f"curve {kind}"))
        told = f"{side}, {fit}, epoch" if fit else f"{side}, epoch"
        pieces += [
            element("circle", element("title", escape(f"{told} {a:g}: {b:.4g}")), cx=x(a), cy=y(b), r=2.4,
                    class_=f"dot {kind}")
            for a, b in points
        ]  # fmt: skip
    pieces.append(text(left + width, top + height + 30, "epoch", "tiny quiet", "end"))
    return drawing(left + width + 10, top + height + 36, f"{shown} by epoch", *pieces)
