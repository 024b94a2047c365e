"""A figure as text and as a drawing."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from vision_ft.evaluation.figures import Figure
from vision_ft.evaluation.report.bars import interval_bar
from vision_ft.evaluation.sentences import percent


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure as text and as a drawing."""

    value: str
    span: str
    """The 95 % interval, "" where there is none."""
    bar: Markup
    method: str = ""


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


def _decimal(value: float) -> str:
    # What is not quite 1 is not shown as 1.00.
    if 0.995 <= value < 1.0:
        return f"{min(value, 0.999):.3f}"
    return f"{value:.2f}"
