"""Figures in words that a quality engineer would say."""

from __future__ import annotations

from vision_ft.evaluation.figures import Figure, whole
from vision_ft.evaluation.proportions import lower_bound, needed_at_rate, needed_without_event, upper_bound


def percent(rate: float) -> str:
    """A rate as a percentage with two significant digits: "12 %", "5 %", "0.35 %"."""
    value = 100.0 * rate
    if value == 0.0:
        return "0 %"
    if value >= 99.5 and value < 100.0:
        text = f"{min(value, 99.99):.2f}" if value >= 99.95 else f"{value:.1f}"
    elif value >= 9.95:
        text = f"{value:.0f}"
    elif value >= 0.995:
        text = f"{value:.1f}"
    else:
        text = f"{value:.2g}" if value >= 0.01 else f"{value:.1g}"
    if "." in text and "e" not in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text} %"


def plural(count: float, one: str, many: str) -> str:
    """A count with its noun: "1 escape", "3 escapes"."""
    return f"{whole(count)} {one if count == 1 else many}"


def counted(figure: Figure, one: str, many: str) -> str:
    """A count among others: "0 escapes in 23 defective parts", and their worth where several share a group."""
    denominator = figure.denominator or 0.0
    unit = figure.unit.removesuffix("s") if denominator == 1 else figure.unit
    text = f"{plural(figure.numerator or 0.0, one, many)} in {whole(denominator)} {unit}"
    if figure.trials is not None and figure.trials < denominator:
        text += f" (alike within their groups: worth {figure.trials:.0f} independent ones)"
    return text


def at_most(figure: Figure, limit: float | None, one: str, many: str) -> str:
    """What a count shows at best, and what it would take to show `limit`.

    "0 escapes in 23 defective parts: at most 12 % (one-sided 95 %); 59 would be needed to
    show 5 %".
    """
    text = counted(figure, one, many)
    if figure.value is None or figure.trials is None:
        return text
    bound = upper_bound(figure.value * figure.trials, figure.trials)
    text += f": at most {percent(bound)} (one-sided 95 %)"
    if limit is None or bound <= limit:
        return text
    if figure.value == 0.0:
        return f"{text}; {needed_without_event(limit)} would be needed to show {percent(limit)}"
    needed = needed_at_rate(figure.value, limit)
    if needed is None:
        return f"{text}; at {percent(figure.value)} observed, more parts alone would not show {percent(limit)}"
    return f"{text}; about {needed} at the observed {percent(figure.value)} would be needed to show {percent(limit)}"


def at_least(figure: Figure, one: str, many: str) -> str:
    """What a count shows at worst: "9 escapes in 23 defective parts: at least 22 % (one-sided 95 %)"."""
    text = counted(figure, one, many)
    if figure.value is None or figure.trials is None:
        return text
    bound = lower_bound(figure.value * figure.trials, figure.trials)
    return f"{text}: at least {percent(bound)} (one-sided 95 %)"
