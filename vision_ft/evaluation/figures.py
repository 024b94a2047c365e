"""A figure, the interval around it, and where both come from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure with its two-sided 95 % interval; None where it is not defined."""

    value: float | None
    low: float | None = None
    high: float | None = None
    method: str = ""
    """How the interval was made."""
    numerator: float | None = None
    denominator: float | None = None
    reason: str = ""
    """Why there is no value, in words."""
    unit: str = ""
    """What the denominator counts, in the plural ("defective parts")."""
    trials: float | None = None
    """How many independent units an exact interval was made with; None where it was resampled."""

    def to_json(self, name: str) -> dict[str, Any]:
        """The figure as flat keys: `name`, `name_low`, `name_high` and what else is known of it."""
        flat: dict[str, Any] = {
            name: finite(self.value),
            f"{name}_low": finite(self.low),
            f"{name}_high": finite(self.high),
        }
        if self.method:
            flat[f"{name}_method"] = self.method
        if self.denominator is not None:
            flat[f"{name}_numerator"] = whole(self.numerator)
            flat[f"{name}_denominator"] = whole(self.denominator)
        if self.reason:
            flat[f"{name}_reason"] = self.reason
        return flat


def figure_from(block: Mapping[str, Any], name: str) -> Figure:
    """A figure back from the flat keys that `Figure.to_json` gave."""
    return Figure(
        block.get(name),
        block.get(f"{name}_low"),
        block.get(f"{name}_high"),
        block.get(f"{name}_method", ""),
        block.get(f"{name}_numerator"),
        block.get(f"{name}_denominator"),
        block.get(f"{name}_reason", ""),
    )


def finite(value: float | None) -> float | None:
    """The value, or None where it is no finite number (strict JSON knows neither nan nor inf)."""
    return None if value is None or not math.isfinite(value) else float(value)


def whole(value: float | None) -> float | int | None:
    """A count as an int where it is a whole number."""
    return int(value) if value is not None and float(value).is_integer() else value


def missing(reason: str, unit: str = "") -> Figure:
    """A figure that is not defined, and why."""
    return Figure(None, reason=reason, unit=unit)
