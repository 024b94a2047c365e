"""What clients write is parsed without surprises, whatever they write."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from serving.errors import ParameterError, RequestError
from serving.media import is_form, wants_png
from serving.options import read_options
from tests.serving.conftest import Running


@given(st.text())
@example("image/png;q=nan")
@example("image/png;q=,,;;")
def test_any_accept_header_has_an_answer(header: str) -> None:
    assert wants_png(header) in (True, False)


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("image/png", True),
        ("IMAGE/PNG, application/json;q=0.9", True),
        ("image/png, application/json;q=0.9", True),
        ("image/png;q=0.2, application/json;q=0.9", False),
        ("image/png, */*", False),
        ("image/png, */*;q=0", True),
        ("image/png, application/*;q=0.5", False),
        ("image/png, */*, application/json;q=0.5", True),
        ("text/html,application/xml;q=0.9,image/avif,image/webp,image/png,image/svg+xml,*/*;q=0.8", False),
        ("", False),
    ],
)
def test_the_preferred_type_wins(header: str, wanted: bool) -> None:
    assert wants_png(header) is wanted


@given(st.lists(st.tuples(st.sampled_from(["heatmap", "part", "slice", "x"]) | st.text(), st.text()), max_size=20))
def test_options_are_valid_or_refused(pairs: list[tuple[str, str]]) -> None:
    with contextlib.suppress(ParameterError):
        options = read_options(pairs)
        assert options.heatmap in ("none", "png", "overlay", "mask")
        assert options.part is None or 0 < len(options.part) <= 200
        assert len(options.slices) <= 16
        assert all(name and value for name, value in options.slices.items())


@given(st.text())
def test_any_content_type_is_sorted_or_refused(header: str) -> None:
    with contextlib.suppress(RequestError):
        assert is_form(header) in (True, False)


FORM = "multipart/form-data; boundary=b"


@settings(max_examples=60)
@given(st.binary(max_size=300), st.sampled_from(["image/png", FORM, "multipart/form-data"]))
@example(b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n\r\n--b--\r\n', FORM)
@example(b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", FORM)
def test_no_body_makes_the_service_fail(shared: Running, body: bytes, content_type: str) -> None:
    answer = shared.client.post("/v1/predict", content=body, headers={"Content-Type": content_type})
    assert 400 <= answer.status_code < 500
    assert answer.json()["detail"]
