"""Streams depend on their names alone."""

from __future__ import annotations

import numpy as np

from vision_ft.data.synthetic.seeds import stream


def test_a_name_gives_the_same_numbers_on_every_machine() -> None:
    assert stream(0, "good_000", "shot", 1).integers(0, 1000, 5).tolist() == [966, 629, 231, 126, 47]


def test_names_and_seeds_part_the_streams() -> None:
    draws = {
        tuple(stream(seed, *names).integers(0, 2**32, 4))
        for seed in (0, 1)
        for names in (("a",), ("b",), ("a", 0), ("a", 1), ("a", "b"), ("ab",))
    }
    assert len(draws) == 12


def test_drawing_from_one_stream_moves_no_other() -> None:
    expected = stream(3, "b").standard_normal(4)
    stream(3, "a").standard_normal(100)
    assert np.array_equal(stream(3, "b").standard_normal(4), expected)
