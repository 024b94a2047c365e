"""The cards on the real sets, where these are at hand."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from vision_ft.data.index import Index
from vision_ft.data.load import load_index
from vision_ft.data.split import assign

pytestmark = pytest.mark.real


@cache
def _load(root: Path, card: str) -> Index:
    return load_index(root=root, card=card)


@pytest.mark.parametrize(
    ("card", "folder", "images", "parts", "classes"),
    [
        ("magnetic_tile", "magnetic_tile", 989, 150, 6),
        ("neu_cls", "neu_det", 1418, 48, 6),
        ("gtsrb", "gtsrb", 2808, 702, 43),
    ],
)
def test_counts(real_data: Path, card: str, folder: str, images: int, parts: int, classes: int) -> None:
    index = _load(real_data / folder, card)
    assert (len(index), len(set(index.column("part"))), len(index.classes)) == (images, parts, classes)
    assert index.rejected == ()
    split = assign(index, test=0.2, val=0.15, seed=0)
    assert Counter(split.column("split")).keys() == {"train", "val", "test"}
    for target in index.class_ids:
        groups = [one.groups for one in split.counts() if one.target == target]
        assert len(groups) == min(3, sum(groups)), target


def test_magnetic_tiles_have_masks_exposures_and_few_parts_a_defect(real_data: Path) -> None:
    index = _load(real_data / "magnetic_tile", "magnetic_tile")
    assert all(index.column("mask"))
    assert set(index.column("slice.exposure")) == set("123456")
    parts = {one.target: one.parts for one in index.counts()}
    assert parts["MT_Free"] > 100
    assert all(5 <= count <= 14 for target, count in parts.items() if target != "MT_Free")


def test_without_the_card_most_exposures_find_their_tile(real_data: Path) -> None:
    root = real_data / "magnetic_tile"
    carded = _load(root, "magnetic_tile")
    truth = dict(zip(carded.column("path"), carded.column("part"), strict=True))
    index = load_index(root=root)
    groups: dict[str, list[str]] = {}
    for path, group in zip(index.column("path"), index.column("group"), strict=True):
        groups.setdefault(group, []).append(truth[path])
    linked = [parts for parts in groups.values() if len(parts) > 1]
    assert sum(map(len, linked)) > 0.8 * len(index)
    assert sum(Counter(parts).most_common(1)[0][1] for parts in linked) > 0.9 * sum(map(len, linked))
