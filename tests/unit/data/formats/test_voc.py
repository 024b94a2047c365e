"""Pascal VOC: boxes from XML, and a complaint for each that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vision_ft.data import formats
from vision_ft.data.formats import voc
from vision_ft.data.index import Index, Rejected
from vision_ft.data.objects import ObjectLabel
from vision_ft.errors import DataError

Draw = Callable[..., Path]


def thing(name: str, *corners: object, difficult: object = 0) -> str:
    tags = zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=False)
    box = "".join(f"<{tag}>{value}</{tag}>" for tag, value in tags)
    return f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox>{box}</bndbox></object>"


def write(root: Path, name: str, *things: str, size: str = "48 40", folder: str = "Annotations") -> None:
    width, height = size.split()
    path = root / folder / f"{name}.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    sized = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    path.write_text(f"<annotation><filename>{name}.jpg</filename>{sized}{''.join(things)}</annotation>")


def _objects(index: Index) -> dict[str, tuple[ObjectLabel, ...]]:
    return {one.path.name: one.objects or () for one in index.samples()}


def test_pixels_are_counted_from_one_and_boxes_hold_their_last(draw: Draw, tmp_path: Path) -> None:
    draw("JPEGImages/a.jpg")
    draw("JPEGImages/b.jpg")
    write(tmp_path, "a", thing("dent", 1, 1, 48, 40), thing("crack", 3, "4.5", 3, 6, difficult=1))
    write(tmp_path, "b")
    assert formats.detect(tmp_path) == "voc"
    index = formats.read(tmp_path)
    assert _objects(index) == {
        "a.jpg": (ObjectLabel("dent", (0, 0, 48, 40)), ObjectLabel("crack", (2, 3.5, 3, 6), ignore=True)),
        "b.jpg": (),
    }
    # What is ignored makes no target, and nothing is the background.
    assert index.column("targets") == [["dent"], ["background"]]
    assert index.class_ids == ("crack", "dent", "background")


@pytest.mark.parametrize(("word", "ignored"), [("", False), ("Unspecified", False), ("false", False), (" 1 ", True)])
def test_words_of_tools_for_what_is_difficult(draw: Draw, tmp_path: Path, word: str, ignored: bool) -> None:
    draw("JPEGImages/a.jpg")
    write(tmp_path, "a", thing("dent", 1, 1, 9, 9, difficult=word))
    (only,) = _objects(formats.read(tmp_path))["a.jpg"]
    assert only.ignore is ignored


def test_another_word_for_difficult_is_an_error(draw: Draw, tmp_path: Path) -> None:
    draw("JPEGImages/a.jpg")
    write(tmp_path, "a", thing("dent", 1, 1, 9, 9), thing("dent", 1, 1, 9, 9, difficult="maybe"))
    with pytest.raises(DataError, match=r"a\.xml.*object 2.*difficult is 'maybe', expected 0 or 1"):
        formats.read(tmp_path)


@pytest.mark.parametrize(("labels", "images"), [("ANNOTATIONS", "IMAGES"), ("annotations", "images")])
def test_other_names_of_the_folders_and_folders_within(draw: Draw, tmp_path: Path, labels: str, images: str) -> None:
    draw(f"{images}/line 1/a.png")
    write(tmp_path, "line 1/a", thing("dent", 1, 1, 9, 9), folder=labels)
    assert formats.read(tmp_path).column("path") == [f"{images}/line 1/a.png"]


def test_the_image_may_be_named_inside(draw: Draw, tmp_path: Path) -> None:
    draw("JPEGImages/b.png")
    write(tmp_path, "b", thing("dent", 1, 1, 9, 9))
    (tmp_path / "Annotations/b.xml").rename(tmp_path / "Annotations/labels_of_b.xml")
    assert formats.read(tmp_path).column("targets") == [["dent"]]


def test_lists_of_images_are_splits(draw: Draw, tmp_path: Path) -> None:
    for name in "abc":
        draw(f"JPEGImages/{name}.jpg")
        write(tmp_path, name, thing("dent", 1, 1, 9, 9))
    lists = tmp_path / "ImageSets/Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\n\n")
    (lists / "val.txt").write_text("b  1\n")
    (lists / "trainval.txt").write_text("a\nb\n")
    assert formats.read(tmp_path).column("split") == ["train", "val", None]
    (lists / "test.txt").write_text("d\na\n")
    with pytest.raises(DataError) as caught:
        formats.read(tmp_path)
    assert "ImageSets/Main/test.txt line 1: there is no image d" in str(caught.value)
    assert "ImageSets/Main/test.txt line 2: a is in train.txt already" in str(caught.value)


def test_every_wrong_label_is_named_at_once(draw: Draw, tmp_path: Path) -> None:
    for name in "abcd":
        draw(f"JPEGImages/{name}.jpg")
    write(tmp_path, "a", thing("dent", 1, 1, 9, 9), thing("dent", 9, 1, 60, 9), thing("crack", 9, 1, 2, 9))
    write(tmp_path, "b", thing("dent", 1, "left", 9, 9), thing("", 1, 1, 9, 9), thing("dent", 1, 1, 9))
    write(tmp_path, "c", thing("dent", "nan", 1, 9, 9), size="40 48")
    write(tmp_path, "e", thing("dent", 1, 1, 9, 9))
    (tmp_path / "Annotations/d.xml").write_text("<annotation>")
    with pytest.raises(DataError) as caught:
        formats.read(tmp_path)
    text = str(caught.value)
    for line in (
        "Annotations/a.xml: object 2 (dent): bndbox (8, 0) to (60, 9) reaches outside the image of 48 x 40 pixels",
        "Annotations/a.xml: object 3 (crack): bndbox (8, 0) to (2, 9) has no area",
        "Annotations/b.xml: object 1 (dent): bndbox has no number ymin (it is 'left')",
        "Annotations/b.xml: object 2 (no name): its class is missing",
        "Annotations/b.xml: object 3 (dent): bndbox has no number ymax",
        "Annotations/c.xml: size is 40 x 48, the image 48 x 40",
        "Annotations/d.xml: is no XML",
        "Annotations/e.xml: there is no image e in JPEGImages",
        "8 errors",
    ):
        assert line in text
    assert "Traceback" not in text


def test_an_image_without_labels_or_without_pixels_is_left_out(draw: Draw, tmp_path: Path) -> None:
    draw("JPEGImages/a.jpg")
    draw("JPEGImages/b.jpg")
    write(tmp_path, "a", thing("dent", 1, 1, 9, 9))
    write(tmp_path, "c", thing("dent", 1, 1, 9, 999))
    (tmp_path / "JPEGImages/c.jpg").touch()
    index = formats.read(tmp_path)
    assert index.column("path") == ["JPEGImages/a.jpg"]
    assert index.rejected == (
        Rejected("JPEGImages/b.jpg", "has no XML file in Annotations"),
        Rejected("JPEGImages/c.jpg", "the file is empty"),
    )


def test_entities_and_files_without_end_are_refused() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "cccc">]><annotation>&b;</annotation>'
    for data in (bomb, bomb.decode().encode("utf-16")):
        with pytest.raises(ValueError, match="has a DOCTYPE"):
            voc.parse(data)
    with pytest.raises(ValueError, match="is larger than 4000000 bytes"):
        voc.parse(b" " * (voc.LARGEST + 1))
    with pytest.raises(ValueError, match="is no XML"):
        voc.parse(b'<?xml version="1.0" encoding="no such"?><annotation/>')


def test_a_size_that_was_not_known_is_not_compared(draw: Draw, tmp_path: Path) -> None:
    draw("JPEGImages/a.jpg")
    write(tmp_path, "a", thing("dent", 1, 1, 9, 9), size="0 0")
    assert len(formats.read(tmp_path)) == 1
