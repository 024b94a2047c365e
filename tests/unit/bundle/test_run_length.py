"""COCO's run lengths: what goes in comes out, as other tools write and read it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from vision_ft.bundle.run_length import decode, encode

MASKS = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40), elements=st.integers(0, 1))


def _reference(mask: NDArray[np.uint8]) -> str:
    other = pytest.importorskip("faster_coco_eval", reason="compared with where training is installed").mask

    counts = other.encode(np.asfortranarray(mask))["counts"]
    return counts.decode() if isinstance(counts, bytes) else str(counts)


@given(MASKS)
def test_a_mask_comes_back(mask: NDArray[np.uint8]) -> None:
    again = decode(encode(mask), *mask.shape)
    assert again.dtype == np.uint8
    assert again.flags.c_contiguous
    np.testing.assert_array_equal(again, mask)


@given(MASKS)
def test_other_tools_write_the_same(mask: NDArray[np.uint8]) -> None:
    assert encode(mask) == _reference(mask)


def test_long_runs_and_bare_masks() -> None:
    for shape in ((3, 4), (1500, 1400)):
        for mask in (np.zeros(shape, np.uint8), np.ones(shape, np.uint8), np.eye(*shape, dtype=np.uint8)):
            assert encode(mask) == _reference(mask)
            np.testing.assert_array_equal(decode(encode(mask), *shape), mask)
    assert decode(encode(np.zeros((0, 5), np.uint8)), 0, 5).shape == (0, 5)
    assert encode(np.array([[True, False]])) == encode(np.array([[200, 0]], np.uint8))


@given(MASKS, st.tuples(*[st.integers(0, 3)] * 4))
def test_a_part_of_a_mask_is_written_as_the_whole(mask: NDArray[np.uint8], around: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = around
    whole = np.pad(mask, ((top, bottom), (left, right)))
    assert encode(mask, left=left, top=top, size=(whole.shape[0], whole.shape[1])) == encode(whole)


def test_a_part_lies_within_the_whole() -> None:
    for left, top in ((-1, 0), (0, 3), (3, 0)):
        with pytest.raises(ValueError, match="does not lie in 4 x 4"):
            encode(np.ones((2, 2), np.uint8), left=left, top=top, size=(4, 4))


def test_plain_lengths_run_down_the_columns() -> None:
    np.testing.assert_array_equal(decode([1, 2, 3], 2, 3), [[0, 1, 0], [1, 0, 0]])
    np.testing.assert_array_equal(decode([0, 4], 2, 2), np.ones((2, 2)))


@pytest.mark.parametrize(
    ("counts", "complaint"),
    [
        ([1, 2], "the runs are of 3 pixels, and 3 x 2 has 6"),
        ([-1, 7], "shorter than 0"),
        ([10**9], "longer than the mask"),
        ([2.0, 4.0], "no whole number"),
        ([True, 5], "no whole number"),
        ([2**70], "no whole number"),
        ("\x7f", "no compressed run lengths"),
        ("é", "no compressed run lengths"),
        ("o", "end early"),
        ("o" * 30, "no compressed run lengths"),
        ("", "the runs are of 0 pixels"),
    ],
)
def test_what_is_no_mask_is_refused(counts: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        decode(counts, 2, 3)


def test_a_mask_has_two_dimensions() -> None:
    with pytest.raises(ValueError, match="two dimensions"):
        encode(np.zeros((2, 2, 1), np.uint8))


@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=40))
def test_any_text_is_a_mask_or_a_value_error(text: str) -> None:
    try:
        mask = decode(text, 5, 6)
    except ValueError:
        return
    assert mask.shape == (5, 6)
    np.testing.assert_array_equal(decode(encode(mask), 5, 6), mask)
