"""Counts and sizes of labelled objects, in the report and for `data inspect`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from vision_ft.data import formats
from vision_ft.data.health import inspect
from vision_ft.data.load import with_good
from vision_ft.data.object_health import look_at_objects

Draw = Callable[..., Path]


def _yolo(draw: Draw, root: Path) -> None:
    (root / "data.yaml").write_text("names: [dent, crack, stain]")
    (root / "labels").mkdir()
    for number in range(4):
        draw(f"images/{number}.png", number, size=(200, 200))
    (root / "labels/0.txt").write_text("0 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.25 0.25\n1 0.5 0.5 0.5 0.5")
    (root / "labels/1.txt").write_text("0 0.5 0.5 0.5 0.5\n")


def test_sizes_by_class_and_images_without_objects(draw: Draw, tmp_path: Path) -> None:
    _yolo(draw, tmp_path)
    found = look_at_objects(formats.read(tmp_path))
    assert found is not None
    assert (found.without, found.unknown) == (2, 0)
    dent, crack, stain = found.classes
    assert (dent.images, dent.objects, dent.ignored, dent.size) == (2, 3, 0, 50)
    np.testing.assert_allclose((dent.small, dent.medium, dent.large), 1 / 3)
    assert (crack.objects, crack.size, crack.large) == (1, 100, 1)
    assert (stain.objects, stain.images, stain.small) == (0, 0, 0)


def test_the_report_has_a_table_of_objects_and_no_empty_background(draw: Draw, tmp_path: Path) -> None:
    _yolo(draw, tmp_path)
    report = inspect(formats.read(tmp_path))
    table = next(one for one in report.sections() if one.title == "Objects")
    assert table.rows[0] == ("dent", "3", "2", "50 px", "33%", "33%", "33%", "")
    assert table.rows[-1] == ("no object", "", "2", "", "", "", "", "")
    assert json.loads(report.to_json())["objects"]["classes"][2]["size"] is None
    (tmp_path / "labels/2.txt").write_text("2 0.5 0.5 0.5 0.5")
    (tmp_path / "labels/3.txt").write_text("2 0.5 0.5 0.5 0.5\n0 0.5 0.5 0.5 0.5")
    assert not [one for one in inspect(formats.read(tmp_path)).warnings if "has no image" in one or "noise" in one]


def test_masks_are_measured_and_plain_classes_are_not(draw: Draw, tmp_path: Path) -> None:
    draw("dent/a.jpg")
    draw("dent/b.jpg")
    draw("good/c.jpg")
    index = formats.read(tmp_path)
    assert look_at_objects(index) is None
    assert "Objects" not in [one.title for one in inspect(index).sections()]
    mask = np.zeros((40, 48), np.uint8)
    mask[2:6, 3:7], mask[20:36, 20:24] = 255, 255
    cv2.imwrite(str(tmp_path / "dent/a.png"), mask)
    found = look_at_objects(with_good(formats.read(tmp_path), ["good"]))
    assert found is not None
    assert (found.classes[0].id, found.classes[0].objects, found.classes[0].size) == ("dent", 2, 6)
    # Without a mask nothing is known of where the dent is, nor of the good image.
    assert (found.without, found.unknown) == (0, 2)
