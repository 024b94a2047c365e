"""What anomaly detection adds to the report: where good and anomalous images score."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from vision_ft.evaluation.report.sections import Section
from vision_ft.evaluation.report.svg import drawing, element, line, text

_BINS = 50


def sections(scores: NDArray[np.float64], bad: NDArray[np.bool_], threshold: float | None) -> tuple[Section, ...]:
    """Raw scores [N], above 0, of good and of anomalous images [N]."""
    known = np.isfinite(scores)
    if not known.any():
        return ()
    return (
        Section(
            "anomaly-scores",
            "Good and anomalous images by their score",
            drawings=(_chart(scores[known], bad[known], threshold),),
            note="The score of an image is that of its most unusual place, over what good parts have at that place. "
            "The axis is logarithmic, the heights are by square root.",
        ),
    )


def _chart(scores: NDArray[np.float64], bad: NDArray[np.bool_], threshold: float | None) -> Markup:
    """Good images upward, anomalous ones downward, the threshold across."""
    left, top, width, half, gap = 80.0, 24.0, 762.0, 74.0, 2.0
    logs = np.log10(scores)
    marks = logs if threshold is None else np.append(logs, np.log10(threshold))
    low, high = float(marks.min()) - 0.05, float(marks.max()) + 0.05
    edges = np.linspace(low, high, _BINS + 1)
    counts = [np.histogram(logs[which], edges)[0] for which in (~bad, bad)]
    most = float(np.sqrt(max(*(int(one.max()) for one in counts), 1)))
    middle = top + half

    def across(value: float) -> float:
        return left + width * (value - low) / (high - low)

    pieces = []
    if threshold is not None:
        at = across(float(np.log10(threshold)))
        pieces += [line(at, top - 4, at, top + 2 * half + 4, "mark"), text(at, 14, "threshold", "tiny quiet", "middle")]
    for side, (name, kind) in enumerate((("good", "good"), ("anomalous", "bad"))):
        for number in np.flatnonzero(counts[side]):
            count = int(counts[side][number])
            tall = half * float(np.sqrt(count)) / most
            label = f"{count} {name} images between {10 ** edges[number]:.3g} and {10 ** edges[number + 1]:.3g}"
            pieces.append(
                element(
                    "rect",
                    element("title", label),
                    x=left + width * float(number) / _BINS + 0.75,
                    y=middle - gap / 2 - tall if side == 0 else middle + gap / 2,
                    width=width / _BINS - 1.5,
                    height=tall,
                    class_=f"column {kind}",
                )
            )
        pieces.append(text(left - 8, middle + (side - 0.5) * half, name, "tiny", "end"))
    pieces.append(line(left, middle, left + width, middle, "axis"))
    base = top + 2 * half + 16
    ticks = [10**power * step for power in range(-6, 7) for step in (1, 2, 5)]
    shown = [tick for tick in ticks if low <= np.log10(tick) <= high]
    pieces += [text(across(float(np.log10(tick))), base, f"{tick:g}", "tiny quiet", "middle") for tick in shown]
    return drawing(left + width + 14, base + 10, "Good and anomalous images by their score", *pieces)
