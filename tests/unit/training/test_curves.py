"""Curves kept, drawn, and watched for overfitting."""

from __future__ import annotations

from pathlib import Path

import pytest

from vision_ft.training.curves import Row, draw_curves, overfitting, read_curves, write_curves


def _rows(train: list[float], val: list[float], fit: str = "final") -> list[Row]:
    return [
        {"fit": fit, "epoch": float(n + 1), "train/loss": t, "val/loss": v}
        for n, (t, v) in enumerate(zip(train, val, strict=True))
    ]


OPENED = _rows([1.0, 0.6, 0.3, 0.1], [0.9, 0.6, 0.7, 0.9])


def test_a_gap_that_opened_is_told_with_its_epoch() -> None:
    text = overfitting(OPENED)
    assert text.startswith("Overfitting: validation got worse while training got better (final from epoch 2 on).")
    assert "More parts help most" in text


@pytest.mark.parametrize(
    "rows",
    [
        [],
        OPENED[:2],
        _rows([1.0, 0.6, 0.3, 0.2], [0.9, 0.7, 0.6, 0.55]),
        _rows([1.0, 0.6, 0.3, 0.2], [0.9, 0.7, 0.6, 0.64]),  # a rise within the noise
        _rows([0.5, 0.6, 0.8, 1.0], [0.6, 0.7, 0.8, 0.9]),  # both got worse: that is no overfitting
        [{"fit": "final", "epoch": float(n), "train/loss": 1.0 / (n + 1)} for n in range(5)],
    ],
)
def test_other_curves_are_not(rows: list[Row]) -> None:
    assert overfitting(rows) == ""


def test_each_fit_is_looked_at_alone() -> None:
    steady = _rows([1.0, 0.8, 0.6, 0.5], [0.9, 0.8, 0.7, 0.6], "fold-0")
    text = overfitting([*steady, *_rows([1.0, 0.4, 0.1], [0.5, 0.8, 1.2], "fold-1"), *OPENED])
    assert "(fold-1 from epoch 1 on, final from epoch 2 on)" in text


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    rows: list[Row] = [{"fit": "final", "epoch": 0.0, "val/loss": 0.5}, *OPENED]
    write_curves(tmp_path / "metrics.csv", rows)
    assert read_curves(tmp_path / "metrics.csv") == rows
    assert read_curves(tmp_path / "nothing.csv") == []


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    assert draw_curves(OPENED, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert not draw_curves([], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()
