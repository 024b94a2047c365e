"""`vision-ft evaluate`: figures of a bundle on labelled images, printed and written."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.support.colour_parts import COLOURS, PARTS, colour_image, write_class_folders, write_image
from tests.support.tiny_bundle import build_tiny_bundle
from tests.unit.cli.conftest import Run

IMAGES = len(COLOURS) * PARTS


def test_the_tables_and_the_figures_agree(run: Run, bundle: Path, parts: Path, tmp_path: Path) -> None:
    answer = run("evaluate", bundle, "--data.root", parts, "--split", "all", "--json", "new/figures.json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[0] == f"{IMAGES} images of {IMAGES} parts, judged by the bundle"
    assert any(line.split()[:4] == ["Balanced", "accuracy", "100.0", "%"] for line in answer.out.splitlines())
    assert "written: new/figures.json" in answer.out

    figures = json.loads((tmp_path / "new" / "figures.json").read_text(encoding="utf-8"))
    assert figures["images"] == IMAGES
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "ece", "escape_rate", "overkill_rate"):
        assert figures[f"{name}_low"] <= figures[name] <= figures[f"{name}_high"], name
    assert figures["accuracy"] == 1.0
    assert set(figures["per_class"]) == set(COLOURS)
    for row in figures["per_class"].values():
        assert row["support"] == PARTS
        assert all(row[f"{name}_low"] <= row[name] <= row[f"{name}_high"] for name in ("precision", "recall", "f1"))


def test_a_wrong_label_is_counted(run: Run, bundle: Path, tmp_path: Path) -> None:
    root = write_class_folders(tmp_path / "parts")
    write_image(root / "red" / "no_red.png", colour_image("green", 50))
    assert run("evaluate", bundle, "--data.root", root, "--json", "f.json").code == 0
    figures = json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))
    assert figures["accuracy"] == pytest.approx(IMAGES / (IMAGES + 1))
    assert figures["escape_rate"] == pytest.approx(1 / (2 * PARTS + 1))


def test_what_was_put_aside_is_not_judged(run: Run, bundle: Path, parts: Path, tmp_path: Path) -> None:
    lines = ["path,target,split"]
    for colour in COLOURS:
        for number, file in enumerate(sorted((parts / colour).iterdir())):
            lines.append(f"{colour}/{file.name},{colour},{'quarantine' if number == 0 else ''}")
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    flags = ("--data.root", parts, "--data.csv", tmp_path / "table.csv", "--json", "f.json")
    assert run("evaluate", bundle, *flags).code == 0
    assert json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))["images"] == IMAGES - len(COLOURS)


def test_the_report_is_one_page(run: Run, bundle: Path, parts: Path, tmp_path: Path) -> None:
    answer = run("evaluate", bundle, "--data.root", parts, "--report", "report")
    assert (answer.code, answer.err) == (0, "")
    assert "written: report/report.html" in answer.out
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "<html" in page
    assert "Good part" in page
    assert json.loads((tmp_path / "report" / "metrics.json").read_text(encoding="utf-8"))["images"] == IMAGES


def test_the_folders_own_split_can_be_chosen(run: Run, bundle: Path, tmp_path: Path) -> None:
    root = write_class_folders(tmp_path / "parts", parts=2, splits=("train", "test"))
    answer = run("evaluate", bundle, "--data.root", root, "--split", "test")
    assert answer.code == 0
    assert answer.out.startswith("6 images of 6 parts")


def test_a_saved_split_can_be_chosen(run: Run, bundle: Path, tmp_path: Path) -> None:
    root = write_class_folders(tmp_path / "parts", parts=8)
    assert run("data", "split", "--data.root", root, "--test", "0.25").code == 0
    saved = json.loads((tmp_path / "split.json").read_text(encoding="utf-8"))
    held_back = sum(saved["groups"][group] == "test" for group in saved["images"].values())
    answer = run("evaluate", bundle, "--data.root", root, "--split", "test", "--split-file", "split.json")
    assert answer.code == 0
    assert 0 < held_back < 24
    assert answer.out.startswith(f"{held_back} images of {held_back} parts")


@pytest.fixture
def knowing(parts: Path, tmp_path: Path) -> Path:
    """A bundle that was trained on the red parts."""
    return _trained_on(tmp_path / "knowing", sorted((parts / "red").iterdir()))


def test_images_that_the_model_has_seen_are_told_and_can_be_left_out(run: Run, knowing: Path, parts: Path) -> None:
    told = run("evaluate", knowing, "--data.root", parts)
    assert told.code == 0
    assert told.out.startswith(f"{IMAGES} images")
    assert any(line.startswith("note: ") and f"{PARTS} " in line for line in told.out.splitlines())

    without = run("evaluate", knowing, "--data.root", parts, "--leave-out-seen")
    assert without.code == 0
    assert without.out.startswith(f"{IMAGES - PARTS} images of {IMAGES - PARTS} parts")


def test_nothing_left_to_judge_is_said(run: Run, parts: Path, tmp_path: Path) -> None:
    knows_all = _trained_on(tmp_path / "all", sorted(parts.rglob("*.png")))
    answer = run("evaluate", knows_all, "--data.root", parts, "--leave-out-seen")
    assert answer.code == 1
    assert answer.complaint.startswith("vision-ft: No image is left to judge.")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("gone", "--data.root", "PARTS"), 1, "gone"),
        (("BUNDLE",), 2, "No images are named"),
        (("BUNDLE", "--data.root", "gone"), 2, "--data.root gone: expected a folder of images"),
        (("BUNDLE", "--data.root", "PARTS", "--split", "test"), 2, "--split test: expected all. Give a saved split"),
        (("BUNDLE", "--data.root", "PARTS", "--split", "test", "--split-file", "gone.json"), 1, "gone.json"),
        (("BUNDLE", "--data.root", "PARTS", "--json", "."), 1, "."),
    ],
)
def test_a_mistake_is_one_sentence(
    run: Run, bundle: Path, parts: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    places = {"BUNDLE": bundle, "PARTS": parts}
    answer = run("evaluate", *(places.get(one, one) for one in arguments))
    assert answer.code == code
    assert says in answer.complaint


def test_the_bundle_is_opened_before_any_image(run: Run, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    answer = run("evaluate", "gone", "--data.root", "parts")
    assert answer.code == 1
    assert "gone" in answer.complaint


def test_a_class_that_the_bundle_does_not_know_is_named(run: Run, bundle: Path, tmp_path: Path) -> None:
    root = write_class_folders(tmp_path / "parts", parts=1)
    (root / "red").rename(root / "reed")
    answer = run("evaluate", bundle, "--data.root", root)
    assert answer.code == 1
    assert "'reed'" in answer.complaint
    assert answer.complaint.endswith("Did you mean 'red'?")


def test_a_broken_image_stops_by_name_unless_it_is_to_be_skipped(run: Run, bundle: Path, tmp_path: Path) -> None:
    root = write_class_folders(tmp_path / "parts", parts=2)
    (root / "red" / "cut.png").write_bytes((root / "red" / "red_00.png").read_bytes()[:80])
    stopped = run("evaluate", bundle, "--data.root", root)
    assert stopped.code == 1
    assert "red/cut.png" in stopped.err
    skipped = run("evaluate", bundle, "--data.root", root, "--data.on_error", "skip")
    assert skipped.code == 0
    assert skipped.out.startswith("6 images")


def _trained_on(folder: Path, images: list[Path]) -> Path:
    folder.mkdir()
    digests = [hashlib.sha256(image.read_bytes()).hexdigest() for image in images]
    (folder / "training_images.txt").write_text("\n".join(digests) + "\n", encoding="ascii")
    return build_tiny_bundle(folder)
