"""Escapes and overkill, counted by part: what quality people ask for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision_ft.evaluation.figures import Figure, missing
from vision_ft.evaluation.parts import Parts, parts_of
from vision_ft.evaluation.proportions import share
from vision_ft.evaluation.table import PredictionTable

_PASS, _REVIEW, _REJECT = 0, 1, 2
NO_GOOD_CLASS = "no class is declared good"


@dataclass(frozen=True, slots=True)
class Escapes:
    """Rates by part, each with numerator, denominator and interval."""

    escape_rate: Figure
    """Defective parts that pass, among all defective parts."""
    overkill_rate: Figure
    """Good parts that are rejected, among all good parts."""
    review_share: Figure
    """Parts that a person is asked to look at, among all parts."""

    def named(self) -> dict[str, Figure]:
        """The three figures by name."""
        return {
            "escape_rate": self.escape_rate,
            "overkill_rate": self.overkill_rate,
            "review_share": self.review_share,
        }


def escapes(table: PredictionTable) -> Escapes:
    """Count escapes, overkill and reviews of a table by part.

    A part is defective when any of its images is labelled with a class that is not good; its
    decision is the worst of its images' decisions. Intervals: see `proportions`.
    """
    parts = parts_of(table)
    found = rates(parts, parts.severity)
    if table.is_bad is None:
        return Escapes(
            missing(NO_GOOD_CLASS, "defective parts"), missing(NO_GOOD_CLASS, "good parts"), found.review_share
        )
    return found


def rates(parts: Parts, severity: NDArray[np.int64]) -> Escapes:
    """The rates where each part [P] is decided as `severity` says: 0 pass, 1 review, 2 reject [P]."""
    bad, good = parts.is_bad, ~parts.is_bad
    return Escapes(
        share(
            np.asarray(severity[bad] == _PASS),
            parts.groups[bad],
            unit="defective parts",
            none="there is no defective part",
        ),
        share(
            np.asarray(severity[good] == _REJECT),
            parts.groups[good],
            unit="good parts",
            none="there is no good part",
        ),
        share(severity == _REVIEW, parts.groups, unit="parts", none="there is no part"),
    )
