"""The reliability diagram: how often answers are right, by how sure they are."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from vision_ft.evaluation.metrics import BINS
from vision_ft.evaluation.proportions import clopper_pearson
from vision_ft.evaluation.report.svg import drawing, element, line, text


def reliability_diagram(bins: NDArray[np.float64]) -> Markup:
    """Images, mean confidence and accuracy by bin [B, 3] (see `metrics.reliability`).

    Whiskers: 95 % for the images of a bin as if they were independent, a rough guide. The
    columns below show how many images a bin has.
    """
    left, top, side, gap, foot = 46.0, 8.0, 300.0, 12.0, 54.0
    count = bins[:, 0]
    most = float(max(count.max(), 1.0)) if len(count) else 1.0

    def x(value: float) -> float:
        return left + side * value

    def y(value: float) -> float:
        return top + side * (1.0 - value)

    pieces = [element("rect", x=left, y=top, width=side, height=side, class_="panel")]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        pieces += [line(left, y(tick), left + side, y(tick), "grid"), line(x(tick), top, x(tick), top + side, "grid")]
        pieces.append(text(left - 6, y(tick) + 4, f"{tick:g}", "tiny quiet", "end"))
        pieces.append(text(x(tick), top + side + gap + foot + 14, f"{tick:g}", "tiny quiet", "middle"))
    pieces.append(line(x(0), y(0), x(1), y(1), "ideal"))
    base = top + side + gap + foot
    points = []
    for number in range(BINS):
        images, confidence, accuracy = (float(v) for v in bins[number])
        if not images:
            continue
        low, high = clopper_pearson(accuracy * images, images)
        pieces.append(line(x(confidence), y(low), x(confidence), y(high), "whisker"))
        points.append((x(confidence), y(accuracy)))
        tall = foot * images / most
        pieces.append(
            element("rect", element("title", f"{images:.0f} images"), x=x(number / BINS) + 1, y=base - tall,
                    width=side / BINS - 2, height=tall, class_="column")
        )  # fmt: skip
    pieces.append(element("polyline", points=" ".join(f"{a:.1f},{b:.1f}" for a, b in points), class_="curve val"))
    pieces += [element("circle", cx=a, cy=b, r=3.6, class_="dot") for a, b in points]
    pieces.append(line(left, base, left + side, base, "axis"))
    pieces.append(text(left + side / 2, base + 32, "probability of the answer", "tiny quiet", "middle"))
    pieces.append(
        element("text", "share that is right", class_="tiny quiet", text_anchor="middle",
                transform=f"translate(12 {top + side / 2:.1f}) rotate(-90)")
    )  # fmt: skip
    return drawing(left + side + 12, base + 40, "Reliability diagram: share of right answers by probability", *pieces)
