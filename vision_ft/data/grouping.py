"""Named rules by which images become parts and groups.

A rule turns the relative paths of all images (with their first targets) into one key each;
images with the same key are one part, or one group. Rules that need the neighbourhood of an
image (`numeric_gap`, `blocks`) see all images at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from vision_ft.errors import DataError


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression ({error})") from error
    return pattern


def _captures(pattern: str) -> str:
    if re.compile(_compiles(pattern)).groups < 1:
        raise ValueError(f"{pattern!r} must capture something in (parentheses)")
    return pattern


Pattern = Annotated[str, AfterValidator(_captures)]
"""A regular expression with at least one group; it is searched for, not matched from the start."""

Where = Literal["name", "path"]
"""What a pattern is searched in: the file's name, or its path relative to the root."""


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RegexRule(_Rule):
    """What the pattern captures makes the key: its named groups, or else all its groups."""

    rule: Literal["regex"]
    pattern: Pattern
    search: Where = "name"


class NumericGapRule(_Rule):
    """Images sorted by a number over all classes: a jump of more than `gap` starts another key."""

    rule: Literal["numeric_gap"]
    pattern: Pattern
    gap: int = Field(ge=1)
    search: Where = "name"


class BlocksRule(_Rule):
    """Blocks of `size` consecutive numbers within a class, counted from the number `start`."""

    rule: Literal["blocks"]
    pattern: Pattern
    size: int = Field(ge=1)
    start: int = 1
    search: Where = "name"


class FolderRule(_Rule):
    """The folder that holds the image; with `depth`, its first `depth` folders."""

    rule: Literal["folder"]
    depth: int | None = Field(default=None, ge=1)


class ColumnRule(_Rule):
    """A column of the table that lists the images."""

    rule: Literal["column"]
    name: str = Field(min_length=1)


class NoneRule(_Rule):
    """Each image is on its own."""

    rule: Literal["none"]


class PartRule(_Rule):
    """The group is the part."""

    rule: Literal["part"]


KeyRule = Annotated[
    RegexRule | NumericGapRule | BlocksRule | FolderRule | ColumnRule | NoneRule, Field(discriminator="rule")
]
"""A rule that makes parts (or groups)."""

GroupRule = Annotated[
    RegexRule | NumericGapRule | BlocksRule | FolderRule | ColumnRule | NoneRule | PartRule,
    Field(discriminator="rule"),
]
"""A rule that makes groups."""

AnyRule = RegexRule | NumericGapRule | BlocksRule | FolderRule | ColumnRule | NoneRule | PartRule


def keys(
    rule: AnyRule,
    paths: Sequence[str],
    targets: Sequence[str],
    *,
    parts: Sequence[str] = (),
    columns: Mapping[str, Sequence[str]] | None = None,
) -> list[str]:
    """Give each image its key under `rule`.

    `paths` are relative, `targets` the images' first class ids, `parts` what the rule `part`
    copies, `columns` what the rule `column` looks into. Raises DataError listing each path
    that a pattern does not match, and when a column is missing.
    """
    match rule:
        case RegexRule():
            return ["/".join(captured) for captured in _search(rule.pattern, rule.search, paths)]
        case NumericGapRule():
            return numeric_gap(_numbers(rule.pattern, rule.search, paths), rule.gap)
        case BlocksRule():
            numbers = _numbers(rule.pattern, rule.search, paths)
            return [
                f"{target}/{(number - rule.start) // rule.size:04d}"
                for target, number in zip(targets, numbers, strict=True)
            ]
        case FolderRule():
            return ["/".join(PurePosixPath(path).parts[:-1][: rule.depth]) or "." for path in paths]
        case ColumnRule():
            if rule.name not in (columns or {}):
                known = ", ".join(columns or {}) or "no columns"
                raise DataError(f"The grouping rule asks for the column {rule.name!r}", got=known)
            return list((columns or {})[rule.name])
        case PartRule():
            return list(parts)
        case NoneRule():
            return list(paths)


def numeric_gap(numbers: Sequence[int], gap: int) -> list[str]:
    """Cut sorted `numbers` wherever two neighbours are more than `gap` apart.

    Each run is named by its first number, so that a new run renames no other.
    """
    order = sorted(range(len(numbers)), key=lambda at: numbers[at])
    found = [""] * len(numbers)
    first = last = 0
    for place, at in enumerate(order):
        if place == 0 or numbers[at] - last > gap:
            first = numbers[at]
        found[at], last = f"{first:06d}", numbers[at]
    return found


def _numbers(pattern: str, search: Where, paths: Sequence[str]) -> list[int]:
    found = _search(pattern, search, paths)
    wrong = [path for path, captured in zip(paths, found, strict=True) if not captured[0].isdecimal()]
    _complain(wrong, f"a number where the pattern {pattern!r} captures")
    return [int(captured[0]) for captured in found]


def _search(pattern: str, search: Where, paths: Sequence[str]) -> list[list[str]]:
    compiled = re.compile(pattern)
    found: list[list[str]] = []
    for path in paths:
        hit = compiled.search(PurePosixPath(path).name if search == "name" else path)
        captured = (hit.groupdict() and tuple(hit.groupdict().values())) or hit.groups() if hit else ()
        found.append([one for one in captured if one])
    _complain([path for path, captured in zip(paths, found, strict=True) if not captured], f"a match of {pattern!r}")
    return found


def _complain(wrong: Sequence[str], expected: str) -> None:
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise DataError(
            f"The grouping rule fails on {wrong[0]!r}{more}",
            expected=expected,
            remedy="Correct the pattern in the data card, or narrow the card's image glob.",
        )
