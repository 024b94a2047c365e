"""The laws of the split: no group straddles, the saved split rules, bridges are quarantined."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vision_ft.data.index import Index, Rejected
from vision_ft.data.split import SavedSplit, assign, check
from vision_ft.errors import SplitError

MakeIndex = Callable[..., Index]
within_fixture = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

# Groups as (number, class); some groups carry two classes.
IMAGES = st.lists(st.tuples(st.integers(0, 30).map("g{}".format), st.sampled_from("abc")), min_size=1, max_size=60)


def _splits(index: Index) -> dict[str, str]:
    return dict(zip(index.column("path"), index.column("split"), strict=True))


def _save(index: Index, *, seed: int = 0, before: SavedSplit | None = None) -> SavedSplit:
    return SavedSplit.of(index, test=0.2, val=0.2, seed=seed, before=before)


@within_fixture
@given(images=IMAGES, seed=st.integers(0, 3), test=st.floats(0, 0.5), val=st.floats(0, 0.45))
def test_no_group_straddles_a_split(
    make_index: MakeIndex, images: list[tuple[str, str]], seed: int, test: float, val: float
) -> None:
    index = assign(make_index(images), test=test, val=val, seed=seed)
    of: dict[str, set[str]] = {}
    for group, split in zip(index.column("group"), index.column("split"), strict=True):
        of.setdefault(group, set()).add(split)
    assert all(len(splits) == 1 for splits in of.values())
    assert set().union(*of.values()) <= {"train", "val", "test"}
    assert "train" in set().union(*of.values())
    assert index.rejected == ()


@within_fixture
@given(images=IMAGES, more=IMAGES, seed=st.integers(0, 3))
def test_new_images_and_groups_move_no_old_one(
    make_index: MakeIndex, images: list[tuple[str, str]], more: list[tuple[str, str]], seed: int
) -> None:
    before = assign(make_index(images), test=0.2, val=0.2, seed=seed)
    saved = _save(before, seed=seed)
    grown = make_index([*images, *more])
    after = assign(grown, test=0.4, val=0.1, seed=seed + 1, saved=saved)
    assert _splits(before).items() <= _splits(after).items()
    order = np.random.default_rng(seed).permutation(len(grown))
    assert _splits(assign(grown.select(order), test=0.4, val=0.1, seed=seed + 1, saved=saved)) == _splits(after)


NUMBER = st.integers(0, 5)
ROWS = st.lists(
    st.tuples(NUMBER, NUMBER, NUMBER, st.sampled_from([None, "train", "val", "test", "quarantine"])),
    min_size=1,
    max_size=14,
)


@within_fixture
@given(old=ROWS, new=ROWS, given_splits=st.sampled_from(["keep", "ignore"]))
def test_whatever_was_saved_and_however_groups_parts_and_copies_cross_nothing_leaks(
    make_index: MakeIndex, old: Any, new: Any, given_splits: Literal["keep", "ignore"]
) -> None:
    def index(rows: Any) -> Index:
        groups, parts, digests, splits = zip(*rows, strict=True)
        images = [(f"g{group}", "x") for group in groups]
        return make_index(images, parts=[f"p{one}" for one in parts], digests=[*map(str, digests)], splits=splits)

    try:
        saved = _save(assign(index(old), test=0.3, val=0.2, seed=0))
        result = assign(index(new), test=0.3, val=0.2, seed=0, saved=saved, given=given_splits)
    except SplitError as error:
        assert "training images belong to groups" in str(error)  # noqa: PT017 - the one refusal that is right here
        return
    check(result)
    places: dict[str, set[str]] = {}
    for part, group, split in zip(*(result.column(one) for one in ("part", "group", "split")), strict=True):
        if split != "quarantine":
            places.setdefault(part, set()).add(group)
    assert all(len(groups) == 1 for groups in places.values())
    out = {path for path, split in _splits(result).items() if split == "quarantine"}
    assert out == {one.path for one in result.rejected}


def test_the_seed_decides_and_the_order_of_the_files_does_not(make_index: MakeIndex) -> None:
    index = make_index([(f"g{n}", "ab"[n % 2]) for n in range(60)])
    first = _splits(assign(index, test=0.2, val=0.2, seed=0))
    assert _splits(assign(index.select(np.arange(60)[::-1]), test=0.2, val=0.2, seed=0)) == first
    assert _splits(assign(index, test=0.2, val=0.2, seed=1)) != first


def test_even_without_a_saved_split_hardly_any_group_moves(make_index: MakeIndex) -> None:
    images = [(f"g{n}", "a") for n in range(400)]
    before = _splits(assign(make_index(images[:300]), test=0.2, val=0.1, seed=0))
    after = _splits(assign(make_index(images), test=0.2, val=0.1, seed=0))
    assert before.items() <= after.items()


@pytest.mark.parametrize("seed", range(6))
def test_every_class_gets_its_share(make_index: MakeIndex, seed: int) -> None:
    sizes = {"good": 60, "dent": 12, "rare": 4, "two": 2, "one": 1}
    index = make_index([(f"{target}{n}", target) for target, size in sizes.items() for n in range(size)])
    counts = {(c.target, c.split): c.groups for c in assign(index, test=0.2, val=0.2, seed=seed).counts()}
    for target, least, most in (("good", 6, 18), ("dent", 1, 4), ("rare", 1, 2)):
        for split in ("test", "val"):
            assert least <= counts[(target, split)] <= most
        assert counts[(target, "train")] >= 1
    assert counts[("two", "train")] == counts[("two", "test")] == 1
    assert counts[("one", "train")] == 1


def test_a_group_counts_for_its_rarest_class(make_index: MakeIndex) -> None:
    images = [(f"m{n}", target) for n in range(3) for target in ("good", "crack")]
    index = make_index(images + [(f"g{n}", "good") for n in range(30)])
    splits = {c.split for c in assign(index, test=0.2, val=0.2, seed=0).counts() if c.target == "crack"}
    assert splits == {"train", "val", "test"}


@pytest.mark.parametrize("shared", ["digests", "parts"])
def test_the_same_file_or_part_in_two_groups_makes_them_one(make_index: MakeIndex, shared: str) -> None:
    for seed in range(5):
        index = make_index([("a", "x"), ("b", "x"), ("b", "x")], **{shared: ["1", "1", "2"]})
        result = assign(index, test=0.3, val=0.3, seed=seed)
        assert len(set(result.column("split"))) == 1
        assert set(result.column("group")) == {"a"}


def test_an_image_that_joins_two_saved_groups_is_quarantined(make_index: MakeIndex) -> None:
    saved = SavedSplit(0, 0.2, 0.2, {"a": "train", "b": "test"}, {"1": "a", "2": "b"})
    # The three are one group now, because the newcomer (digest 3) links the two.
    index = make_index([("a", "x"), ("a", "x"), ("a", "x")], digests=["1", "2", "3"], parts=["p", "q", "r"])
    result = assign(index, test=0.2, val=0.2, seed=0, saved=saved)
    assert result.column("split") == ["train", "test", "quarantine"]
    assert result.column("group") == ["a", "b", "a"]
    assert result.rejected == (Rejected("x/a_3.png", "quarantined: its group joins images of test and train"),)
    again = assign(index, test=0.2, val=0.2, seed=0, saved=_save(result, before=saved))
    assert again.column("split") == result.column("split")


def test_a_copy_of_a_test_image_among_training_images_is_quarantined(make_index: MakeIndex) -> None:
    saved = SavedSplit(0, 0.2, 0.2, {"a": "train", "b": "test"}, {"1": "a", "2": "b"})
    index = make_index([("a", "x"), ("a", "x"), ("b", "x")], digests=["1", "2", "2"])
    result = assign(index, test=0.2, val=0.2, seed=0, saved=saved)
    assert result.column("split") == ["train", "quarantine", "test"]


def test_saved_images_of_one_part_are_in_one_split_and_one_group_whoever_joins_them(make_index: MakeIndex) -> None:
    # Saved when nobody knew of the parts: p lies in two splits, and s in two groups of one.
    groups = {"a": "train", "b": "test", "c": "train", "d": "train"}
    saved = SavedSplit(0, 0.2, 0.2, groups, {"1": "a", "2": "b", "3": "c", "4": "d"})
    index = make_index(
        [(group, "x") for group in "abcda"], digests=["1", "2", "3", "4", "5"], parts=["p", "p", "s", "s", "s"]
    )
    result = assign(index, test=0.2, val=0.2, seed=0, saved=saved)
    assert result.column("split") == ["quarantine", "test", "train", "train", "quarantine"]
    assert result.column("group")[2:4] == ["c", "c"]
    assert [one.reason for one in result.rejected] == [
        "quarantined: its group is in test and train at once",
        "quarantined: its group joins images of test and train",
    ]


def test_a_new_image_of_a_saved_group_goes_there_whatever_the_data_say(make_index: MakeIndex) -> None:
    saved = SavedSplit(0, 0.2, 0.2, {"g1": "test", "g2": "train"}, {"1": "g1", "2": "g2"})
    new = make_index(
        [("g1", "x"), ("g2", "x"), ("g3", "x")], digests=["7", "8", "9"], splits=["train", "test", "train"]
    )
    result = assign(new, test=0.3, val=0.3, seed=0, saved=saved)
    assert result.column("split") == ["test", "train", "train"]
    assert result.rejected == ()
    # Whether the saved image itself is still there makes no difference.
    both = make_index([("g1", "x"), ("g1", "x")], digests=["1", "7"], splits=["train", "train"])
    assert assign(both, test=0.3, val=0.3, seed=0, saved=saved).column("split") == ["test", "test"]


def test_new_images_that_join_two_saved_groups_are_told_their_splits(make_index: MakeIndex) -> None:
    saved = SavedSplit(0, 0.2, 0.2, {"g1": "test", "g2": "train"})
    index = make_index([("g1", "x"), ("g2", "x"), ("g3", "x")], digests=["7", "7", "8"])
    result = assign(index, test=0.0, val=0.0, seed=0, saved=saved)
    assert result.column("split") == ["quarantine", "quarantine", "train"]
    assert {one.reason for one in result.rejected} == {"quarantined: its group is in test and train at once"}


@pytest.mark.parametrize("given", ["keep", "ignore"])
def test_what_is_marked_quarantine_stays_out_and_is_listed(
    make_index: MakeIndex, given: Literal["keep", "ignore"]
) -> None:
    # The first image is saved as a training image, and would join the two groups.
    saved = SavedSplit(0, 0.0, 0.0, {"a": "train", "b": "test"}, {"1": "a", "2": "a", "3": "b"})
    index = make_index(
        [("a", "x"), ("a", "x"), ("b", "x")],
        digests=["1", "2", "3"],
        parts=["p", "q", "p"],
        splits=["quarantine", None, None],
    )
    result = assign(index, test=0.0, val=0.0, seed=0, saved=saved, given=given)
    assert result.column("split") == ["quarantine", "train", "test"]
    assert result.rejected == (Rejected("x/a_1.png", "quarantined: it is marked so"),)
    assert assign(result, test=0.0, val=0.0, seed=0, saved=saved).table.equals(result.table)


def test_saved_groups_that_turn_out_to_be_one_leave_the_test_images_alone(make_index: MakeIndex) -> None:
    saved = SavedSplit(0, 0.2, 0.2, {"a": "train", "b": "test", "c": "train"}, {"1": "a", "2": "b", "3": "c", "4": "c"})
    index = make_index([("a", "x"), ("a", "x"), ("c", "x"), ("c", "x")], digests=["1", "2", "3", "4"])
    result = assign(index, test=0.2, val=0.2, seed=0, saved=saved)
    assert result.column("split") == ["quarantine", "test", "train", "train"]
    assert "is in test and train at once" in result.rejected[0].reason


def test_a_group_that_is_renamed_keeps_its_split(make_index: MakeIndex) -> None:
    saved = SavedSplit(0, 0.2, 0.2, {"100": "test"}, {"1": "100"})
    index = make_index([("50", "x"), ("50", "x")], digests=["0", "1"])
    result = assign(index, test=0.0, val=0.0, seed=0, saved=saved)
    assert result.column("split") == ["test", "test"]
    assert result.column("group") == ["100", "100"]


def test_given_splits_are_kept_and_lacking_ones_taken_from_training(make_index: MakeIndex) -> None:
    images = [(f"g{n}", "x") for n in range(40)]
    index = make_index(images, splits=["train"] * 30 + ["test"] * 10)
    result = assign(index, test=0.2, val=0.2, seed=0)
    assert result.column("split")[30:] == ["test"] * 10
    assert set(result.column("split")[:30]) == {"train", "val"}
    whole = index.with_split(["train"] * 20 + ["val"] * 10 + ["test"] * 10)
    assert assign(whole, test=0.2, val=0.2, seed=0).column("split") == whole.column("split")
    fresh = assign(whole, test=0.2, val=0.2, seed=0, given="ignore")
    assert fresh.column("split") == assign(make_index(images), test=0.2, val=0.2, seed=0).column("split")


def test_given_splits_that_leak_lose_the_training_side(make_index: MakeIndex) -> None:
    images = [("a", "x"), ("a", "x"), *((f"g{n}", "x") for n in range(6))]
    index = make_index(images, splits=["train", "test", *["train"] * 4, "val", "test"])
    result = assign(index, test=0.2, val=0.2, seed=0)
    assert result.column("split") == ["quarantine", "test", *["train"] * 4, "val", "test"]
    assert [one.path for one in result.rejected] == ["x/a_1.png"]


def test_a_split_by_image_is_refused(make_index: MakeIndex) -> None:
    images = [(f"g{n}", "x") for n in range(6) for _ in range(2)]
    with pytest.raises(SplitError, match=r"6 of 6 training images.*--given ignore"):
        assign(make_index(images, splits=["train", "test"] * 6), test=0.2, val=0.0, seed=0)


def test_check_names_the_group_and_where_it_is(make_index: MakeIndex) -> None:
    images = [("a", "x"), ("a", "x"), ("b", "x")]
    with pytest.raises(SplitError, match=r"Group 'a' is in train \(x/a_1.png\) and test"):
        check(make_index(images, splits=["train", "test", "val"]))
    with pytest.raises(SplitError, match=r"Part 'p' is in train \(x/a_1.png\) and val"):
        check(make_index(images, parts=["p", "q", "p"], splits=["train", "train", "val"]))
    with pytest.raises(SplitError, match="Image '1' is in"):
        check(make_index(images, digests=["1", "2", "1"], splits=["train", "train", "val"]))
    check(make_index(images, splits=["train", "quarantine", None]))


@pytest.mark.parametrize(("test", "val"), [(-0.1, 0.2), (0.5, 0.5), (0.0, 1.0)])
def test_refuses_impossible_fractions(make_index: MakeIndex, test: float, val: float) -> None:
    with pytest.raises(SplitError, match="fractions"):
        assign(make_index([("a", "x")]), test=test, val=val, seed=0)


def test_the_saved_split_survives_a_file_and_remembers_what_is_gone(make_index: MakeIndex, tmp_path: Path) -> None:
    index = assign(make_index([(f"g{n}", "x") for n in range(9)]), test=0.2, val=0.2, seed=3)
    saved = _save(index, seed=3)
    saved.write(tmp_path / "deep/split.json")
    assert SavedSplit.read(tmp_path / "deep/split.json") == saved
    later = _save(index.select([0, 1]), seed=3, before=saved)
    assert later == saved


def test_a_split_that_cannot_be_written_leaves_the_old_one_whole(
    make_index: MakeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "split.json"
    saved = _save(assign(make_index([("a", "x"), ("b", "x")]), test=0.5, val=0.0, seed=0))
    saved.write(path)
    path.chmod(0o640)
    saved.write(path)
    assert path.stat().st_mode & 0o777 == 0o640
    write = Path.write_text

    def full(self: Path, data: str, **keywords: Any) -> int:
        write(self, data[: len(data) // 2], **keywords)
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left") as caught:
        SavedSplit(1, 0.1, 0.1).write(path)
    assert caught.value.filename == str(path)
    assert SavedSplit.read(path) == saved
    assert list(tmp_path.iterdir()) == [path]


def test_a_split_is_written_through_a_link_and_to_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "split.json").symlink_to(tmp_path / "shared/split.json")
    SavedSplit(1, 0.1, 0.1).write(tmp_path / "split.json")
    assert (tmp_path / "split.json").is_symlink()
    assert SavedSplit.read(tmp_path / "shared/split.json").seed == 1
    source, goal = os.pipe()
    SavedSplit(1, 0.1, 0.1).write(Path(f"/dev/fd/{goal}"))
    os.close(goal)
    with os.fdopen(source, encoding="utf-8") as pipe:
        assert '"seed": 1' in pipe.read()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "no JSON"),
        ("[]", "no saved split.*got list"),
        ('{"schema": 1}', "no saved split"),
        ('{"schema": 2, "seed": 0, "test": 0, "val": 0, "groups": {}, "images": {}}', "another schema"),
        ('{"schema": 1, "seed": 0, "test": 0, "val": 0, "groups": [], "images": {}}', "damaged"),
        ('{"schema": 1, "seed": 0, "test": 0, "val": 0, "groups": {"a": "dev"}, "images": {}}', "got a: dev"),
        ('{"schema": 1, "seed": 0, "test": 0, "val": 0, "groups": {}, "images": {"1": "a"}}', "no split"),
        ('{"schema": 1, "seed": "x", "test": 0, "val": 0, "groups": {}, "images": {}}', "damaged"),
        ('{"schema": 1, "seed": NaN, "test": 0, "val": 0, "groups": {}, "images": {}}', "damaged"),
        ('{"schema": 1, "seed": 0, "test": 0, "val": 0, "groups": {}, "images": {"a": ["x"]}}', "got a: \\['x'\\]"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_refuses_what_is_no_saved_split(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "split.json"
    path.write_text(text)
    with pytest.raises(SplitError, match=complaint):
        SavedSplit.read(path)
    with pytest.raises(SplitError, match="cannot be read"):
        SavedSplit.read(tmp_path / "none.json")
