"""What the values of masks mean, by their names or by what values there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vision_ft.data.index import IGNORE
from vision_ft.data.mask_files import OBJECT_FROM
from vision_ft.data.mask_names import BACKGROUND, Names, grey
from vision_ft.errors import DataError

OBJECT = "object"
"""Id of the class of a mask of black and white that nobody named."""

VOID = "255"
"""Among index values this one, unless it is named, marks pixels that are left out."""

MOST = 254
_SHADES, _EXTREME = 16, 0.9


@dataclass(frozen=True)
class Meaning:
    """Class ids in order, and what each value means: None for masks of black and white of one class."""

    classes: tuple[str, ...]
    code: Mapping[str, str] | None
    notes: tuple[str, ...] = ()


def values_in(mask: NDArray[np.uint8]) -> Counter[str]:
    """How many pixels have each value: grey ("3") of a mask [H, W], or colour ("#ff0000") of one [H, W, 3]."""
    if mask.ndim == 2:
        counts = np.bincount(mask.ravel(), minlength=256)
        return Counter({str(value): int(counts[value]) for value in np.flatnonzero(counts)})
    packed = mask.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    found, counts = np.unique(packed, return_counts=True)
    return Counter({grey(f"#{value:06x}"): int(n) for value, n in zip(found.tolist(), counts.tolist(), strict=True)})


def meaning_of(values: Counter[str], names: Names | None, palette: Sequence[str] | None) -> Meaning:
    """What the `values` of all masks together mean.

    `palette` gives the colours by index where all masks are PNG of one palette. Raises
    DataError where colours need names and have none.
    """
    coloured = [one for one in values if one.startswith("#")]
    if names is not None:
        code = dict(names.values)
        by_index = not any(one.startswith("#") for one in code)
        if len(names.classes) == 1 and by_index and not coloured and _is_binary(values, set(code)):
            return Meaning(names.classes, None)
        if palette and coloured and by_index:
            first = _first_of(palette)
            code = {colour: code[index] for colour, index in first.items() if index in code}
            code.setdefault(palette[0], BACKGROUND)
        return Meaning(names.classes, code)
    if not coloured and _is_binary(values, set()):
        return Meaning((OBJECT,), None)
    if palette and coloured:
        first = _first_of(palette)
        used = {first[colour]: colour for colour in palette if colour in values and colour != palette[0]}
        meaning = _numbered(used)
        return replace(meaning, code={**(meaning.code or {}), palette[0]: BACKGROUND})
    if coloured:
        colours = sorted(one for one in values if one != "0")
        if len(colours) > _SHADES:
            raise DataError(
                f"The masks have {len(colours)} colours, and nothing says what they mean",
                expected="a labelmap.txt with a line name:red,green,blue:: for each class",
            )
        return Meaning(tuple(colours), {one: one for one in colours})
    return _numbered({one: one for one in sorted(values, key=int) if one != "0"})


def unknown_in(values: Iterable[str], meaning: Meaning) -> list[str]:
    """Those of a mask's values that mean nothing; black is background where it has no name."""
    if meaning.code is None:
        return []
    return [one for one in values if one not in meaning.code and one != "0"]


def shown(values: Iterable[str], meaning: Meaning) -> tuple[str, ...]:
    """Ids of the classes that a mask with these values shows, in order."""
    if meaning.code is None:
        whites = [one for one in values if one != "0"]
        # As `mask_files.object_of` sees it: what is not black is the object, if there is nothing bright.
        return meaning.classes if whites else ()
    found = {meaning.code.get(one, BACKGROUND) for one in values}
    return tuple(one for one in meaning.classes if one in found)


def palette_of(data: bytes) -> tuple[str, ...] | None:
    """The colours by index of a PNG with a palette, given its bytes; None for any other file."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or data[25:26] != b"\x03":
        return None
    at = data.find(b"PLTE")
    if at < 4:
        return None
    size = int.from_bytes(data[at - 4 : at], "big") // 3
    colours = data[at + 4 : at + 4 + 3 * size]
    return tuple(grey("#" + colours[3 * one : 3 * one + 3].hex()) for one in range(len(colours) // 3))


def one_palette(masks: Iterable[Path]) -> tuple[str, ...] | None:
    """The palette that all these files share, or None."""
    palettes = set()
    for path in masks:
        with path.open("rb") as file:
            palettes.add(palette_of(file.read(4096)))
    return palettes.pop() if len(palettes) == 1 else None


def _first_of(palette: Sequence[str]) -> dict[str, str]:
    """The index that each colour means: the first, as palettes are padded, with black as a rule."""
    found: dict[str, str] = {}
    for index, colour in enumerate(palette):
        found.setdefault(colour, str(index))
    return found


def _is_binary(values: Counter[str], named: set[str]) -> bool:
    """Whether grey values are of black and white, perhaps with what compression leaves in between."""
    levels = sorted(int(one) for one in values if one != "0")
    if len(levels) < 2:
        # A named value (or the 1 of an index of one class) is as good in a code, and 255 alone is white.
        return not levels or str(levels[0]) not in named
    middle = [one for one in levels if 32 <= one < 224]
    if levels[-1] < OBJECT_FROM or len(levels) <= _SHADES or not middle:
        return False
    return sum(values[str(one)] for one in middle) < (1 - _EXTREME) * values.total()


def _numbered(codes: Mapping[str, str]) -> Meaning:
    """Classes called by their number; `codes` gives what stands for each in the masks."""
    void = VOID in codes and len(codes) > 1
    classes = tuple(one for one in codes if not (void and one == VOID))
    if len(classes) > MOST:
        raise DataError(f"The masks have {len(classes)} values", expected=f"at most {MOST} classes")
    code = {colour: IGNORE if void and number == VOID else number for number, colour in codes.items()}
    return Meaning(classes, code, (f"The value {VOID} of the masks is left out: it marks doubtful pixels.",) * void)
