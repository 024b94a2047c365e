"""Signs as drawn, aged and seen."""

from __future__ import annotations

import numpy as np
import pytest

from vision_ft.data.synthetic.fields import window
from vision_ft.data.synthetic.seeds import stream
from vision_ft.data.synthetic.signs import SIGNS, aged, artwork, project


def test_every_sign_looks_different() -> None:
    assert len(SIGNS) >= 12
    pictures = {artwork(name).round(3).tobytes() for name in SIGNS}
    assert len(pictures) == len(SIGNS)


@pytest.mark.parametrize("pair", [("keep_left", "keep_right"), ("curve_left", "curve_right")])
def test_some_signs_mirror_into_another_class(pair: tuple[str, str]) -> None:
    assert np.allclose(artwork(pair[0])[:, ::-1], artwork(pair[1]), atol=0.02)


@pytest.mark.parametrize(
    ("name", "share"),
    [("stop", 0.707), ("yield", 0.42), ("speed_50", 0.74), ("priority_road", 0.49), ("parking", 0.90)],
)
def test_shapes_have_their_area(name: str, share: float) -> None:
    assert (artwork(name)[..., 3] > 0.5).mean() == pytest.approx(share, abs=0.02)


def test_age_changes_the_paint_and_not_the_shape() -> None:
    new, old, older = artwork("stop"), aged(stream(0, "a"), "stop"), aged(stream(0, "b"), "stop")
    assert np.array_equal(new[..., 3], old[..., 3])
    assert not np.allclose(old, older)
    assert old[..., :3].min() >= 0
    assert old[..., :3].max() <= 1


@pytest.mark.parametrize("side", [9.0, 24.0, 70.0])
def test_a_sign_is_seen_at_its_size(side: float) -> None:
    area = window((100, 100), 0, 0, 100, 100)
    colour, cover = project(artwork("no_entry"), area, (50, 50), side)
    assert colour.shape == (100, 100, 3)
    assert cover.sum() == pytest.approx(np.pi / 4 * (0.97 * side) ** 2, rel=0.06)
    turned = project(artwork("no_entry"), area, (50, 50), side, yaw=1.0)[1]
    assert turned.sum() == pytest.approx(cover.sum() * np.cos(1.0), rel=0.08)
