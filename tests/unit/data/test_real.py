"""The cards on the real sets, where these are at hand."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from vision_ft.data.index import Index
from vision_ft.data.load import load_index
from vision_ft.data.object_masks import boxes_of
from vision_ft.data.split import assign

pytestmark = pytest.mark.real


@cache
def _load(root: Path, card: str) -> Index:
    return load_index(root=root, card=card)


@pytest.mark.parametrize(
    ("card", "folder", "images", "parts", "classes"),
    [
        ("magnetic_tile", "magnetic_tile", 989, 150, 6),
        ("magnetic_tile_masks", "magnetic_tile", 989, 150, 6),
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


def test_neu_has_boxes_of_the_same_parts_and_some_images_of_several_classes(real_data: Path) -> None:
    index = _load(real_data / "neu_det", "neu_det")
    assert (len(index), index.rejected) == (1418, ())
    assert index.class_ids[-1] == "background"
    whole = _load(real_data / "neu_det", "neu_cls")
    assert index.column("part") == whole.column("part")
    assert index.class_ids[:-1] == whole.class_ids
    named = [one[0] for one in whole.column("targets")]
    # Of what an image is called there is an object in it, unless all its objects are doubtful.
    assert sum(one not in targets for one, targets in zip(named, index.column("targets"), strict=True)) == 4
    assert sum(len(targets) > 1 for targets in index.column("targets")) == 98
    assert index.column("targets").count(["background"]) == 4
    samples = list(index.samples())
    found = [boxes_of(one, index.classes) for one in samples]
    assert sum(len(boxes) for boxes, _, _ in found) == 3308
    assert sum(int(ignore.sum()) for _, _, ignore in found) == 72
    for boxes, _, _ in found:
        assert (boxes >= 0).all()
        assert (boxes <= 200).all()
    split = assign(index, test=0.2, val=0.15, seed=0)
    assert Counter(split.column("split")).keys() == {"train", "val", "test"}


def test_masks_of_magnetic_tiles_are_objects(real_data: Path) -> None:
    index = _load(real_data / "magnetic_tile", "magnetic_tile_masks")
    objects: Counter[str] = Counter()
    bare, unknown = [], []
    for sample in index.samples():
        _, labels, ignored = boxes_of(sample, index.classes)
        objects.update(index.class_ids[label + 1] for label in labels[~ignored])
        if ignored.all() and sample.targets != ("MT_Free",):
            bare.append(sample.path.name)
            unknown += [sample.path.name] * bool(len(labels))
    assert objects == {"MT_Blowhole": 93, "MT_Break": 88, "MT_Crack": 55, "MT_Fray": 32, "MT_Uneven": 72}
    # The masks of three are black: nobody knows where the defect is, and they are ignored whole. Two show a speck.
    assert (len(bare), len(unknown)) == (5, 3)


def test_magnetic_tiles_are_trained_on_good_ones_alone(real_data: Path) -> None:
    split = assign(_load(real_data / "magnetic_tile", "magnetic_tile_good"), test=0.2, val=0.15, seed=0)
    trained = split.in_split("train", "val")
    assert {one for targets in trained.column("targets") for one in targets} == {"MT_Free"}
    tested = {one for targets in split.in_split("test").column("targets") for one in targets}
    assert tested == set(split.class_ids)
    assert not set(trained.column("group")) & set(split.in_split("test").column("group"))


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
