"""The health report: it counts right, and warns of what deceives a model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vision_ft.data import formats
from vision_ft.data.health import auc, inspect

Draw = Callable[..., Path]


def test_a_healthy_set_has_no_warning(draw: Draw, tmp_path: Path) -> None:
    for n in range(12):
        draw(f"{'dent' if n % 2 else 'good'}/{n}.png", n, light=100 + 5 * (n // 2))
    report = inspect(formats.read(tmp_path))
    assert report.warnings == ()
    assert (report.images, report.parts, report.groups) == (12, 12, 12)
    assert report.sizes == ((48, 40, 12),)
    assert report.formats == (("PNG", 8, 12),)
    assert [one.title for one in report.sections()] == ["Classes", "Sizes", "Formats"]
    assert "dent 6, good 6" in report.advice


def test_light_that_gives_a_class_away_is_a_warning(draw: Draw, tmp_path: Path) -> None:
    for n in range(12):
        draw(f"{'dent' if n % 2 else 'good'}/{n}.png", n, light=170 if n % 2 else 90)
    report = inspect(formats.read(tmp_path))
    assert report.classes[0].brightness_auc == 1.0
    assert any(
        one.startswith("Brightness alone tells class dent from the rest (higher in 100%") for one in report.warnings
    )


def test_damage_copies_and_label_noise_are_told(draw: Draw, tmp_path: Path) -> None:
    source = draw("dent/a.png", 1)
    (tmp_path / "good").mkdir()
    (tmp_path / "good/a.png").write_bytes(source.read_bytes())
    draw("good/deep.jpg", 2)
    (tmp_path / "good/bad.png").touch()
    index = formats.read(tmp_path)
    index = index.with_groups(["g", "g", "h"]).with_split(["train", "train", "test"])
    report = inspect(index)
    assert [one.path for one in report.rejected] == ["good/bad.png"]
    assert report.conflicts == (("dent/a.png", "good/a.png"),)
    assert report.mixed[0].labels == {"dent": 1, "good": 1}
    assert report.splits == {"train": 2, "test": 1}
    titles = [one.title for one in report.sections()]
    for title in ("Splits", "Left out", "Exact copies", "Same image, several labels", "Groups with several labels"):
        assert title in titles
    said = " ".join(report.warnings)
    for words in ("1 image is left out", "several labels", "several formats"):
        assert words in said


def test_near_duplicates_in_different_groups_are_a_leak(draw: Draw, tmp_path: Path) -> None:
    for n in range(4):
        draw(f"dent/{n}.png", n // 2, nudge=n)
    report = inspect(formats.read(tmp_path))
    assert (report.alike_groups, report.alike_images, report.crossing_groups) == (2, 4, 2)
    assert any("may leak" in one for one in report.warnings)


def test_json_holds_no_nan(draw: Draw, tmp_path: Path) -> None:
    draw("dent/a.png")
    said = json.loads(inspect(formats.read(tmp_path)).to_json(), parse_constant=pytest.fail)
    assert said["classes"][0]["brightness_auc"] is None
    assert said["classes"][0]["images"] == 1


def test_long_lists_are_cut_and_counted(draw: Draw, tmp_path: Path) -> None:
    draw("dent/a.png")
    for n in range(25):
        (tmp_path / f"dent/bad{n:02d}.png").touch()
        draw(f"dent/size{n}.png", size=(20 + n, 20))
    sections = {one.title: one.rows for one in inspect(formats.read(tmp_path)).sections()}
    assert len(sections["Left out"]) == 21
    assert sections["Left out"][-1] == ("and 5 more", "")
    assert sections["Sizes"][-1] == ("6 other sizes", "6")


def test_auc_is_the_share_of_pairs() -> None:
    rng = np.random.default_rng(0)
    ours, others = rng.integers(0, 9, 30).astype(float), rng.integers(2, 12, 40).astype(float)
    pairs = (ours[:, None] > others).mean() + 0.5 * (ours[:, None] == others).mean()
    assert auc(ours, others) == pytest.approx(pairs)
    assert np.isnan(auc(ours[:4], others))
