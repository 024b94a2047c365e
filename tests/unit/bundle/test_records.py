"""Records survive being written, and nothing else is taken for one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vision_ft.bundle.decision import Decision
from vision_ft.bundle.records import PredictionRecord, ReviewRecord, now
from vision_ft.errors import DataError

words = st.text(min_size=1, max_size=12)
probability = st.floats(0, 1)
finite = st.floats(allow_nan=False, allow_infinity=False)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=offsets)


@st.composite
def predictions(draw: st.DrawFn) -> PredictionRecord:
    probabilities = draw(st.dictionaries(words, probability, min_size=1, max_size=4))
    label = draw(st.sampled_from(sorted(probabilities)))
    return PredictionRecord(
        request_id=draw(words),
        time=draw(moments),
        image=draw(st.text("0123456789abcdef", min_size=64, max_size=64)),
        part=draw(st.none() | words),
        slices=draw(st.dictionaries(words, words, max_size=3)),
        label=label,
        probability=probabilities[label],
        probabilities=probabilities,
        decision=draw(st.sampled_from(Decision)),
        reasons=tuple(draw(st.lists(words, max_size=2))),
        model_version=draw(words),
        width=draw(st.integers(1, 10**6)),
        height=draw(st.integers(1, 10**6)),
        quality=draw(st.none() | st.tuples(finite, finite, finite)),
        distance=draw(st.none() | finite),
        latency_ms=draw(st.floats(0, 1e6)),
        source=draw(st.text(max_size=12)),
    )


reviews = st.builds(
    ReviewRecord,
    request_id=words,
    time=moments,
    reviewer=words,
    targets=st.lists(words, max_size=3, unique=True).map(tuple),
    decision=st.sampled_from(Decision),
    comment=st.text(max_size=40),
)


@given(predictions())
def test_a_prediction_survives_its_line(record: PredictionRecord) -> None:
    line = record.to_line()
    assert len(line.splitlines()) == 1 or "\n" not in line
    assert PredictionRecord.from_line(line) == record
    assert PredictionRecord.from_line(line.encode()) == record
    assert record.time.utcoffset() == timedelta(0)


@given(reviews)
def test_a_review_survives_its_line(record: ReviewRecord) -> None:
    line = record.to_line()
    assert "\n" not in line
    assert ReviewRecord.from_line(line) == record


@given(st.binary(max_size=80) | st.text(max_size=80))
def test_other_lines_are_one_sentence(line: bytes | str) -> None:
    for kind in (PredictionRecord, ReviewRecord):
        with pytest.raises(DataError) as caught:
            kind.from_line(line)
        assert "\n" not in str(caught.value)


@given(
    st.recursive(
        st.none() | st.booleans() | finite | words,
        lambda inner: st.lists(inner) | st.dictionaries(words, inner),
        max_leaves=8,
    )
)
def test_other_json_is_refused(content: Any) -> None:
    for kind in (PredictionRecord, ReviewRecord):
        with pytest.raises(DataError):
            kind.from_line(json.dumps(content))


def review(**changes: Any) -> dict[str, Any]:
    plain = {
        "request_id": "r1",
        "time": "2026-01-02T03:04:05Z",
        "reviewer": "ann",
        "targets": ["dent"],
        "decision": "reject",
    }
    return plain | changes


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"coment": "typo"}, "coment"),
        ({"request_id": ""}, "request_id"),
        ({"time": "2026-01-02T03:04:05"}, "time"),
        ({"time": "yesterday"}, "time"),
        ({"decision": "maybe"}, "decision"),
        ({"targets": "dent"}, "targets"),
        ({"targets": ["dent", "dent"]}, "repeated"),
        ({"targets": [""]}, "empty"),
        ({"schema_version": 2}, "version 1 or older, got 2"),
        ({"schema_version": "1"}, "schema_version"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(DataError, match=named):
        ReviewRecord.from_line(json.dumps(review(**changes)))


def prediction(**changes: Any) -> dict[str, Any]:
    plain = {
        "request_id": "r1",
        "time": "2026-01-02T04:04:05+01:00",
        "image": "0" * 64,
        "label": "dent",
        "probability": 0.75,
        "probabilities": {"dent": 0.75, "good": 0.25},
        "decision": "reject",
        "model_version": "3",
        "width": 640,
        "height": 480,
        "latency_ms": 12.5,
    }
    return plain | changes


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"image": "abc"}, "image"),
        ({"probability": 1.5}, "probability"),
        ({"probability": float("nan")}, "probability"),
        ({"label": "scratch"}, "scratch"),
        ({"width": 0}, "width"),
        ({"latency_ms": -1}, "latency_ms"),
        ({"quality": [1, 2]}, "quality"),
        ({"distance": float("inf")}, "distance"),
    ],
)
def test_predictions_are_checked(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(DataError, match=named):
        PredictionRecord.from_line(json.dumps(prediction(**changes)))


def test_times_become_utc() -> None:
    record = PredictionRecord.from_line(json.dumps(prediction()))
    assert record.time == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert '"2026-01-02T03:04:05Z"' in record.to_line()
    assert now().tzinfo == UTC


def test_records_do_not_change() -> None:
    record = ReviewRecord.from_line(json.dumps(review()))
    with pytest.raises(ValidationError):
        record.comment = "no"  # type: ignore[misc]
