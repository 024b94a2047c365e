"""Near-duplicates: what is grouped, what is not, and what the user is told."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vision_ft.data import duplicates, formats
from vision_ft.data.duplicates import alike, neighbours, phash
from vision_ft.data.union import Union

Draw = Callable[..., Path]


def _thumbs(count: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32), dtype=np.uint8)


def test_shots_of_one_part_are_one_group_and_parts_are_apart(draw: Draw, tmp_path: Path) -> None:
    for part in range(6):
        for shot in range(3):
            draw(f"{'dent' if part % 2 else 'good'}/p{part}_{shot}.png", part, nudge=shot, light=110 + 15 * shot)
    index = formats.read(tmp_path)
    found = duplicates.find(index)
    of = dict(zip(index.column("path"), found.groups, strict=True))
    assert len(set(of.values())) == 6
    assert all(group.split("_")[0] == path.split("_")[0] for path, group in of.items())
    assert (found.merged_groups, found.merged_images, found.largest) == (6, 18, 3)
    assert "18 images look alike in 6 groups (the largest has 3)" in found.sentences()[0]


def test_copies_and_their_contradicting_labels_are_told(draw: Draw, tmp_path: Path) -> None:
    source = draw("dent/a.png", 1)
    draw("good/z.png", 2)
    for name in ("dent/b.png", "good/a.png"):
        (tmp_path / name).write_bytes(source.read_bytes())
    found = duplicates.find(formats.read(tmp_path))
    assert found.exact == (("dent/a.png", "dent/b.png", "good/a.png"),)
    assert found.conflicts == (("dent/a.png", "good/a.png"),)
    assert any("2 files are exact copies" in one for one in found.sentences())
    assert any("dent/a.png and good/a.png" in one for one in found.sentences())


def test_groups_that_are_known_only_grow(draw: Draw, tmp_path: Path) -> None:
    for n in range(4):
        draw(f"dent/{n}.png", n)
    index = formats.read(tmp_path).with_groups(["a", "a", "b", "c"])
    found = duplicates.find(index)
    assert found.groups == ("a", "a", "b", "c")
    assert found.merged_groups == 0
    assert found.sentences() == ()


def test_an_embedder_that_is_handed_in_links_what_it_finds_close(draw: Draw, tmp_path: Path) -> None:
    for n in range(4):
        draw(f"dent/{n}.png", n)

    def embed(paths: Sequence[Path]) -> NDArray[np.float32]:
        rows = {"0.png": [1, 0], "1.png": [1, 0.1], "2.png": [0, 1], "3.png": [-1, 0]}
        return np.array([rows[path.name] for path in paths], dtype=np.float32)

    assert duplicates.find(formats.read(tmp_path), embed=embed).groups == (
        "dent/0.png",
        "dent/0.png",
        "dent/2.png",
        "dent/3.png",
    )


def test_one_fixture_under_one_camera_is_not_one_group() -> None:
    # Every picture shows the same strong pattern; only a little of it is the part's own.
    rng = np.random.default_rng(0)
    fixture = rng.normal(0, 60, (32, 32))
    own = rng.normal(0, 8, (60, 32, 32)).repeat(2, axis=0)
    noise = rng.normal(0, 1, own.shape)
    thumbs = np.clip(fixture + own + noise + 128, 0, 255).astype(np.uint8)
    assert {tuple(pair) for pair in alike(thumbs, max_bits=64).tolist()} == {(2 * n, 2 * n + 1) for n in range(60)}


def _one_fixture(own: NDArray[np.float64], noise: float = 2.0) -> NDArray[np.uint8]:
    """Pictures of one strong pattern, on which `own` [N, 32, 32] and noise are laid."""
    rng = np.random.default_rng(1)
    thumbs = rng.normal(0, 60, (32, 32)) + own + rng.normal(0, noise, own.shape)
    return np.clip(thumbs + 128, 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("count", [3, 4, 12, 40, 49, 50])
def test_a_few_images_of_one_fixture_are_not_one_group(count: int) -> None:
    assert alike(_one_fixture(np.zeros((count, 32, 32)), 8.0), max_bits=64).tolist() == []


@pytest.mark.parametrize("pairs", [2, 4, 6, 20, 24])
def test_near_copies_are_found_among_a_few_images_of_one_fixture(pairs: int) -> None:
    own = np.random.default_rng(0).normal(0, 8, (pairs, 32, 32)).repeat(2, axis=0)
    assert alike(_one_fixture(own), max_bits=64).tolist() == [[2 * n, 2 * n + 1] for n in range(pairs)]


def test_two_near_copies_are_found_beside_one_other_image() -> None:
    own = np.random.default_rng(0).normal(0, 8, (2, 32, 32))[[0, 0, 1]]
    assert alike(_one_fixture(own), max_bits=64).tolist() == [[0, 1]]


def test_of_two_images_alone_what_they_share_counts() -> None:
    assert alike(_one_fixture(np.zeros((2, 32, 32)))).tolist() == [[0, 1]]
    assert alike(_thumbs(2)).tolist() == []


def test_copies_of_one_thumbnail_are_alike_also_where_there_is_no_other() -> None:
    pairs = alike(_thumbs(1).repeat(5, axis=0))
    assert len(pairs) == 10


def test_a_group_that_swallows_most_of_a_small_set_is_told(draw: Draw, tmp_path: Path) -> None:
    for n in range(5):
        draw(f"dent/{n}.png", n // 4, nudge=n)
    found = duplicates.find(formats.read(tmp_path))
    assert found.largest == 4
    assert any(one.startswith("One group holds 4 of all 5 images.") for one in found.sentences())
    for n in range(5, 8):
        draw(f"dent/{n}.png", n)
    fair = duplicates.find(formats.read(tmp_path))
    assert (fair.largest, len(fair.groups)) == (4, 8)
    assert not any("One group holds" in one for one in fair.sentences())


def test_memory_does_not_grow_with_the_pairs_that_might_be_alike() -> None:
    # All hashes are close, and nothing agrees: a gather of each pair would take 32 GB.
    thumbs = _one_fixture(np.zeros((3000, 32, 32)), 8.0)
    tracemalloc.start()
    try:
        assert alike(thumbs, max_bits=64).tolist() == []
        assert tracemalloc.get_traced_memory()[1] < 200 * 2**20
    finally:
        tracemalloc.stop()


def test_a_million_linked_pairs_are_joined_at_once() -> None:
    left, right = np.triu_indices(1500, 1)
    joined = Union(1501)
    joined.join_pairs(np.stack([left, right], axis=1))
    assert joined.labels().tolist() == [0] * 1500 + [1500]


def test_the_hash_does_not_mind_light() -> None:
    thumbs = (_thumbs(20) // 2).astype(np.uint8)
    assert (phash(thumbs) == phash((thumbs + 60).astype(np.uint8))).all()
    assert len(np.unique(phash(thumbs))) == 20


@pytest.mark.parametrize("count", [0, 1, 1030, 2100])
def test_pairs_are_found_across_blocks(count: int) -> None:
    thumbs = _thumbs(count)
    if count > 1:
        thumbs[-1] = thumbs[0]
    pairs = alike(thumbs)
    assert pairs.tolist() == ([[0, count - 1]] if count > 1 else [])
    assert neighbours(np.eye(5, dtype=np.float32)).shape == (0, 2)


@given(st.integers(2, 30).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_union_joins_exactly_what_is_linked(case: tuple[int, list[tuple[int, int]]]) -> None:
    size, pairs = case
    joined = Union(size)
    joined.join_pairs(np.array(pairs, dtype=np.int64).reshape(-1, 2))
    reached = {at: {at} for at in range(size)}
    for left, right in pairs:
        both = reached[left] | reached[right]
        for at in both:
            reached[at] = both
    assert joined.labels().tolist() == [min(reached[at]) for at in range(size)]
