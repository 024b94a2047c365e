"""Road scenes: their signs' boxes, on disk as COCO and as a table."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from vision_ft.data.synthetic import SIGNS, generate_roads, render_scene
from vision_ft.data.synthetic.weather import WEATHERS
from vision_ft.errors import DataError

SIZE = (150, 200)


def test_a_scene_is_the_same_every_time_and_another_is_not() -> None:
    first, again, other = (next(render_scene(name, size=SIZE)) for name in ("a", "a", "b"))
    assert np.array_equal(first.image, again.image)
    assert first.signs == again.signs
    assert not np.array_equal(first.image, other.image)
    assert first.image.shape == (*SIZE, 3)
    assert first.image.dtype == np.uint8


def test_boxes_lie_in_the_picture_and_hold_what_is_seen() -> None:
    found = [sign for n in range(14) for frame in render_scene(f"s{n}", size=SIZE) for sign in frame.signs]
    assert len(found) >= 8
    for sign in found:
        x0, y0, x1, y1 = sign.box
        assert 0 <= x0 < x1 <= SIZE[1]
        assert 0 <= y0 < y1 <= SIZE[0]
        assert min(x1 - x0, y1 - y0) >= 8
        assert 0 < sign.area <= (x1 - x0) * (y1 - y0)
        assert 0.5 <= sign.visible <= 1
        assert SIGNS[sign.class_id] == sign.name
    assert len({sign.name for sign in found}) >= 5


def test_a_sign_grows_while_the_car_comes_nearer() -> None:
    grown = 0
    for number in range(6):
        first, *_, last = list(render_scene(f"drive{number}", frames=3, size=SIZE))
        for early in first.signs:
            for late in last.signs:
                if late.name == early.name and late.distance < early.distance:
                    assert late.box[2] - late.box[0] >= early.box[2] - early.box[0]
                    grown += 1
    assert grown >= 2


def test_signs_stand_out_from_what_was_there_without_them() -> None:
    """The box holds the sign's own edges: stronger ones than its surroundings on the whole."""
    inside, around = [], []
    for number in range(6):
        frame = next(render_scene(f"edge{number}", size=(240, 320)))
        edges = np.abs(cv2.Laplacian(cv2.GaussianBlur(frame.image.astype(np.float64), (0, 0), 1.0), cv2.CV_64F)).mean(2)
        for sign in frame.signs:
            x0, y0, x1, y1 = sign.box
            inside.append(edges[y0:y1, x0:x1].mean())
            around.append(edges[max(y0 - 30, 0) : y1 + 30, max(x0 - 30, 0) : x1 + 30].mean())
    assert len(inside) >= 5
    assert np.mean(inside) > 1.5 * np.mean(around)


def test_a_set_of_scenes_on_disk(tmp_path: Path) -> None:
    root = generate_roads(tmp_path / "roads", scenes=4, frames=2, size=SIZE, seed=3)
    coco = json.loads((root / "annotations.json").read_text(encoding="utf-8"))
    assert [category["name"] for category in coco["categories"]] == list(SIGNS)
    files = {image["file_name"]: image for image in coco["images"]}
    assert set(files) == {p.relative_to(root).as_posix() for p in root.glob("images/*.jpg")}
    assert len(files) == 8
    with (root / "boxes.csv").open(encoding="utf-8", newline="") as file:
        boxes = list(csv.DictReader(file))
    names = {image["id"]: image["file_name"] for image in coco["images"]}
    from_coco = [
        (names[a["image_id"]], SIGNS[a["category_id"] - 1], a["bbox"][0], a["bbox"][1],
         a["bbox"][0] + a["bbox"][2], a["bbox"][1] + a["bbox"][3])
        for a in coco["annotations"]
    ]  # fmt: skip
    corners = ("x_min", "y_min", "x_max", "y_max")
    assert from_coco == [(r["path"], r["class"], *(int(r[c]) for c in corners)) for r in boxes]
    with (root / "samples.csv").open(encoding="utf-8", newline="") as file:
        samples = list(csv.DictReader(file))
    assert {row["path"]: row["group"] for row in samples} == {name: i["group"] for name, i in files.items()}
    assert {row["weather"] for row in samples} <= {weather.name for weather in WEATHERS}


def test_more_scenes_change_no_picture_and_other_settings_are_refused(tmp_path: Path) -> None:
    root = generate_roads(tmp_path / "roads", scenes=1, size=SIZE)
    before = (root / "images/scene_00000_s0.jpg").read_bytes()
    calls: list[int] = []
    generate_roads(root, scenes=2, size=SIZE, progress=lambda done, total: calls.append(done))
    assert (root / "images/scene_00000_s0.jpg").read_bytes() == before
    assert calls == [1, 2]
    with pytest.raises(DataError, match="other settings"):
        generate_roads(root, scenes=2, size=(150, 210))
    with pytest.raises(DataError, match="number of scenes"):
        generate_roads(tmp_path / "none", scenes=0)
    with pytest.raises(DataError, match="64 to 2048"):
        render_scene("s", size=(20, 20))
