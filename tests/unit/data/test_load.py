"""The one door: card, CSV or folders; damaged files raised or skipped; groups found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vision_ft.data.load import load_index
from vision_ft.errors import DataError, UsageError

Draw = Callable[..., Path]


@pytest.fixture
def folder(draw: Draw, tmp_path: Path) -> Path:
    """Three parts of each of two classes, two shots each."""
    for part in range(6):
        for shot in range(2):
            draw(f"{'dent' if part % 2 else 'good'}/p{part}_{shot}.png", part, nudge=shot)
    return tmp_path


def test_without_a_card_near_duplicates_are_groups_and_the_user_is_told(folder: Path) -> None:
    index = load_index(root=folder)
    assert len(index) == 12
    assert len(set(index.column("group"))) == 6
    assert len(set(index.column("part"))) == 12
    assert index.grouping == "near-duplicates"
    assert "No card or group column" in index.notes[0]
    assert "12 images look alike in 6 groups" in index.notes[1]


def test_without_lookalikes_the_user_is_told_too(draw: Draw, tmp_path: Path) -> None:
    draw("dent/a.png", 1)
    draw("good/b.png", 2)
    assert "each image is its own group" in load_index(root=tmp_path).notes[0]


def test_a_group_column_is_believed(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "my.csv"
    table.write_text("path,target,group\ngood/p0_0.png,good,a\ngood/p0_1.png,good,b\n")
    index = load_index(root=folder, csv=table)
    assert index.column("group") == ["a", "b"]
    assert (index.grouping, index.notes) == ("column", ())


def test_good_classes_are_declared(folder: Path) -> None:
    index = load_index(root=folder, good=["good"])
    assert [(one.id, one.good) for one in index.classes] == [("dent", False), ("good", True)]
    with pytest.raises(UsageError, match=r"'goood' does not exist.*Did you mean 'good'"):
        load_index(root=folder, good=["goood"])


def test_damaged_images_are_all_named_or_skipped_by_choice(folder: Path) -> None:
    whole = (folder / "good/p0_0.png").read_bytes()
    (folder / "good/half.png").write_bytes(whole[: len(whole) // 2])
    (folder / "dent/text.png").write_text("no image")
    with pytest.raises(DataError) as caught:
        load_index(root=folder)
    assert "2 errors" in str(caught.value)
    assert "good/half.png: the image ends early" in str(caught.value)
    assert "dent/text.png: the data is no image" in str(caught.value)
    index = load_index(root=folder, on_error="skip")
    assert len(index) == 12
    assert [one.path for one in index.rejected] == ["dent/text.png", "good/half.png"]
    assert "2 images are left out; each is listed with its reason." in index.notes


def test_a_list_of_errors_ends_in_the_remedy_on_a_line_of_its_own(folder: Path) -> None:
    (folder / "good/p0_0.png").write_text("no image")
    with pytest.raises(DataError) as caught:
        load_index(root=folder)
    *_, last, remedy = str(caught.value).split("\n")
    assert last.startswith("  good/p0_0.png: the data is no image")
    assert remedy == "Remove or repair them, or skip them with data.on_error: skip."


def test_where_no_image_is_left_that_is_the_error(folder: Path) -> None:
    for path in folder.glob("*/*.png"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"No image below .* can be used: got dent/p1_0.png: the file is empty"):
        load_index(root=folder, on_error="skip")


def test_a_group_column_that_says_little_leaves_the_rest_to_what_looks_alike(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "my.csv"
    lines = [f"good/p{part}_{shot}.png,good,{'g' if part < 4 else ''}\n" for part in (0, 2, 4) for shot in (0, 1)]
    table.write_text("path,target,group\n" + "".join(lines))
    index = load_index(root=folder, csv=table)
    assert index.column("group") == ["g", "g", "g", "g", "good/p4_0.png", "good/p4_0.png"]
    assert index.grouping == "near-duplicates"
    assert index.notes[0] == "No card or group column says of every image which part it shows."
    assert "2 images look alike in 1 groups (the largest has 2)" in index.notes[1]
    table.write_text("path,target,group\n" + "".join(lines[:5]))
    assert load_index(root=folder, csv=table).notes[0].endswith("none look alike: each of the others is its own group.")


def test_a_card_that_is_silent_on_parts_leaves_them_to_what_looks_alike(folder: Path, tmp_path: Path) -> None:
    card = tmp_path / "mine.yaml"
    text = (
        "{schema: 1, name: mine, title: Mine, task: classify, layout: files, images: '*/*.png', licence: l, source: s, "
        "target: {rule: folder}, classes: [{id: good, good: true}, {id: dent}]%s}"
    )
    card.write_text(text % "")
    index = load_index(root=folder, card=card)
    assert (index.grouping, len(set(index.column("group")))) == ("near-duplicates", 6)
    card.write_text(text % ", part: {rule: none}")
    index = load_index(root=folder, card=card)
    assert (index.grouping, len(set(index.column("group")))) == ("card", 12)


def test_the_limit_draws_from_what_is_usable(folder: Path) -> None:
    index = load_index(root=folder, limit_per_class=2, seed=1)
    assert [count.images for count in index.counts()] == [2, 2]
    assert index.column("path") == load_index(root=folder, limit_per_class=2, seed=1).column("path")


def test_a_card_and_a_csv_together_are_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="both given"):
        load_index(root=folder, card="sample", csv=folder / "labels.csv")
