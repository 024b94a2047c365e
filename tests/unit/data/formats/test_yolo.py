"""YOLO: boxes and outlines from text files, and a complaint for each line that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vision_ft.data import formats
from vision_ft.data.formats.yolo import label_file
from vision_ft.data.index import Index
from vision_ft.data.objects import ObjectLabel
from vision_ft.errors import DataError

Draw = Callable[..., Path]

SHEET = "train: images/train\nval: images/val\nnames: [dent, crack]\n"


def write(root: Path, file: str, text: str) -> None:
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(text)


def _objects(index: Index) -> dict[str, tuple[ObjectLabel, ...] | None]:
    return {one.path.name: one.objects for one in index.samples()}


def test_boxes_outlines_and_images_that_show_nothing(draw: Draw, tmp_path: Path) -> None:
    for name in ("train/a", "train/b", "val/c"):
        draw(f"images/{name}.png")
    write(tmp_path, "data.yaml", SHEET)
    write(tmp_path, "labels/train/a.txt", "1 0.5 0.5 0.25 0.5\n\n0 0 0 0.5 0 0.5 0.25\n")
    write(tmp_path, "labels/train/b.txt", "\n")
    assert formats.detect(tmp_path) == "yolo"
    index = formats.read(tmp_path)
    assert _objects(index) == {
        "a.png": (
            ObjectLabel("crack", (18, 10, 30, 30)),
            ObjectLabel("dent", (0, 0, 24, 10), ((0, 0, 24, 0, 24, 10),)),
        ),
        "b.png": (),
        "c.png": (),
    }
    assert index.column("split") == ["train", "train", "val"]
    assert index.column("targets") == [["dent", "crack"], ["background"], ["background"]]
    assert index.class_ids == ("dent", "crack", "background")


@pytest.mark.parametrize(
    ("sheet", "image"),
    [
        ("path: set\ntrain: images\nnames: {0: dent}", "set/images/a.png"),
        ("path: /elsewhere/set\ntrain: [images]\nnames: {0: dent}", "images/a.png"),
        ("train: ../train/images\nnames: [dent]\nnc: 1", "train/images/a.png"),
        ("names: [dent]", "images/deep/a.png"),
        ("train: pictures\nnames: [dent]", "pictures/a.png"),
    ],
)
def test_where_tools_put_it(draw: Draw, tmp_path: Path, sheet: str, image: str) -> None:
    draw(image)
    write(tmp_path, "data.yaml", sheet)
    write(tmp_path, label_file(image), "0 0.5 0.5 1 1")
    index = formats.read(tmp_path)
    assert index.column("path") == [image]
    assert _objects(index)["a.png"] == (ObjectLabel("dent", (0, 0, 48, 40)),)


def test_labels_lie_beside_the_last_folder_of_images() -> None:
    assert label_file("images/x/images/train/a.b.jpg") == "images/x/labels/train/a.b.txt"
    assert label_file("x/a.jpg") == "x/a.txt"


def test_lists_of_images(draw: Draw, tmp_path: Path) -> None:
    for name in "abc":
        draw(f"images/{name}.png")
    write(tmp_path, "data.yaml", "train: train.txt\nval: lists/val.txt\nnames: [dent]")
    write(tmp_path, "train.txt", f"./images/a.png\n{tmp_path}/images/b.png\n")
    write(tmp_path, "lists/val.txt", "images/c.png\n\nimages/a.png\n")
    index = formats.read(tmp_path)
    assert index.column("split") == ["train", "train", "val"]
    assert index.notes == ("Images that are named for several splits are taken for the first of them: 1.",)
    write(tmp_path, "lists/val.txt", "images/d.png\n/etc/a.png\nimages/a.text\n")
    with pytest.raises(DataError) as caught:
        formats.read(tmp_path)
    for line in (
        "lists/val.txt line 1: there is no image images/d.png",
        "lists/val.txt line 2: /etc/a.png lies outside the root",
        "lists/val.txt line 3: images/a.text has no image suffix",
    ):
        assert line in str(caught.value)


def test_labels_of_images_that_no_list_names_are_left_alone(draw: Draw, tmp_path: Path) -> None:
    for name in "ab":
        draw(f"images/{name}.png", ord(name))
        write(tmp_path, f"labels/{name}.txt", "0 0.5 0.5 0.25 0.25")
    write(tmp_path, "data.yaml", "train: train.txt\nnames: [dent]")
    write(tmp_path, "train.txt", "images/a.png\n")
    index = formats.read(tmp_path)
    assert index.column("path") == ["images/a.png"]
    write(tmp_path, "labels/c.txt", "0 0.5 0.5 0.25 0.25")
    with pytest.raises(DataError, match=r"labels/c\.txt: there is no image to it") as caught:
        formats.read(tmp_path)
    assert "labels/b.txt" not in str(caught.value)


def test_every_wrong_line_is_named_at_once(draw: Draw, tmp_path: Path) -> None:
    draw("images/train/a.png")
    draw("images/val/b.png")
    write(tmp_path, "data.yaml", SHEET)
    lines = {
        "0 0.5 0.5 0.25 0.25": "",
        "2 0.5 0.5 0.25 0.25": "class 2 is out of range, expected 0 to 1",
        "-1 0.5 0.5 0.25 0.25": "class -1 is out of range",
        "0.5 0.5 0.5 0.25 0.25": "class 0.5 is out of range",
        "0 0.5 0.5 0.25": "has 4 numbers",
        "0 0.5 0.5 0.25 0.25 0.9": "has 6 numbers",
        "0 0.5 0.5 0 0.25": "the box (24, 15) to (24, 25) has no area",
        "0 0.9 0.5 0.4 0.25": "the box (33.6, 15) to (52.8, 25) reaches outside the image of 48 x 40 pixels",
        "0 24 20 10 10": "the box (912, 600) to (1392, 1000) reaches outside",
        "0 nan 0.5 0.25 0.25": "nan is not finite",
        "0 0.5 half 0.25 0.25": "'half' is no number",
        "0 0 0 0.5 0.5 1 1": "the outline has no area",
    }
    write(tmp_path, "labels/train/a.txt", "\n".join(lines))
    write(tmp_path, "labels/train/lost.txt", "")
    write(tmp_path, "labels/train/classes.txt", "dent\n")
    (tmp_path / "labels/val").mkdir()
    (tmp_path / "labels/val/b.txt").write_bytes(b"\n\xff")
    with pytest.raises(DataError) as caught:
        formats.read(tmp_path)
    for number, complaint in enumerate(lines.values(), 1):
        assert (f"labels/train/a.txt line {number}: {complaint}" in str(caught.value)) == bool(complaint)
    assert "labels/train/lost.txt: there is no image to it" in str(caught.value)
    assert "labels/val/b.txt line 2: is no UTF-8 text" in str(caught.value)
    assert "13 errors" in str(caught.value)


@pytest.mark.parametrize(
    ("sheet", "complaint"),
    [
        ("a: [", "is no YAML"),
        ("- a", "describes no YOLO set"),
        ("train: images", "the key 'names' is missing"),
        ("names: []", "the key 'names' is missing or empty"),
        ("names: {a: dent}", "names has the key 'a'"),
        ("names: [[a]]", "the name of class 0 is none"),
        ("names: ['']", "the name of class 0 is none"),
        ("names: [dent]\nnc: 2", "nc is 2: expected 1"),
        ("names: [dent]", "names no images"),
        ("names: [dent]\ntrain: 3", "the key 'train' is wrong"),
        ("names: [dent]\ntrain: gone", "gone is neither a folder nor a list below the root"),
        ("names: [dent]\ntrain: ../..", "neither a folder nor a list below the root"),
        ("names: [dent]\ntrain: empty", "finds no image|holds no labelled image"),
    ],
)
def test_what_is_no_data_yaml_is_told(tmp_path: Path, sheet: str, complaint: str) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path, "data.yaml", sheet)
    with pytest.raises(DataError, match=complaint):
        formats.read(tmp_path)


def test_an_image_that_cannot_be_read_is_left_out(draw: Draw, tmp_path: Path) -> None:
    draw("images/train/a.png")
    (tmp_path / "images/val").mkdir(parents=True)
    (tmp_path / "images/val/b.png").write_text("no image")
    write(tmp_path, "data.yaml", SHEET)
    write(tmp_path, "labels/val/b.txt", "0 9 9 9 9")
    index = formats.read(tmp_path)
    assert index.column("path") == ["images/train/a.png"]
    assert [one.path for one in index.rejected] == ["images/val/b.png"]
