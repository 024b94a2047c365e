"""Where only some classes may be trained on, images of all others are tested, with their groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from vision_ft.data.index import Index
from vision_ft.data.split import SavedSplit, assign, check
from vision_ft.errors import SplitError

MakeIndex = Callable[..., Index]


def _splits(index: Index) -> dict[str, set[str | None]]:
    found: dict[str, set[str | None]] = {}
    for group, split in zip(index.column("group"), index.column("split"), strict=True):
        found.setdefault(group, set()).add(split)
    return found


def test_a_group_with_a_defect_is_tested_as_a_whole(make_index: MakeIndex) -> None:
    images = [(f"g{n}", "good") for n in range(40)] + [(f"d{n}", "dent") for n in range(5)] + [("g7", "dent")]
    index = replace(make_index(images), train_on=("good",))
    split = assign(index, test=0.2, val=0.2, seed=0)
    assert set(split.column("split")) == {"train", "val", "test"}
    for target, of in zip(split.column("targets"), split.column("split"), strict=True):
        assert target == ["good"] or of == "test"
    assert _splits(split)["g7"] == {"test"}
    assert split.train_on == ("good",)
    # Good groups are still placed by their hash, whatever else there is.
    alone = assign(replace(make_index(images[:40]), train_on=("good",)), test=0.2, val=0.2, seed=0)
    same = [_splits(alone)[f"g{n}"] == _splits(split)[f"g{n}"] for n in range(40) if n != 7]
    assert sum(same) >= 37


@pytest.mark.parametrize("given", ["keep", "ignore"])
def test_a_split_of_the_data_gives_way(make_index: MakeIndex, given: str) -> None:
    images = [("a", "good"), ("b", "dent"), ("c", "good"), ("c", "dent")]
    index = replace(make_index(images, splits=["train", "train", "train", "val"]), train_on=("good",))
    split = assign(index, test=0.0, val=0.0, seed=0, given="keep" if given == "keep" else "ignore")
    assert split.column("split") == ["train", "test", "test", "test"]
    assert split.rejected == ()


def test_a_saved_group_keeps_its_split_and_loses_the_new_defect(make_index: MakeIndex) -> None:
    images = [(f"g{n}", "good") for n in range(20)]
    before = assign(make_index(images), test=0.2, val=0.2, seed=0)
    saved = SavedSplit.of(before, test=0.2, val=0.2, seed=0)
    trained = next(group for group, split in _splits(before).items() if split == {"train"})
    tested = next(group for group, split in _splits(before).items() if split == {"test"})
    index = replace(make_index([*images, (trained, "dent"), (tested, "dent")]), train_on=("good",))
    split = assign(index, test=0.2, val=0.2, seed=0, saved=saved)
    assert _splits(split)[trained] == {"train", "quarantine"}
    assert _splits(split)[tested] == {"test"}
    assert "its class is only tested" in split.rejected[0].reason
    assert split.column("split")[:20] == before.column("split")


def test_what_was_split_by_other_rules_is_refused(make_index: MakeIndex) -> None:
    index = make_index([("a", "good"), ("b", "dent")], splits=["train", "val"])
    check(index)
    with pytest.raises(SplitError, match=r"dent/b_1.png is in val: expected only images of good in train and val"):
        check(replace(index, train_on=("good",)))
