"""Tracks of sign crops: one sign coming nearer, one group."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from vision_ft.data.synthetic import SIGNS, generate_signs, render_track
from vision_ft.data.synthetic.scenery import paint_hills
from vision_ft.data.synthetic.view import View
from vision_ft.data.synthetic.weather import random_weather
from vision_ft.errors import DataError


def test_a_track_comes_nearer_and_its_boxes_fit() -> None:
    for name in ("stop", "yield", "keep_left"):
        crops = list(render_track(f"{name}_0", name, frames=5))
        sizes = []
        for crop in crops:
            height, width = crop.image.shape[:2]
            x0, y0, x1, y1 = crop.box
            assert 0 <= x0 < x1 <= width
            assert 0 <= y0 < y1 <= height
            # A border of about a tenth, so the sign fills most of its crop.
            assert (x1 - x0) * (y1 - y0) > 0.4 * width * height
            sizes.append(y1 - y0)
        assert sizes == sorted(sizes)
        assert sizes[-1] > 1.5 * sizes[0]
        assert 8 <= sizes[0] <= 40


def test_tracks_are_deterministic_and_their_own() -> None:
    a, b, c = (next(render_track(track, "stop", frames=1)) for track in ("x", "x", "y"))
    assert np.array_equal(a.image, b.image)
    assert a.image.shape != c.image.shape or not np.array_equal(a.image, c.image)


@pytest.mark.parametrize("below", [0.0, 0.5, 1.0, 1.1, 2.0])
def test_hills_may_lie_below_the_picture(below: float) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        view = View(random_weather(rng), (64, 64), 800.0, horizon=64 * below)
        paint_hills(rng, view)
        assert np.isfinite(view.radiance).all()
        # A horizon far below shows sky alone.
        assert view.radiance.any() == (below < 2.0)


def test_a_set_of_tracks_on_disk(tmp_path: Path) -> None:
    amounts = {"stop": 2, "keep_left": 1, "keep_right": 1}
    root = generate_signs(tmp_path / "signs", tracks_per_class=amounts, frames=3, seed=1)
    with (root / "samples.csv").open(encoding="utf-8", newline="") as file:
        samples = list(csv.DictReader(file))
    assert len(samples) == 12
    assert {row["target"] for row in samples} == set(amounts)
    for row in samples:
        assert Path(row["path"]).stem.rpartition("_s")[0] == row["part"] == row["group"]
        assert Path(row["path"]).parent.name == row["target"]
        assert cv2.imread(str(root / row["path"])) is not None
    assert len({row["group"] for row in samples}) == 4
    before = {path: path.read_bytes() for path in root.glob("images/*/*.png")}
    generate_signs(root, tracks_per_class={**amounts, "stop": 3}, frames=3, seed=1)
    assert all(path.read_bytes() == content for path, content in before.items())
    assert len(list(root.glob("images/*/*.png"))) == 15


def test_arguments_that_cannot_be_met(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="some of speed_30"):
        generate_signs(tmp_path / "a", tracks_per_class={"u_turn": 1})
    with pytest.raises(DataError, match="tracks per class"):
        generate_signs(tmp_path / "a", tracks_per_class=0)
    with pytest.raises(DataError, match="frames per track"):
        generate_signs(tmp_path / "a", tracks_per_class=1, frames=0)
    with pytest.raises(DataError, match="one of speed_30"):
        render_track("t", "u_turn")
    assert not (tmp_path / "a").exists()
    assert len(SIGNS) == len(set(SIGNS))
