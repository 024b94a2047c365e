"""`vision-ft data`: what is found in tiny class folders, and the split that is saved."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.colour_parts import COLOURS, PARTS, colour_image, write_class_folders, write_image
from tests.support.tiny_parts import write_tiny_parts
from tests.unit.cli.conftest import Run
from vision_ft.bundle.drawing import colour_of


def test_inspect_shows_counts_and_writes_json(run: Run, parts: Path, tmp_path: Path) -> None:
    answer = run("data", "inspect", "--data.root", parts, "--json", "out/findings.json")
    assert (answer.code, answer.err) == (0, "")
    for colour in COLOURS:
        assert any(line.split()[:2] == [colour, str(PARTS)] for line in answer.out.splitlines()), colour
    found = json.loads((tmp_path / "out" / "findings.json").read_text(encoding="utf-8"))
    assert found["images"] == len(COLOURS) * PARTS
    assert {one["id"]: one["images"] for one in found["classes"]} == dict.fromkeys(COLOURS, PARTS)


def test_inspect_lists_what_cannot_be_read_and_goes_on(run: Run, tmp_path: Path) -> None:
    root = write_class_folders(tmp_path / "parts", parts=2)
    (root / "red" / "broken.png").write_bytes((root / "red" / "red_00.png").read_bytes()[:80])
    for flags in ((), ("--data.on_error", "skip")):
        answer = run("data", "inspect", "--data.root", root, *flags)
        assert answer.code == 0
        assert "red/broken.png" in answer.out
        assert "! 1 image is left out." in answer.out


def test_inspect_stops_at_what_cannot_be_read_where_it_is_told_to(run: Run, tmp_path: Path) -> None:
    root = write_class_folders(tmp_path / "parts", parts=2)
    (root / "red" / "broken.png").write_bytes((root / "red" / "red_00.png").read_bytes()[:80])
    answer = run("data", "inspect", "--data.root", root, "--data.on_error", "raise")
    assert (answer.code, answer.out) == (1, "")
    assert "red/broken.png" in answer.err


def test_inspect_counts_the_masks_of_each_class(run: Run, tmp_path: Path) -> None:
    table = write_tiny_parts(tmp_path, {"good": 2, "scratch": 3}, shots=2)
    lines = table.read_text(encoding="utf-8").splitlines()
    # The good parts have none: their cells are emptied.
    cells = [line.split(",") for line in lines]
    table.write_text("\n".join(",".join([*c[:4], "" if c[1] == "good" else c[4], *c[5:]]) for c in cells) + "\n")
    counts: dict[str, list[str]] = {}
    for line in run("data", "inspect", "--data.csv", table).out.splitlines():
        if line:
            counts.setdefault(line.split()[0], line.split())  # the table of classes comes first
    assert counts["class"][-1] == "masks"
    assert (counts["good"][-1], counts["scratch"][-1]) == ("0", "6")


def test_inspect_is_silent_on_masks_where_there_are_none(run: Run, parts: Path) -> None:
    assert "masks" not in run("data", "inspect", "--data.root", parts).out


def test_split_places_every_image_once_and_obeys_what_is_saved(run: Run, tmp_path: Path) -> None:
    root = write_class_folders(tmp_path / "parts", parts=8)
    first = run("data", "split", "--data.root", root, "--test", "0.25", "--val", "0.25")
    assert (first.code, first.err) == (0, "")
    saved = json.loads((tmp_path / "split.json").read_text(encoding="utf-8"))
    assert set(saved["groups"].values()) == {"train", "val", "test"}
    assert len(saved["images"]) == 24

    write_image(root / "red" / "new.png", colour_image("red", 99))
    assert run("data", "split", "--data.root", root, "--test", "0.25", "--val", "0.25").code == 0
    again = json.loads((tmp_path / "split.json").read_text(encoding="utf-8"))
    assert len(again["images"]) == 25
    assert {group: again["groups"][group] for group in saved["groups"]} == saved["groups"]


def test_a_split_that_leaves_nothing_to_train_on_is_refused(run: Run, parts: Path, tmp_path: Path) -> None:
    answer = run("data", "split", "--data.root", parts, "--test", "0.6", "--val", "0.5")
    assert answer.code == 1
    assert "got test 0.6, val 0.5" in answer.complaint
    assert not (tmp_path / "split.json").exists()


def test_a_split_made_by_image_is_refused_and_can_be_ignored(run: Run, tmp_path: Path) -> None:
    rows = [f"{colour}_{part}_{shot}.png" for colour in COLOURS for part in range(6) for shot in range(2)]
    lines = ["path,target,part,split"]
    for number, name in enumerate(rows):
        colour, part, shot = name.removesuffix(".png").split("_")
        write_image(tmp_path / name, colour_image(colour, number))
        # Of every part one shot is trained on, and the other one tested.
        lines.append(f"{name},{colour},{colour}_{part},{'train' if shot == '0' else 'test'}")
    (tmp_path / "parts.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    flags = ("data", "split", "--data.root", tmp_path, "--data.csv", tmp_path / "parts.csv", "--test", "0.3")
    kept = run(*flags)
    assert kept.code == 1
    assert "--given ignore" in kept.complaint
    assert run(*flags, "--given", "ignore").code == 0
    saved = json.loads((tmp_path / "split.json").read_text(encoding="utf-8"))
    assert set(saved["groups"].values()) == {"train", "val", "test"}
    assert len(saved["images"]) == len(rows)


def test_a_damaged_split_is_not_overwritten(run: Run, parts: Path, tmp_path: Path) -> None:
    (tmp_path / "split.json").write_text("{", encoding="utf-8")
    assert run("data", "split", "--data.root", parts).code == 1
    assert (tmp_path / "split.json").read_text(encoding="utf-8") == "{"


@pytest.mark.slow  # it imports torch, lightning and albumentations
def test_preview_writes_a_picture(run: Run, parts: Path, tmp_path: Path) -> None:
    answer = run(
        *("data", "preview", "--data.root", parts, "--input.height", "32", "--input.width", "48"),
        *("--rows", "2", "--columns", "3", "--augment", "light", "--out", "seen.png"),
    )
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.strip() == "written: seen.png"
    picture = cv2.imread(str(tmp_path / "seen.png"))
    assert picture is not None
    height, width = picture.shape[:2]
    assert height > 2 * 32
    assert width > 4 * 48


@pytest.mark.slow  # it imports torch, lightning and albumentations
@pytest.mark.parametrize("task", ["detect", "segment", "anomaly"])
def test_preview_of_objects_draws_them(run: Run, tmp_path: Path, task: str) -> None:
    write_tiny_parts(tmp_path / "parts", {"good": 2, "scratch": 2}, shots=1, size=(64, 64))
    flags = ("data", "preview", "--task.name", task, "--data.root", "parts", "--objective.good", "good")
    size = ("--input.height", "64", "--input.width", "64", "--augment", "none")
    answer = run(*flags, *size, "--rows", "2", "--columns", "2", "--out", "seen.png")
    assert (answer.code, answer.err) == (0, "")
    picture = cv2.imread(str(tmp_path / "seen.png"))
    assert picture is not None
    # A good part and a scratched one, each as an original and as training shows it: there twice.
    height, width = picture.shape[:2]
    rows, thirds = (slice(0, height // 2), slice(height // 2, None)), [slice(n * width // 3, (n + 1) * width // 3)
                                                                       for n in range(3)]  # fmt: skip
    coloured = (picture[:, :, ::-1] == np.array(colour_of(0), np.uint8)).all(axis=2)
    assert not coloured[rows[0]].any()
    # Anomalies have no classes to be drawn in training, which shows it no defective part.
    shown = [True, True, True] if task != "anomaly" else [True, False, False]
    assert [bool(coloured[rows[1], third].any()) for third in thirds] == shown
    blank = [bool((picture[rows[1], third] == 255).all(axis=2).mean() > 0.99) for third in thirds]
    assert blank == ([False, False, False] if task != "anomaly" else [False, True, True])


def test_inspect_counts_objects(run: Run, tmp_path: Path) -> None:
    write_tiny_parts(tmp_path / "parts", {"good": 2, "scratch": 3}, shots=1)
    answer = run("data", "inspect", "--data.root", "parts")
    assert answer.code == 0
    row = next(line.split() for line in answer.out.split("Objects")[1].splitlines() if line.startswith("scratch"))
    assert row[1:3] == ["3", "3"]
    assert row[4] == "px"


@pytest.mark.parametrize("flag", ["--rows", "--columns"])
def test_a_preview_of_nothing_is_refused(run: Run, parts: Path, flag: str) -> None:
    answer = run("data", "preview", "--data.root", parts, flag, "0")
    assert answer.code == 2
    assert "at least one row and one column" in answer.complaint


@pytest.mark.parametrize("name", ["seen.txt", "seen", "seen.jpg"])
def test_a_preview_that_is_no_png_is_refused_before_any_image_is_read(run: Run, name: str) -> None:
    answer = run("data", "preview", "--data.root", "gone", "--out", name)
    assert answer.code == 2
    assert answer.complaint == f"vision-ft: --out {name}: expected a name that ends in .png."


@pytest.mark.parametrize("flag", ["--test", "--val"])
@pytest.mark.parametrize("share", ["nan", "inf", "1", "-0.1", "half"])
def test_a_share_that_is_none_is_refused(run: Run, parts: Path, tmp_path: Path, flag: str, share: str) -> None:
    answer = run("data", "split", "--data.root", parts, flag, share)
    assert answer.code == 2
    assert f"argument {flag}: expected a share of at least 0 and below 1, got {share}" in answer.complaint
    assert not (tmp_path / "split.json").exists()


@pytest.mark.parametrize("action", ["inspect", "split"])
@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ((), "No images are named. Give their folder with --data.root DIR."),
        (("--data.root", "gone"), "--data.root gone: expected a folder of images, got no such folder."),
        (("--data.root", ".", "--data.csv", "gone.csv"), "gone.csv"),
        (("--data.root", ".", "--data.card", "magnetic_tiles"), "magnetic_tile"),
        (("--data.root", ".", "--data.limit_per_class", "0"), "--data.limit_per_class: expected at least 1, got 0."),
        (("--data.root", ".", "--data.limit_per_class", "few"), "invalid int value: 'few'"),
        (("--data.root", ".", "--seed", "x"), "argument --seed"),
    ],
)
def test_a_mistake_is_one_sentence(run: Run, action: str, flags: tuple[str, ...], says: str) -> None:
    answer = run("data", action, *flags)
    assert answer.code == (1 if "gone.csv" in flags else 2)
    assert says in answer.complaint


@pytest.mark.parametrize("action", ["inspect", "split"])
def test_a_folder_without_images(run: Run, tmp_path: Path, action: str) -> None:
    (tmp_path / "empty").mkdir()
    answer = run("data", action, "--data.root", "empty")
    assert answer.code == 1
    assert "empty" in answer.complaint
    assert "class folders with images" in answer.complaint


def test_a_broken_image_stops_a_split_by_name_unless_it_is_to_be_skipped(run: Run, tmp_path: Path) -> None:
    root = write_class_folders(tmp_path / "parts", parts=5)
    (root / "blue" / "cut.png").write_bytes((root / "blue" / "blue_00.png").read_bytes()[:80])
    stopped = run("data", "split", "--data.root", root)
    assert stopped.code == 1
    assert "blue/cut.png" in stopped.err
    assert "on_error" in stopped.err

    skipped = run("data", "split", "--data.root", root, "--data.on_error", "skip")
    assert skipped.code == 0
    assert "left out: blue/cut.png: " in skipped.out
