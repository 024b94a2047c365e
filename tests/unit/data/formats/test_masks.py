"""Masks without class folders: what their values mean, and where they lie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vision_ft.data import formats
from vision_ft.data.index import IGNORE, Index, MaskCode, Rejected
from vision_ft.data.object_masks import class_mask
from vision_ft.errors import DataError

Draw = Callable[..., Path]

SIZE = (40, 48)


def blank(**values: int) -> NDArray[np.uint8]:
    """A mask of zeros with a square of each value: `blank(a=3)`."""
    mask = np.zeros(SIZE, np.uint8)
    for at, value in enumerate(values.values()):
        mask[5:15, 10 * at : 10 * at + 8] = value
    return mask


def write(path: Path, mask: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), mask if mask.ndim == 2 else mask[:, :, ::-1])


def _pair(draw: Draw, root: Path, name: str, mask: NDArray[np.uint8]) -> None:
    draw(f"images/{name}.jpg", sum(name.encode()))
    write(root / f"masks/{name}.png", mask)


def _areas(index: Index) -> list[dict[int, int]]:
    found = []
    for one in index.samples():
        values, counts = np.unique(class_mask(one, index.classes), return_counts=True)
        found.append({int(v): int(n) for v, n in zip(values, counts, strict=True) if v})
    return found


def test_black_and_white_is_one_class(draw: Draw, tmp_path: Path) -> None:
    _pair(draw, tmp_path, "a", blank(a=255))
    _pair(draw, tmp_path, "b", blank())
    assert formats.detect(tmp_path) == "masks"
    index = formats.read(tmp_path)
    assert (index.class_ids, index.mask_code) == (("object", "background"), None)
    assert index.column("targets") == [["object"], ["background"]]
    assert index.column("mask") == ["masks/a.png", "masks/b.png"]
    assert _areas(index) == [{1: 80}, {}]
    (tmp_path / "classes.txt").write_text("dent\n")
    assert formats.read(tmp_path).class_ids == ("dent", "background")


def test_what_compression_leaves_between_black_and_white(draw: Draw, tmp_path: Path) -> None:
    mask = blank(a=255)
    mask[4, :30] = np.arange(30) * 8 + 10
    _pair(draw, tmp_path, "a", mask)
    index = formats.read(tmp_path)
    assert index.class_ids == ("object", "background")
    assert _areas(index) == [{1: int((mask >= 128).sum())}]


def test_index_values_are_classes_by_number_or_by_name(draw: Draw, tmp_path: Path) -> None:
    _pair(draw, tmp_path, "a", blank(a=1, b=3))
    _pair(draw, tmp_path, "b", blank(a=3, b=255))
    index = formats.read(tmp_path)
    assert index.class_ids == ("1", "3", "background")
    assert index.mask_code == MaskCode({"1": "1", "3": "3", "255": IGNORE})
    assert index.column("targets") == [["1", "3"], ["3"]]
    assert "255" in index.notes[0]
    assert _areas(index) == [{1: 80, 2: 80}, {2: 80, 255: 80}]
    (tmp_path / "classes.txt").write_text("background\nscratch\ndent\ncrack\n")
    with pytest.raises(DataError, match=r"masks/b\.png: the value 255 is not in classes\.txt"):
        formats.read(tmp_path)
    (tmp_path / "mask_classes.yaml").write_text("0: background\n3: crack\n1: scratch\n255: ignore\n")
    index = formats.read(tmp_path)
    assert index.class_ids == ("crack", "scratch", "background")
    assert _areas(index) == [{1: 80, 2: 80}, {1: 80, 255: 80}]


def test_colours_are_named_in_a_labelmap(draw: Draw, tmp_path: Path) -> None:
    table = np.zeros((256, 3), np.uint8)
    table[1], table[2] = (255, 0, 0), (0, 128, 64)
    _pair(draw, tmp_path, "a", table[blank(a=1, b=2)])
    assert formats.read(tmp_path).class_ids == ("#008040", "#ff0000", "background")
    (tmp_path / "labelmap.txt").write_text("# label:color_rgb:parts:actions\nbackground:0,0,0::\ndent:255,0,0::\n")
    with pytest.raises(DataError, match=r"masks/a\.png: the value #008040 is not in labelmap\.txt"):
        formats.read(tmp_path)
    with (tmp_path / "labelmap.txt").open("a") as file:
        file.write("crack:0,128,64::\n")
    index = formats.read(tmp_path)
    assert index.class_ids == ("dent", "crack", "background")
    assert _areas(index) == [{1: 80, 2: 80}]


def test_a_palette_s_numbers_are_the_classes(draw: Draw, tmp_path: Path) -> None:
    for name, mask in (("a", blank(a=1, b=2)), ("b", blank(a=2))):
        draw(f"JPEGImages/{name}.jpg")
        (tmp_path / "SegmentationClass").mkdir(exist_ok=True)
        coloured = Image.new("P", (mask.shape[1], mask.shape[0]))
        coloured.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
        coloured.putdata(mask.ravel().tolist())
        coloured.save(tmp_path / f"SegmentationClass/{name}.png")
    index = formats.read(tmp_path)
    assert index.class_ids == ("1", "2", "background")
    assert _areas(index) == [{1: 80, 2: 80}, {2: 80}]
    (tmp_path / "classes.txt").write_text("dent\ncrack\n")
    index = formats.read(tmp_path)
    assert index.class_ids == ("dent", "crack", "background")
    assert _areas(index) == [{1: 80, 2: 80}, {2: 80}]


@pytest.mark.parametrize(
    "palette",
    [
        [(0, 0, 0), (128, 0, 0), (0, 128, 0), *[(0, 0, 0)] * 253],
        [(0, 0, 0), (128, 0, 0), (0, 128, 0), *[(0, 0, 0)] * 13],
        [(0, 0, 64), (128, 0, 0), (0, 128, 0), *[(0, 128, 0)] * 9],
    ],
)
def test_a_padded_palette_adds_no_classes_and_its_first_colour_is_the_background(
    draw: Draw, tmp_path: Path, palette: list[tuple[int, int, int]]
) -> None:
    for name, mask in (("a", blank(a=1, b=2)), ("b", blank(a=2)), ("c", blank())):
        draw(f"JPEGImages/{name}.jpg", sum(name.encode()))
        (tmp_path / "SegmentationClass").mkdir(exist_ok=True)
        coloured = Image.new("P", (mask.shape[1], mask.shape[0]))
        coloured.putpalette([value for colour in palette for value in colour])
        coloured.putdata(mask.ravel().tolist())
        coloured.save(tmp_path / f"SegmentationClass/{name}.png")
    named = {
        "": ("1", "2", "background"),
        "1: dent\n2: crack\n": ("dent", "crack", "background"),
        # Also those that no mask shows, and whose index the palette is padded at.
        "1: dent\n2: crack\n3: hole\n255: ignore\n": ("dent", "crack", "hole", "background"),
    }
    for names, ids in named.items():
        if names:
            (tmp_path / "mask_classes.yaml").write_text(names)
        index = formats.read(tmp_path)
        assert index.class_ids == ids
        assert _areas(index) == [{1: 80, 2: 80}, {2: 80}, {}]
        assert not index.notes


def test_masks_beside_images_and_splits(draw: Draw, tmp_path: Path) -> None:
    for name, mask in (("a", "a"), ("b", "b_mask")):
        draw(f"beside/{name}.jpg")
        write(tmp_path / f"beside/{mask}.png", blank(a=255))
        draw(f"split/images/{'train' if name == 'a' else 'val'}/{name}.jpg")
        write(tmp_path / f"split/masks/{'train' if name == 'a' else 'val'}/{mask}.png", blank(a=255))
    for root in (tmp_path / "beside", tmp_path / "split"):
        assert formats.detect(root) == "masks"
        assert _areas(formats.read(root)) == [{1: 80}, {1: 80}]
    assert formats.read(tmp_path / "split").column("split") == ["train", "val"]


def test_class_folders_keep_their_masks(draw: Draw, tmp_path: Path) -> None:
    draw("one/images/dent/a.jpg")
    write(tmp_path / "one/masks/dent/a.png", blank(a=255))
    draw("two/dent/a.jpg")
    write(tmp_path / "two/dent/a.png", blank(a=255))
    draw("two/stray.jpg")
    write(tmp_path / "two/stray.png", blank())
    for root in (tmp_path / "one", tmp_path / "two"):
        assert formats.detect(root) == "folders"
        assert formats.read(root).class_ids == ("dent",)


def test_every_wrong_mask_is_named_at_once(draw: Draw, tmp_path: Path) -> None:
    _pair(draw, tmp_path, "a", blank(a=255))
    _pair(draw, tmp_path, "b", np.zeros((4, 4), np.uint8))
    _pair(draw, tmp_path, "c", blank())
    (tmp_path / "masks/c.png").write_text("no image")
    write(tmp_path / "masks/lost.png", blank())
    draw("images/bare.jpg")
    with pytest.raises(DataError) as caught:
        formats.read(tmp_path)
    for line in (
        "masks/lost.png: there is no image to it",
        "masks/b.png: is 4 x 4, and its image 48 x 40",
        "masks/c.png: ",
        "3 errors",
    ):
        assert line in str(caught.value)
    for name in ("b", "c", "lost"):
        (tmp_path / f"masks/{name}.png").unlink()
    rejected = formats.read(tmp_path).rejected
    assert rejected == tuple(Rejected(f"images/{one}.jpg", "has no mask") for one in ("b", "bare", "c"))


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("classes.txt", "\n", "names no class"),
        ("classes.txt", "background\n", "names no class"),
        ("labelmap.txt", "dent\n", "line 1: expected name:red,green,blue::"),
        ("labelmap.txt", "dent:1,2,256::\n", "line 1"),
        ("labelmap.txt", "dent:1,2,3::\ncrack:1,2,3::\n", "line 2: got the colour of 'dent' once more"),
        ("labelmap.txt", ":1,2,3::\n", "the value #010203 has no name"),
        ("mask_classes.yaml", "a: [", "is no YAML"),
        ("mask_classes.yaml", "- a", "names no classes"),
        ("mask_classes.yaml", "256: dent", "the key 256 is no value of a mask"),
        ("mask_classes.yaml", "'#12': dent", "is no value of a mask"),
        ("mask_classes.yaml", "1: [a]", "the value 1 has no name"),
    ],
)
def test_names_that_are_none_are_told(draw: Draw, tmp_path: Path, file: str, text: str, complaint: str) -> None:
    _pair(draw, tmp_path, "a", blank(a=1))
    (tmp_path / file).write_text(text)
    with pytest.raises(DataError, match=complaint) as caught:
        formats.read(tmp_path)
    assert file in str(caught.value)


def test_more_colours_than_anybody_named(draw: Draw, tmp_path: Path) -> None:
    noise: Any = np.random.default_rng(0).integers(0, 256, (*SIZE, 3))
    _pair(draw, tmp_path, "a", noise.astype(np.uint8))
    with pytest.raises(DataError, match=r"colours, and nothing says what they mean: expected a labelmap\.txt"):
        formats.read(tmp_path)
