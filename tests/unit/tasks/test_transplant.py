"""Defects moved onto good parts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.support.tiny_parts import tiny_part
from vision_ft.tasks.transplant import transplant

_GROWTH = 4


def _good(part: int = 0, size: tuple[int, int] = (48, 56)) -> NDArray[np.uint8]:
    return tiny_part("good", part, 0, size)[0]


def _changed(made: NDArray[np.uint8], before: NDArray[np.uint8]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (np.abs(made.astype(int) - before.astype(int)).max(axis=2)) > 0
    return found


def _box(mask: NDArray[np.bool_]) -> tuple[int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)


@pytest.mark.parametrize("seed", range(12))
def test_only_the_surroundings_of_the_defect_change(seed: int) -> None:
    recipient, (donor, mask) = _good(), tiny_part("scratch", 1, 0, (48, 56))
    made = transplant(recipient, donor, mask, np.random.default_rng(seed))
    assert made is not None
    assert made.shape == recipient.shape
    assert made.dtype == np.uint8
    high, wide = _box(mask > 0)
    rows, columns = _box(_changed(made, recipient))
    assert rows <= high + 2 * _GROWTH
    assert columns <= wide + 2 * _GROWTH
    # Blending adjusts the light a little in the box; what changes clearly has the grown defect's shape.
    clear = np.abs(made.astype(int) - recipient.astype(int)).max(axis=2) > 20
    grown = np.pad(cv2.dilate(mask, np.ones((2 * _GROWTH + 1, 2 * _GROWTH + 1), np.uint8)), 60)
    outside = [
        cv2.matchTemplate((pose == 0).astype(np.float32), clear.astype(np.float32), cv2.TM_CCORR).min()
        for pose in (grown, grown[:, ::-1], grown[::-1], grown[::-1, ::-1])
    ]
    assert clear.sum() > 0.5 * (mask > 0).sum()
    assert min(outside) < 0.5


def test_the_defect_is_seen_where_it_was_moved() -> None:
    recipient, (donor, mask) = _good(), tiny_part("scratch", 1, 0, (48, 56))
    made = transplant(recipient, donor, mask, np.random.default_rng(0))
    assert made is not None
    # The scratch is yellow on a grey ground: nothing else in these pictures has so little blue beside its red.
    yellow = [int(((image[..., 0].astype(int) - image[..., 2]) > 80).sum()) for image in (recipient, donor, made)]
    assert yellow[0] == 0
    assert yellow[2] > 0.5 * yellow[1]


def test_the_generator_decides_everything() -> None:
    recipient, (donor, mask) = _good(), tiny_part("scratch", 1, 0, (48, 56))
    made = [transplant(recipient, donor, mask, np.random.default_rng(seed)) for seed in (5, 5, 6, 7, 8)]
    assert all(one is not None for one in made)
    assert np.array_equal(made[0], made[1])  # type: ignore[arg-type]
    assert len({one.tobytes() for one in made if one is not None}) > 2
    assert np.array_equal(recipient, _good())


@pytest.mark.parametrize("mask", [np.zeros((48, 56), np.uint8), np.full((48, 56), 255, np.uint8)])
def test_an_empty_or_a_large_mask_is_left_where_it_is(mask: NDArray[np.uint8]) -> None:
    assert transplant(_good(0), _good(1), mask, np.random.default_rng(0)) is None


@given(
    top=st.integers(0, 47),
    left=st.integers(0, 55),
    height=st.integers(1, 48),
    width=st.integers(1, 56),
    holes=st.integers(0, 2**16),
    seed=st.integers(0, 2**16),
)
def test_no_mask_breaks_it(top: int, left: int, height: int, width: int, holes: int, seed: int) -> None:
    mask = np.zeros((48, 56), np.uint8)
    block = mask[top : top + height, left : left + width]
    block[:] = 255 * (np.random.default_rng(holes).random(block.shape) < 0.5)
    recipient = _good(0)
    made = transplant(recipient, _good(1), mask, np.random.default_rng(seed))
    if made is None:
        rows, columns = (np.flatnonzero(mask.any(axis=a)) for a in (1, 0))
        # Nothing to move, or too much of it, or no rim left around it.
        assert not len(rows) or (np.ptp(rows) + 1) * (np.ptp(columns) + 1) > 0.6 * mask.size
        return
    assert made.shape == recipient.shape
    assert made.dtype == np.uint8
    changed = _changed(made, recipient)
    if changed.any():
        high, wide = _box(mask > 0)
        assert _box(changed)[0] <= high + 2 * _GROWTH
        assert _box(changed)[1] <= wide + 2 * _GROWTH


@pytest.mark.parametrize(("rows", "columns"), [(slice(0, 8), slice(20, 30)), (slice(20, 30), slice(50, 56))])
def test_a_defect_at_the_border_stays_at_the_border(rows: slice, columns: slice) -> None:
    mask = np.zeros((48, 56), np.uint8)
    mask[rows, columns] = 255
    at_top_or_bottom, at_a_side = rows.start == 0, columns.stop == 56
    for seed in range(8):
        made = transplant(_good(0), _good(1), mask, np.random.default_rng(seed))
        assert made is not None
        changed = _changed(made, _good(0))
        if at_top_or_bottom:
            assert changed[:2].any() or changed[-2:].any()
        if at_a_side:
            assert changed[:, :2].any() or changed[:, -2:].any()
