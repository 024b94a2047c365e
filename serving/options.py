"""What a client can ask for besides the verdict: a picture, part, slices."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, cast, get_args

from serving.errors import ParameterError

Heatmap = Literal["none", "png", "overlay", "mask"]
"""Pictures: the evidence alone, the answer drawn on the image, or the class of each pixel."""
_HEATMAPS: tuple[str, ...] = get_args(Heatmap)
_EXPECTED = f"{', '.join(_HEATMAPS[:-1])} or {_HEATMAPS[-1]}"
_NAMES = ("heatmap", "part", "slice")
_LONGEST = 200
_SLICE = re.compile(r"([A-Za-z0-9_.-]{1,64})=([^;\x00-\x1f\x7f]{1,128})")
_MOST_SLICES = 16


@dataclass(frozen=True, slots=True)
class PredictOptions:
    """Options of one request, read from its query and form fields."""

    heatmap: Heatmap = "none"
    part: str | None = None
    """Id of the part that the image shows."""
    slices: dict[str, str] = field(default_factory=dict)
    """Camera, line, shift...: what results are broken down by."""


def read_options(pairs: Iterable[tuple[str, str]]) -> PredictOptions:
    """Options from names and values; `slice` may come several times, as `name=value`.

    Raises `ParameterError` for an unknown name or a wrong value.
    """
    options = PredictOptions()
    for name, value in pairs:
        if name == "heatmap":
            if value not in _HEATMAPS:
                raise ParameterError(f"parameter heatmap={_shown(value)}", expected=_EXPECTED)
            options = replace(options, heatmap=cast(Heatmap, value))
        elif name == "part":
            if not 0 < len(value) <= _LONGEST or not value.isprintable():
                raise ParameterError("parameter part", expected=f"1 to {_LONGEST} printable characters")
            options = replace(options, part=value)
        elif name == "slice":
            options = replace(options, slices={**options.slices, **_slice(value)})
        else:
            close = difflib.get_close_matches(name, _NAMES, 1)
            raise ParameterError(
                f"parameter {_shown(name)} does not exist",
                expected=f"one of {', '.join(_NAMES)}",
                remedy=f"Did you mean {close[0]}?" if close else "",
            )
    if len(options.slices) > _MOST_SLICES:
        raise ParameterError("parameter slice", expected=f"at most {_MOST_SLICES} names", got=str(len(options.slices)))
    return options


def _slice(value: str) -> dict[str, str]:
    match = _SLICE.fullmatch(value)
    if match is None:
        raise ParameterError(f"parameter slice={_shown(value)}", expected="name=value, such as camera=2")
    return {match[1]: match[2]}


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "...")
