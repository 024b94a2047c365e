"""The little SVG that the report's drawings need, escaped throughout."""

from __future__ import annotations

import math

from markupsafe import Markup, escape

Attribute = str | float | int | None


def element(tag: str, *children: Markup | str, **attributes: Attribute) -> Markup:
    """One element; `_` in an attribute's name becomes `-`, a trailing one is dropped, None leaves it out."""
    parts = []
    for name, value in attributes.items():
        if value is not None:
            text = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
            parts.append(f' {name.rstrip("_").replace("_", "-")}="{escape(text)}"')
    inner = Markup("").join(children)
    return Markup(f"<{tag}{''.join(parts)}>{inner}</{tag}>")


def drawing(width: float, height: float, label: str, *children: Markup) -> Markup:
    """An SVG of a size in CSS pixels that shrinks with the page; `label` is read to those who cannot see."""
    return element(
        "svg",
        *children,
        viewBox=f"0 0 {width:g} {height:g}",
        width=f"{width:g}",
        height=f"{height:g}",
        role="img",
        aria_label=label,
    )


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=class_)


def text(x: float, y: float, content: str, class_: str = "", anchor: str = "start") -> Markup:
    """A line of text with its baseline at y."""
    return element("text", escape(content), x=float(x), y=float(y), class_=class_ or None, text_anchor=anchor)


def nice_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round values that span [low, high] or a little less, about as many as asked for."""
    if not high > low:
        return [low]
    raw = (high - low) / max(about, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]
