"""Sets of parts on disk: layout, tables, growth and refusals."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from vision_ft.data.synthetic import CLASSES, DEFAULT_PARTS, SURFACES, generate_surfaces
from vision_ft.errors import DataError

SIZE = (64, 80)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def digests(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.suffix in (".jpg", ".png")
    }


@pytest.fixture(scope="module")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sets") / "small"
    return generate_surfaces(root, parts_per_class={**dict.fromkeys(CLASSES, 1), "good": 4}, shots=2, size=SIZE, seed=7)


def test_every_class_is_there_with_its_pictures_and_masks(small_set: Path) -> None:
    assert sorted(folder.name for folder in (small_set / "images").iterdir()) == sorted(CLASSES)
    images = sorted(p.relative_to(small_set / "images").with_suffix("") for p in small_set.glob("images/*/*.jpg"))
    masks = sorted(p.relative_to(small_set / "masks").with_suffix("") for p in small_set.glob("masks/*/*.png"))
    assert images == masks
    assert len(images) == 2 * (5 + 4)
    for path in small_set.glob("images/*/*.jpg"):
        image = cv2.imread(str(path))
        assert image is not None
        assert image.shape == (*SIZE, 3)


def test_samples_say_part_group_surface_and_camera(small_set: Path) -> None:
    table = rows(small_set / "samples.csv")
    assert list(table[0]) == ["path", "target", "part", "group", "surface", "camera"]
    assert {row["path"] for row in table} == {
        p.relative_to(small_set).as_posix() for p in small_set.glob("images/*/*.jpg")
    }
    for row in table:
        assert row["path"].split("/")[1] == row["target"]
        assert Path(row["path"]).stem.rpartition("_s")[0] == row["part"] == row["group"]
    per_part = {part: {r["surface"] for r in table if r["part"] == part} for part in {r["part"] for r in table}}
    assert all(len(surfaces) == 1 for surfaces in per_part.values())
    assert {row["surface"] for row in table} == set(SURFACES)


def test_boxes_enclose_the_masks_and_good_parts_have_none(small_set: Path) -> None:
    boxes = rows(small_set / "boxes.csv")
    assert "good" not in {row["class"] for row in boxes}
    for path in small_set.glob("masks/*/*.png"):
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert mask is not None
        assert mask.shape == SIZE
        target = path.parent.name
        own = [row for row in boxes if row["path"] == f"images/{target}/{path.stem}.jpg"]
        assert bool(mask.any()) == bool(own) == (target != "good")
        left = mask.copy()
        for row in own:
            left[int(row["y_min"]) : int(row["y_max"]), int(row["x_min"]) : int(row["x_max"])] = 0
        assert not left.any()


def test_a_set_is_the_same_wherever_it_is_made(small_set: Path, tmp_path: Path) -> None:
    twin = generate_surfaces(tmp_path / "twin", parts_per_class={"good": 4, "dent": 1}, shots=2, size=SIZE, seed=7)
    expected = digests(small_set)
    made = digests(twin)
    assert made
    assert all(expected[name] == digest for name, digest in made.items())


def test_more_parts_change_no_file(tmp_path: Path) -> None:
    root = generate_surfaces(tmp_path / "set", parts_per_class={"good": 1, "crack": 1}, shots=1, size=SIZE)
    before = digests(root)
    calls: list[tuple[int, int]] = []
    generate_surfaces(
        root, parts_per_class={"good": 2, "crack": 1, "stain": 1}, shots=1, size=SIZE,
        progress=lambda done, total: calls.append((done, total)),
    )  # fmt: skip
    after = digests(root)
    assert {name: after[name] for name in before} == before
    assert len(after) == 8
    assert len(rows(root / "samples.csv")) == 4
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_surfaces_can_be_chosen(tmp_path: Path) -> None:
    root = generate_surfaces(tmp_path / "set", parts_per_class={"good": 2}, shots=1, size=SIZE, surfaces=("fabric",))
    assert {row["surface"] for row in rows(root / "samples.csv")} == {"fabric"}


def test_defects_are_rare_by_default() -> None:
    assert set(DEFAULT_PARTS) == set(CLASSES)
    assert all(3 * count <= DEFAULT_PARTS["good"] for name, count in DEFAULT_PARTS.items() if name != "good")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"parts_per_class": 0}, "1 to 999"),
        ({"parts_per_class": {"good": -1}}, "0 to 999"),
        ({"parts_per_class": {"good": 0}}, "at least one"),
        ({"parts_per_class": {"rust": 2}}, "some of good, scratch"),
        ({"parts_per_class": {"good": 1.5}}, "whole number"),
        ({"shots": 0}, "shots per part"),
        ({"size": (32, 32)}, "64 to 2048"),
        ({"surfaces": ()}, "No surface"),
        ({"surfaces": ("wood",)}, "one of brushed, cast, fabric"),
    ],
)
def test_arguments_that_cannot_be_met_leave_no_folder(
    arguments: dict[str, object], says: str, tmp_path: Path
) -> None:  # fmt: skip
    with pytest.raises(DataError, match=says):
        generate_surfaces(tmp_path / "set", **arguments)  # type: ignore[arg-type]
    assert not (tmp_path / "set").exists()


def test_a_set_is_not_mixed_with_another(tmp_path: Path) -> None:
    root = generate_surfaces(tmp_path / "set", parts_per_class={"good": 2}, shots=1, size=SIZE, seed=0)
    with pytest.raises(DataError, match=r"other settings \(seed\)"):
        generate_surfaces(root, parts_per_class={"good": 3}, shots=1, size=SIZE, seed=1)
    with pytest.raises(DataError, match="already holds more"):
        generate_surfaces(root, parts_per_class={"good": 1}, shots=1, size=SIZE, seed=0)
    assert json.loads((root / "generator.json").read_text(encoding="utf-8"))["amounts"] == {"good": 2}


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="not empty"):
        generate_surfaces(tmp_path, parts_per_class=1, shots=1, size=SIZE)
    with pytest.raises(DataError, match="is a file"):
        generate_surfaces(tmp_path / "notes.txt", parts_per_class=1, shots=1, size=SIZE)
    (tmp_path / "generator.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be read"):
        generate_surfaces(tmp_path, parts_per_class=1, shots=1, size=SIZE)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["generator.json", "notes.txt"]


def test_colour_does_not_tell_the_classes_apart(small_set: Path) -> None:
    """Means of good and of defective pictures overlap; the benchmark measures it in full."""
    table = rows(small_set / "samples.csv")
    level = {row["path"]: float(np.mean(cv2.imread(str(small_set / row["path"])))) for row in table}  # type: ignore[arg-type]
    good = [level[row["path"]] for row in table if row["target"] == "good"]
    flawed = [level[row["path"]] for row in table if row["target"] != "good"]
    assert min(good) < np.median(flawed) < max(good)
