"""Figures in words."""

from __future__ import annotations

import numpy as np
import pytest

from vision_ft.evaluation.proportions import share
from vision_ft.evaluation.sentences import at_least, at_most, counted, percent


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.1222, "12 %"),
        (0.05, "5 %"),
        (0.0123, "1.2 %"),
        (0.0996, "10 %"),
        (0.0035, "0.35 %"),
        (0.00004, "0.004 %"),
        (0.996, "99.6 %"),
        (0.99999, "99.99 %"),
    ],
)
def test_two_significant_digits_and_never_a_false_hundred(rate: float, text: str) -> None:
    assert percent(rate) == text


def figure(events: int, units: int, groups: int | None = None) -> object:
    names = np.array([f"g{i % groups if groups else i}" for i in range(units)])
    return share(np.arange(units) < events, names, unit="defective parts", none="")


def test_the_sentence_of_the_house() -> None:
    assert at_most(figure(0, 23), 0.05, "escape", "escapes") == (  # type: ignore[arg-type]
        "0 escapes in 23 defective parts: at most 12 % (one-sided 95 %); 59 would be needed to show 5 %"
    )


def test_what_is_shown_needs_no_more_parts() -> None:
    text = at_most(figure(0, 100), 0.05, "escape", "escapes")  # type: ignore[arg-type]
    assert text == "0 escapes in 100 defective parts: at most 3 % (one-sided 95 %)"


def test_more_parts_alone_do_not_help_a_rate_above_the_limit() -> None:
    text = at_most(figure(2, 20), 0.05, "escape", "escapes")  # type: ignore[arg-type]
    assert text.endswith("at 10 % observed, more parts alone would not show 5 %")
    assert "about" in at_most(figure(1, 40), 0.05, "escape", "escapes")  # type: ignore[arg-type]


def test_singular_plural_and_groups() -> None:
    assert counted(figure(1, 1), "escape", "escapes") == "1 escape in 1 defective part"  # type: ignore[arg-type]
    text = counted(figure(0, 40, 4), "escape", "escapes")  # type: ignore[arg-type]
    assert text == "0 escapes in 40 defective parts (alike within their groups: worth 4 independent ones)"
    assert "at least" in at_least(figure(9, 23), "escape", "escapes")  # type: ignore[arg-type]
