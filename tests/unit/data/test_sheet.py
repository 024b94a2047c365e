"""A picture of images with their labels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.tiny_parts import write_tiny_parts
from vision_ft.cli import main
from vision_ft.data.index import Index
from vision_ft.data.load import load_index
from vision_ft.data.sheet import CAPTION, COLUMNS, GAP, MOST, SIDE, in_turn, write_sheet
from vision_ft.errors import UsageError


def _index(folder: Path, parts: dict[str, int]) -> Index:
    table = write_tiny_parts(folder / "parts", parts, shots=1)
    return load_index(root=table.parent, csv=table)


def test_each_class_in_turn_with_its_labels_drawn(tmp_path: Path) -> None:
    index = _index(tmp_path, {"good": 2, "scratch": 2})
    assert [one.targets[0] for one in in_turn(list(index.samples()), lambda one: 0)] == ["good", "scratch"] * 2
    write_sheet(index, tmp_path / "sheet.png")
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None
    high = CAPTION + GAP + round(SIDE * 72 / 80)
    assert sheet.shape == (high, (SIDE + GAP) * COLUMNS + GAP, 3)

    def dark(column: int) -> int:
        """Pixels of the dark edge that labels have; the parts themselves are grey."""
        left = GAP + column * (SIDE + GAP)
        return int((sheet[CAPTION:-GAP, left : left + SIDE].max(axis=2) <= 24).sum())

    assert dark(0) == dark(2) == 0
    assert min(dark(1), dark(3)) > 100


def test_at_most_two_dozen(tmp_path: Path) -> None:
    index = _index(tmp_path, {"good": 30})
    write_sheet(index, tmp_path / "sheet.png")
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None
    assert sheet.shape[0] == MOST // COLUMNS * (CAPTION + GAP + round(SIDE * 72 / 80))


def test_inspect_draws_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write_tiny_parts(tmp_path / "parts", {"good": 3, "scratch": 3})
    file = tmp_path / "seen" / "labels.png"
    assert main(["data", "inspect", "--data.csv", str(table), "--draw", str(file)]) == 0
    assert "labels.png" in capsys.readouterr().out.replace("\n", "")
    assert np.asarray(cv2.imread(str(file))).ndim == 3
    assert main(["data", "inspect", "--data.csv", str(table), "--draw", "labels.jpg"]) == 2
    assert "a name that ends in .png" in capsys.readouterr().err


def test_a_picture_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    index = _index(tmp_path, {"good": 1})
    with pytest.raises(UsageError, match="in a folder that exists"):
        write_sheet(index, tmp_path / "nowhere" / "sheet.png")
