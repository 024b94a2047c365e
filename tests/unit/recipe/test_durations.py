"""`trainer.max_time` in every way in which people write a duration."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision_ft.errors import RecipeError
from vision_ft.recipe import load_recipe


def _seconds(written: object) -> float | None:
    return load_recipe(None, {"trainer.max_time": written}).trainer.max_time


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (90, 90.0),
        (0.5, 0.5),
        ("90", 90.0),
        ("90s", 90.0),
        ("15m", 900.0),
        ("1.5h", 5400.0),
        ("1h30m", 5400.0),
        (" 1H30M ", 5400.0),
        ("2d1h", 176400.0),
        ("00:00:15:00", 900.0),
        ("01:02:03:04", 93784.0),
        ("0:0:0:7", 7.0),
        (None, None),
    ],
)
def test_what_people_write(written: object, seconds: float | None) -> None:
    assert _seconds(written) == seconds


@pytest.mark.parametrize(
    "written",
    [
        "soon",
        "",
        "15 minutes",
        "15min",
        "h",
        "1:30",
        "00:15:00",
        "1h30",
        "-5",
        "0",
        "0s",
        "-1h",
        "1e999",
        "nan",
        True,
        [],
    ],
)
def test_what_is_no_duration(written: object) -> None:
    with pytest.raises(RecipeError, match=r"^the recipe: trainer\.max_time: "):
        _seconds(written)


def test_the_sentence_shows_the_ways() -> None:
    with pytest.raises(RecipeError, match=r"like 90s, 15m, 1h30m or 00:01:30:00: got \"soon\""):
        _seconds("soon")


@pytest.mark.parametrize(
    ("written", "seconds"),
    # YAML 1.1 takes the second for a number to the base of 60.
    [("00:00:15:00", 900.0), ("1:00:15:00", 87300.0), ("90", 90.0), ("15m", 900.0)],
)
def test_no_quotes_are_needed_in_yaml(tmp_path: Path, written: str, seconds: float) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(f"trainer: {{max_time: {written}}}\n", encoding="utf-8")
    assert load_recipe(path).trainer.max_time == seconds


@given(st.integers(0, 30), st.integers(0, 23), st.integers(0, 59), st.integers(1, 59))
def test_both_notations_mean_the_same(days: int, hours: int, minutes: int, seconds: int) -> None:
    expected = float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
    assert _seconds(f"{days}d{hours}h{minutes}m{seconds}s") == expected
    assert _seconds(f"{days:02d}:{hours:02d}:{minutes:02d}:{seconds:02d}") == expected
    assert _seconds(expected) == expected


@given(st.text(st.sampled_from("0123456789smhd:.-e ٣²"), max_size=12) | st.text(max_size=12))
def test_any_text_is_positive_seconds_or_refused_by_name(written: str) -> None:
    try:
        found = _seconds(written)
    except RecipeError as error:
        assert "trainer.max_time" in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert found is not None
        assert 0 < found < float("inf")
