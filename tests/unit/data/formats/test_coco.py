"""COCO: boxes, outlines and run lengths from JSON, and a complaint for each that cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vision_ft.bundle.run_length import encode
from vision_ft.data import formats
from vision_ft.data.formats import coco
from vision_ft.data.index import Index
from vision_ft.data.objects import ObjectLabel
from vision_ft.errors import DataError

Draw = Callable[..., Path]

IMAGE = {"id": 1, "file_name": "a.png", "width": 48, "height": 40}


def label(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {"id": number, "image_id": 1, "category_id": 1, "bbox": [2, 3, 10, 5], **changes}


def write(
    path: Path,
    annotations: list[dict[str, Any]],
    images: list[dict[str, Any]] | None = None,
    categories: list[dict[str, Any]] | None = None,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    categories = categories or [{"id": 1, "name": "dent"}, {"id": 7, "name": "crack"}]
    images = [IMAGE] if images is None else images
    path.write_text(json.dumps({"images": images, "categories": categories, "annotations": annotations}))


def _first(index: Index) -> tuple[ObjectLabel, ...] | None:
    return next(iter(index.samples())).objects


def test_boxes_outlines_run_lengths_and_crowds(draw: Draw, tmp_path: Path) -> None:
    draw("a.png")
    draw("b.png")
    mask = np.zeros((40, 48), np.uint8)
    mask[5:8, 6:10] = 1
    plain = np.diff(np.flatnonzero(np.diff(mask.ravel(order="F"), prepend=0, append=9)), prepend=0).tolist()
    outline = [1.0, 1.0, 9.0, 1.0, 9.0, 4.0]
    write(
        tmp_path / "annotations.json",
        [
            label(),
            label(2, bbox=[], segmentation=[outline, [20, 20, 30, 20, 30, 30]], category_id=7),
            label(3, bbox=None, segmentation={"size": [40, 48], "counts": encode(mask)}),
            label(4, iscrowd=1, segmentation={"size": [40, 48], "counts": plain}),
            label(5, segmentation=outline),
        ],
        [IMAGE, {"id": 2, "file_name": "b.png"}],
    )
    assert formats.detect(tmp_path) == "coco"
    index = formats.read(tmp_path)
    assert _first(index) == (
        ObjectLabel("dent", (2, 3, 12, 8)),
        ObjectLabel("crack", (1, 1, 30, 30), (tuple(outline), (20, 20, 30, 20, 30, 30))),
        ObjectLabel("dent", (6, 5, 10, 8), rle=encode(mask)),
        ObjectLabel("dent", (2, 3, 12, 8), rle=encode(mask), ignore=True),
        ObjectLabel("dent", (2, 3, 12, 8), (tuple(outline),)),
    )
    assert index.column("targets") == [["dent", "crack"], ["background"]]
    assert index.class_ids == ("dent", "crack", "background")


@pytest.mark.parametrize(
    ("file", "image", "split"),
    [
        ("annotations/instances_train2017.json", "train2017/a.png", "train"),
        ("annotations/instances_val.json", "images/val/a.png", "val"),
        ("annotations/instances_default.json", "images/a.png", None),
        ("instances_test.json", "a.png", "test"),
        ("valid/_annotations.coco.json", "valid/a.png", "val"),
        ("_annotations.coco.json", "a.png", None),
    ],
)
def test_where_tools_put_it(draw: Draw, tmp_path: Path, file: str, image: str, split: str | None) -> None:
    draw(image)
    write(tmp_path / file, [label()])
    assert formats.detect(tmp_path) == "coco"
    index = formats.read(tmp_path)
    assert (index.column("path"), index.column("split")) == ([image], [split])


def test_several_files_share_their_classes(draw: Draw, tmp_path: Path) -> None:
    for n, folder in enumerate(("train", "valid", "test")):
        draw(f"{folder}/a.png", n)
        categories = [{"id": 0, "name": "flaws", "supercategory": "none"}]
        categories += [{"id": 1, "name": "dent" if n < 2 else "crack", "supercategory": "flaws"}]
        write(tmp_path / folder / "_annotations.coco.json", [label()], categories=categories)
    index = formats.read(tmp_path)
    assert index.column("split") == ["test", "train", "val"]
    # The category that stands above the others is no class.
    assert index.class_ids == ("crack", "dent", "background")


def test_groups_parts_and_further_texts(draw: Draw, tmp_path: Path) -> None:
    draw("a.png")
    write(tmp_path / "annotations.json", [], [{**IMAGE, "group": "g", "weather": "fog", "license": "x", "exposure": 3}])
    one = next(iter(formats.read(tmp_path).samples()))
    assert (one.group, one.slices) == ("g", {"weather": "fog"})


def test_every_wrong_label_is_named_at_once(draw: Draw, tmp_path: Path) -> None:
    draw("a.png")
    draw("b.png", size=(20, 20))
    outside, runs = [0, 0, 60, 0, 5, 5], {"size": [40, 48], "counts": [1920]}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"image_id": 9}, "there is no image of id 9"),
        ({"category_id": 2}, "there is no category of id 2"),
        ({"category_id": [1]}, "there is no category of id [1]"),
        ({"bbox": [2, 3, 0, 5]}, "bbox (2, 3) to (2, 8) has no area"),
        ({"bbox": [40, 3, 10, 5]}, "bbox (40, 3) to (50, 8) reaches outside the image of 48 x 40 pixels"),
        ({"bbox": [1, 2, 3]}, "bbox is no list of 4 numbers"),
        ({"bbox": [1, "2", 3, 4]}, "bbox holds something that is no number"),
        ({"bbox": [1, float("inf"), 3, 4]}, "bbox is not of finite numbers"),
        ({"bbox": None}, "it has neither a bbox nor a segmentation"),
        ({"segmentation": [[1, 1, 2, 2]]}, "segmentation has 2 points"),
        ({"segmentation": [outside]}, "segmentation (0, 0) to (60, 5) reaches outside"),
        ({"segmentation": "x"}, "segmentation is neither a list of outlines nor run lengths"),
        ({"segmentation": {"size": [48, 40], "counts": ""}}, "segmentation is of size [48, 40]"),
        ({"segmentation": runs}, "segmentation has no area"),
        ({"segmentation": {**runs, "counts": [3]}}, "segmentation the runs are of 3 pixels"),
        ({"segmentation": {**runs, "counts": 3}}, "segmentation has no counts"),
    ]
    images: list[dict[str, Any]] = [
        IMAGE,
        {"id": 2, "file_name": "b.png", "width": 48, "height": 40},
        {"id": 3, "file_name": "c.png"},
        {"id": 4, "file_name": "/etc/a.png"},
        {"id": 5, "file_name": "a.png"},
        {"id": 6, "file_name": "annotations.json"},
        {"id": None, "file_name": "a.png"},
    ]
    write(tmp_path / "annotations.json", [label(n, **one) for n, (one, _) in enumerate(wrong)], images)
    lines = [f"annotations.json: annotation {n}: {text}" for n, (_, text) in enumerate(wrong)]
    lines += [
        "annotations.json: image 2 is 48 x 40, and b.png 20 x 20",
        "annotations.json: image 3: there is no image c.png",
        "annotations.json: image 4: /etc/a.png lies outside the root",
        "annotations.json: image 5 (a.png) is listed twice",
        "annotations.json: image 6: annotations.json has no image suffix",
        "annotations.json: image 7 of the list has no id or no file_name",
    ]
    with pytest.raises(DataError) as caught:
        formats.read(tmp_path)
    for line in lines:
        assert line in str(caught.value)
    assert f"{len(lines)} errors" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "expected a list 'images'"),
        ('{"images": [], "categories": [1], "annotations": []}', "expected a list 'categories'"),
        ('{"images": [], "categories": [], "annotations": []}', "holds no labelled image"),
    ],
)
def test_what_is_no_coco_file_is_one_sentence(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "annotations.json").write_text(text)
    with pytest.raises(DataError, match=complaint):
        formats.read(tmp_path)
    assert coco.files(tmp_path / "none") == []


def test_a_name_twice_and_an_image_in_two_files(draw: Draw, tmp_path: Path) -> None:
    draw("images/a.png")
    categories: list[dict[str, Any]] = [{"id": 1, "name": "dent"}, {"id": 1, "name": "crack"}, {"id": 2}]
    write(tmp_path / "annotations.json", [label()], categories=categories)
    write(tmp_path / "instances_test.json", [label()])
    with pytest.raises(DataError) as caught:
        formats.read(tmp_path)
    assert "annotations.json: category id 1 is given twice" in str(caught.value)
    assert "annotations.json: category 3 of the list has no id or no name" in str(caught.value)
    assert "instances_test.json: image images/a.png is listed in another file already" in str(caught.value)
