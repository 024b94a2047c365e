"""An interval as a bar with a dot: how far a figure may be trusted, at a glance."""

from __future__ import annotations

from markupsafe import Markup

from vision_ft.evaluation.figures import Figure
from vision_ft.evaluation.report.svg import drawing, element, line


def interval_bar(figure: Figure, *, width: int = 120, high: float = 1.0, class_: str = "") -> Markup:
    """The figure and its interval on an axis from 0 to `high`; nothing where the figure is not defined."""
    if figure.value is None:
        return Markup("")
    margin, middle = 5.0, 9.0
    span = width - 2 * margin

    def at(value: float) -> float:
        return margin + span * min(max(value / high, 0.0), 1.0)

    pieces = [line(margin, middle, width - margin, middle, "axis")]
    pieces += [line(at(tick), middle - 3, at(tick), middle + 3, "axis") for tick in (0.0, high / 2, high)]
    if figure.low is not None and figure.high is not None:
        pieces.append(line(at(figure.low), middle, at(figure.high), middle, f"interval {class_}".strip()))
    pieces.append(element("circle", cx=at(figure.value), cy=middle, r=3.6, class_=f"dot {class_}".strip()))
    return drawing(width, 18, f"{figure.value:.2f} on an axis from 0 to {high:g}", *pieces)
