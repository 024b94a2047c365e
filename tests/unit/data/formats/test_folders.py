"""Class folders, in every shape that people keep them in."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vision_ft.data import formats
from vision_ft.data.formats import folders
from vision_ft.data.index import Rejected
from vision_ft.data.load import load_index
from vision_ft.errors import DataError

Draw = Callable[..., Path]


def _rows(root: Path) -> dict[str, tuple[str, str | None, str | None]]:
    index = folders.read(root)
    columns = (index.column(name) for name in ("path", "targets", "split", "mask"))
    return {path: (targets[0], split, mask) for path, targets, split, mask in zip(*columns, strict=True)}


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm"])
def test_reads_every_suffix(draw: Draw, tmp_path: Path, suffix: str) -> None:
    draw(f"dent/a{suffix}")
    assert _rows(tmp_path) == {f"dent/a{suffix}": ("dent", None, None)}


def test_class_folders_may_hold_folders(draw: Draw, tmp_path: Path) -> None:
    draw("good/monday/line 1/a.png")
    draw("good/b.png")
    draw("dent/c.png")
    assert {path: row[0] for path, row in _rows(tmp_path).items()} == {
        "dent/c.png": "dent",
        "good/b.png": "good",
        "good/monday/line 1/a.png": "good",
    }


@pytest.mark.parametrize("name", ["val", "valid", "Validation"])
def test_split_folders(draw: Draw, tmp_path: Path, name: str) -> None:
    for split in ("train", name, "TEST"):
        draw(f"{split}/good/a.png")
        draw(f"{split}/dent/b.png")
    assert sorted(row[:2] for row in _rows(tmp_path).values()) == sorted(
        (target, split) for target in ("good", "dent") for split in ("train", "val", "test")
    )


def test_a_class_may_be_called_like_a_split(draw: Draw, tmp_path: Path) -> None:
    draw("test/a.png")
    draw("good/deep/b.png")
    assert {row[0] for row in _rows(tmp_path).values()} == {"test", "good"}
    assert {row[1] for row in _rows(tmp_path).values()} == {None}


def test_a_png_beside_an_image_is_its_mask(draw: Draw, tmp_path: Path) -> None:
    draw("dent/a.jpg")
    draw("dent/a.png")
    draw("dent/b.png")
    assert _rows(tmp_path) == {"dent/a.jpg": ("dent", None, "dent/a.png"), "dent/b.png": ("dent", None, None)}
    assert folders.read(tmp_path).notes == ("1 PNG file beside an image of the same name was read as its mask.",)


def test_images_and_masks_in_parallel_folders(draw: Draw, tmp_path: Path) -> None:
    draw("images/dent/a.jpg")
    draw("images/good/b.jpg")
    draw("masks/dent/a.png")
    assert _rows(tmp_path) == {
        "images/dent/a.jpg": ("dent", None, "masks/dent/a.png"),
        "images/good/b.jpg": ("good", None, None),
    }


def test_masks_may_be_called_masks(draw: Draw, tmp_path: Path) -> None:
    draw("apart/images/train/dent/a.jpg")
    draw("apart/images/val/dent/b.jpg")
    draw("apart/masks/train/dent/a_mask.png")
    draw("apart/masks/val/dent/b.png")
    assert _rows(tmp_path / "apart") == {
        "images/train/dent/a.jpg": ("dent", "train", "masks/train/dent/a_mask.png"),
        "images/val/dent/b.jpg": ("dent", "val", "masks/val/dent/b.png"),
    }
    for name in ("a.png", "a_mask.png", "b.jpg", "b_mask.png", "c_mask.png"):
        draw(f"beside/dent/{name}")
    # Of `c_mask` there is no image, so it may be one.
    assert _rows(tmp_path / "beside") == {
        "dent/a.png": ("dent", None, "dent/a_mask.png"),
        "dent/b.jpg": ("dent", None, "dent/b_mask.png"),
        "dent/c_mask.png": ("dent", None, None),
    }


def test_each_mask_that_no_image_takes_is_named(draw: Draw, tmp_path: Path) -> None:
    for name in ("images/dent/a.jpg", "images/dent/b.jpg", "images/stray.jpg"):
        draw(name)
    for name in ("dent/a_mask.png", "dent/b_seg.png", "dent/b_label.png", "stray.png"):
        draw(f"masks/{name}")
    index = folders.read(tmp_path)
    assert index.column("mask") == ["masks/dent/a_mask.png", None]
    assert index.rejected == (
        Rejected("images/stray.jpg", "lies in no class folder"),
        Rejected("masks/dent/b_label.png", "there is no image to it"),
        Rejected("masks/dent/b_seg.png", "there is no image to it"),
    )
    (tmp_path / "images/stray.jpg").unlink()
    with pytest.raises(DataError, match=r"masks/dent/b_label\.png: there is no image to it") as told:
        load_index(root=tmp_path)
    assert "masks/dent/b_seg.png" in str(told.value)


def test_hidden_files_and_other_files_are_no_images(draw: Draw, tmp_path: Path) -> None:
    draw("dent/a.png")
    draw(".cache/b.png")
    draw("__MACOSX/dent/c.png")
    (tmp_path / "dent/._a.png").write_bytes(b"x")
    (tmp_path / "dent/notes.txt").write_text("x")
    assert list(_rows(tmp_path)) == ["dent/a.png"]


def test_linked_folders_are_followed_and_circles_end(draw: Draw, tmp_path: Path) -> None:
    draw("elsewhere/a.png")
    root = tmp_path / "root"
    root.mkdir()
    (root / "dent").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/round").symlink_to(root)
    assert list(_rows(root)) == ["dent/a.png"]


def test_what_cannot_be_used_is_listed(draw: Draw, tmp_path: Path) -> None:
    draw("dent/a.png")
    draw("stray.png")
    draw("dent/m.jpg", size=(20, 20))
    draw("dent/m.png", size=(20, 21))
    (tmp_path / "dent/empty.png").touch()
    assert folders.read(tmp_path).rejected == (
        Rejected("stray.png", "lies in no class folder"),
        Rejected("dent/empty.png", "the file is empty"),
        Rejected("dent/m.jpg", "its mask dent/m.png is 21x20, the image 20x20"),
    )


def test_a_folder_that_cannot_be_read_is_named(draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw("dent/a.png")
    draw("good/b.png")
    scandir = os.scandir

    def guarded(path: str) -> Any:
        # Rights would not do: for the superuser there are none.
        if str(path).endswith("good"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    with pytest.raises(DataError, match=r"folder .*/good cannot be read: got Permission denied"):
        formats.read(tmp_path)


def test_names_that_are_no_utf8_are_left_out_and_can_be_printed(draw: Draw, tmp_path: Path) -> None:
    source = draw("dent/a.png").read_bytes()
    try:
        for name in (b"dent/\xff.png", b"gr\xfcn/b.png"):
            os.makedirs(os.path.dirname(os.fsencode(tmp_path) + b"/" + name), exist_ok=True)
            with open(os.fsencode(tmp_path) + b"/" + name, "wb") as file:
                file.write(source)
    except OSError:
        pytest.skip("this file system keeps names that are text only")
    index = folders.read(tmp_path)
    assert index.column("path") == ["dent/a.png"]
    assert index.class_ids == ("dent",)
    why = "its name is no UTF-8; rename it"
    assert index.rejected == (Rejected("dent/\\udcff.png", why), Rejected("gr\\udcfcn/b.png", why))
    index.write(tmp_path / "index.parquet")
    (tmp_path / "dent/a.png").unlink()
    with pytest.raises(DataError, match=r"no class folders.*udcff.png: its name is no UTF-8"):
        folders.read(tmp_path)


@pytest.mark.parametrize("cut", [1, 2])
def test_a_damaged_mask_is_told(draw: Draw, tmp_path: Path, cut: int) -> None:
    draw("dent/a.jpg")
    mask = draw("dent/a.png")
    mask.write_bytes(mask.read_bytes()[: mask.stat().st_size // cut])
    rejected = "".join(one.reason for one in folders.read(tmp_path).rejected)
    assert rejected[:41] == ("" if cut == 1 else "its mask dent/a.png: the image ends early")


def test_a_root_without_class_folders_is_refused(draw: Draw, tmp_path: Path) -> None:
    draw("a.png")
    with pytest.raises(DataError, match="no layout that is read here"):
        formats.read(tmp_path)
    with pytest.raises(DataError, match=r"no class folders.*1 image beside"):
        folders.read(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        formats.read(tmp_path / "none")


@pytest.mark.parametrize(
    ("file", "layout"),
    [
        ("labels.csv", "table"),
        ("annotations.json", "coco"),
        ("data.yaml", "yolo"),
        ("ANNOTATIONS/a.xml", "voc"),
        ("masks/a.png", "masks"),
        ("notes.txt", "folders"),
    ],
)
def test_other_layouts_are_told_from_classes(draw: Draw, tmp_path: Path, file: str, layout: str) -> None:
    draw("images/a.png")
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    assert formats.detect(tmp_path) == layout
