"""`vision-ft predict`: a table, CSV or JSON of answers, and every image that could not be used by name."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.colour_parts import COLOURS, PARTS, colour_image, write_image
from tests.support.tiny_bundle import build_tiny_bundle
from tests.support.tiny_finders import build_tiny_detector, build_tiny_oddity, build_tiny_segmenter, quarters
from tests.unit.cli.conftest import Run
from vision_ft.bundle import Predictor
from vision_ft.bundle.results import Prediction


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A picture of each colour."""
    for colour in COLOURS:
        write_image(tmp_path / "images" / f"{colour}.png", colour_image(colour, 0))
    return tmp_path / "images"


def test_the_table_names_each_file_and_its_answer(run: Run, bundle: Path, images: Path) -> None:
    answer = run("predict", bundle, images)
    assert (answer.code, answer.err) == (0, "")
    head, *rows = answer.out.splitlines()
    assert head.split() == ["file", "label", "probability", "decision", "reasons"]
    assert [row.split()[:2] for row in rows] == [[str(images / f"{c}.png"), c] for c in sorted(COLOURS)]
    assert [row.split()[3] for row in rows] == ["reject", "pass", "reject"]


def test_csv_has_a_column_a_class(run: Run, bundle: Path, images: Path) -> None:
    answer = run("predict", bundle, images, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert [row["label"] for row in rows] == sorted(COLOURS)
    for row in rows:
        shares = [float(row[f"p_{colour}"]) for colour in COLOURS]
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert float(row["probability"]) == pytest.approx(max(shares), abs=1e-3)


def test_json_is_the_whole_answer(run: Run, bundle: Path, images: Path) -> None:
    rows = json.loads(run("predict", bundle, images, "--format", "json").out)
    assert [(Path(row["file"]).stem, row["label"]) for row in rows] == [(c, c) for c in sorted(COLOURS)]
    assert all(set(row["probabilities"]) == set(COLOURS) for row in rows)


def test_out_writes_what_would_be_printed(run: Run, bundle: Path, images: Path, tmp_path: Path) -> None:
    printed = run("predict", bundle, images, "--format", "csv").out
    answer = run("predict", bundle, images, "--format", "csv", "--out", "new/answers.csv")
    assert answer.out.strip() == "written: new/answers.csv"
    assert (tmp_path / "new" / "answers.csv").read_text(encoding="utf-8") == printed


def test_overlays_have_the_originals_size_and_differ_from_it(
    run: Run, bundle: Path, images: Path, tmp_path: Path
) -> None:
    assert run("predict", bundle, images, "--overlay", "drawn").code == 0
    drawn = sorted((tmp_path / "drawn").iterdir())
    assert [path.name for path in drawn] == ["00000_blue.png", "00001_green.png", "00002_red.png"]
    for path, colour in zip(drawn, sorted(COLOURS), strict=True):
        picture, original = _read(path), colour_image(colour, 0)
        assert picture.shape == original.shape
        assert np.abs(picture.astype(int) - original).max() > 20


@pytest.fixture
def quartered(tmp_path: Path) -> Path:
    """Pictures with two red quarters and a blue one, and with nothing."""
    write_image(tmp_path / "quartered" / "a.png", quarters((250, 0, 0), (0, 0, 0), (0, 0, 180), (220, 0, 0)))
    write_image(tmp_path / "quartered" / "b.png", quarters())
    return tmp_path / "quartered"


def test_what_was_found_is_counted_in_table_and_csv(run: Run, tmp_path: Path, quartered: Path) -> None:
    detector = build_tiny_detector(tmp_path / "detector")
    head, first, second = run("predict", detector, quartered).out.splitlines()
    assert head.split() == ["file", "label", "probability", "found", "decision", "reasons"]
    assert "2 Red scratch, 1 Blue stain" in first
    assert second.split()[1:] == ["clean", "1.000", "nothing", "pass"]
    rows = list(csv.DictReader(io.StringIO(run("predict", detector, quartered, "--format", "csv").out)))
    assert [row["found"] for row in rows] == ["2 Red scratch, 1 Blue stain", "nothing"]
    for row in rows:
        assert sum(float(row[f"p_{name}"]) for name in ("red", "blue", "clean")) == pytest.approx(1, abs=1e-5)
    (detections, nothing) = json.loads(run("predict", detector, quartered, "--format", "json").out)
    assert [one["label"] for one in detections["detections"]] == ["red", "red", "blue"]
    assert nothing["detections"] == []


def test_an_answer_that_lists_no_classes_is_told_in_its_own_words(run: Run, tmp_path: Path, quartered: Path) -> None:
    _, first, second = run("predict", build_tiny_oddity(tmp_path / "oddity"), quartered).out.splitlines()
    assert "2 places, score 1.96 of 1.5" in first
    assert "0 places, score 0.001 of 1.5" in second


def test_boxes_and_outlines_are_drawn(run: Run, tmp_path: Path, quartered: Path) -> None:
    for bundle in (build_tiny_detector(tmp_path / "detector"), build_tiny_segmenter(tmp_path / "segmenter")):
        assert run("predict", bundle, quartered, "--overlay", "drawn").code == 0
        drawn, plain = (_read(tmp_path / "drawn" / name) for name in ("00000_a.png", "00001_b.png"))
        assert np.abs(drawn.astype(int) - _read(quartered / "a.png")).max() > 20
        np.testing.assert_array_equal(plain, _read(quartered / "b.png"))


def test_masks_hold_the_class_of_each_pixel(run: Run, tmp_path: Path, quartered: Path) -> None:
    segmenter = build_tiny_segmenter(tmp_path / "segmenter")
    assert run("predict", segmenter, quartered, "--mask", "masks", "--overlay", "drawn").code == 0
    mask = cv2.imread(str(tmp_path / "masks" / "00000_a.png"), cv2.IMREAD_UNCHANGED)
    assert mask is not None
    assert mask.shape == (48, 64)
    assert mask.dtype == np.uint8
    assert (mask[2, 2], mask[2, -2], mask[-2, -2]) == (1, 0, 1)
    assert (tmp_path / "drawn" / "00000_a.png").exists()


def test_masks_of_a_bundle_without_them_are_refused(run: Run, tmp_path: Path, quartered: Path) -> None:
    answer = run("predict", build_tiny_detector(tmp_path / "detector"), quartered, "--mask", "masks")
    assert answer.code == 2
    assert "--mask" in answer.complaint
    assert "no classes" in answer.complaint
    assert not (tmp_path / "masks").exists()


def test_two_kinds_of_pictures_do_not_overwrite_each_other(run: Run, tmp_path: Path, quartered: Path) -> None:
    segmenter = build_tiny_segmenter(tmp_path / "segmenter")
    answer = run("predict", segmenter, quartered, "--mask", "same", "--overlay", "same")
    assert answer.code == 2
    assert "two folders, got same for both" in answer.complaint


def test_overlays_of_a_bundle_without_heatmaps_are_refused(run: Run, images: Path, tmp_path: Path) -> None:
    plain = build_tiny_bundle(tmp_path / "plain", heatmap=False)
    answer = run("predict", plain, images, "--overlay", "drawn")
    assert answer.code == 2
    assert "the backbone has no spatial map" in answer.complaint
    assert not (tmp_path / "drawn").exists()
    assert run("predict", plain, images).code == 0


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_a_broken_image_is_named_and_costs_the_others_nothing(run: Run, bundle: Path, images: Path, form: str) -> None:
    (images / "cut.png").write_bytes((images / "red.png").read_bytes()[:90])
    (images / "notes.jpg").write_text("no image", encoding="utf-8")
    answer = run("predict", bundle, images, "--format", form)
    assert answer.code == 1
    assert [line.split(": ")[1] for line in answer.err.splitlines()] == [
        str(images / "cut.png"),
        str(images / "notes.jpg"),
    ]
    for name in ("cut.png", "notes.jpg", "red.png", "green.png", "blue.png"):
        assert str(images / name) in answer.out
    if form == "csv":
        assert len({len(row) for row in csv.reader(io.StringIO(answer.out))}) == 1
    if form == "json":
        assert [("error" in row) for row in json.loads(answer.out)] == [False, True, False, True, False]


def test_brackets_in_names_are_shown(run: Run, bundle: Path, images: Path) -> None:
    (images / "red.png").rename(images / "cam[left]_[bold]_:smile:.png")
    answer = run("predict", bundle, images)
    assert answer.code == 0
    assert str(images / "cam[left]_[bold]_:smile:.png") in answer.out


def test_a_picture_that_cannot_be_written_costs_no_answer(run: Run, bundle: Path, images: Path, tmp_path: Path) -> None:
    (tmp_path / "drawn" / "00001_green.png").mkdir(parents=True)
    answer = run("predict", bundle, images, "--overlay", "drawn", "--format", "json")
    assert answer.code == 1
    assert [row["label"] for row in json.loads(answer.out)] == sorted(COLOURS)
    assert "00001_green.png: it cannot be written: " in answer.err
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir() if path.is_file()) == [
        "00000_blue.png",
        "00002_red.png",
    ]


@pytest.mark.parametrize("form", ["csv", "json"])
def test_answers_are_written_as_they_come(
    run: Run, bundle: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """A fault in the middle of a long folder leaves what was answered before it."""
    answered = Predictor.__call__

    def breaking(self: Predictor, image: bytes) -> Prediction:
        if image == (images / "red.png").read_bytes():
            # Not when the file is closed: nobody closes it where the power fails.
            so_far.append((tmp_path / "answers").read_text(encoding="utf-8"))
            raise KeyboardInterrupt
        return answered(self, image)

    so_far: list[str] = []
    monkeypatch.setattr(Predictor, "__call__", breaking)
    run("predict", bundle, images, "--format", form, "--out", "answers")
    text = (tmp_path / "answers").read_text(encoding="utf-8")
    rows = json.loads(text) if form == "json" else list(csv.DictReader(io.StringIO(text)))
    assert [row["label"] for row in rows] == ["blue", "green"]
    assert "green.png" in so_far[0]


def test_json_changes_no_name(run: Run, bundle: Path, images: Path) -> None:
    (images / "red.png").rename(images / "a\u2028b\x85c.png")
    rows = json.loads(run("predict", bundle, images, "--format", "json").out)
    assert str(images / "a\u2028b\x85c.png") in [row["file"] for row in rows]


def test_files_and_folders_together_in_the_order_given(run: Run, bundle: Path, images: Path, parts: Path) -> None:
    rows = json.loads(run("predict", bundle, images / "red.png", parts, "--format", "json").out)
    assert len(rows) == 1 + len(COLOURS) * PARTS
    assert rows[0]["file"] == str(images / "red.png")
    assert [row["file"] for row in rows[1:]] == sorted(row["file"] for row in rows[1:])


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("gone", "images"), 1, "gone"),
        (("images", "images"), 1, "manifest.json"),
        (("BUNDLE", "gone.png"), 2, "gone.png does not exist"),
        (("BUNDLE", "empty"), 2, "empty holds no image: expected files ending in .jpg"),
        (("BUNDLE", "images", "--format", "xml"), 2, "invalid choice: 'xml'"),
        (("BUNDLE", "images", "--device", "tpu"), 2, "invalid choice: 'tpu'"),
        (("BUNDLE", "images", "--out", "images"), 1, "images: "),
        (("BUNDLE", "images", "--overlay", "images/red.png"), 1, "images/red.png: "),
    ],
)
def test_a_mistake_is_one_sentence(
    run: Run, bundle: Path, images: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    (tmp_path / "empty").mkdir()
    answer = run("predict", *(bundle if one == "BUNDLE" else one for one in arguments))
    assert answer.code == code
    assert says in answer.complaint


def test_a_changed_bundle_is_refused_by_the_files_name(run: Run, images: Path, tmp_path: Path) -> None:
    changed = build_tiny_bundle(tmp_path / "changed")
    (changed / "card.md").write_text("# Another\n", encoding="utf-8")
    answer = run("predict", changed, images)
    assert answer.code == 1
    assert "card.md" in answer.complaint


def _read(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.asarray(picture[:, :, ::-1], dtype=np.uint8)
