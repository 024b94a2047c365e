"""Noise, resampling and distances."""

from __future__ import annotations

import numpy as np
import pytest

from vision_ft.data.synthetic.fields import blur, fractal, grid, noise, polyline, sample, smoothstep, window
from vision_ft.data.synthetic.seeds import stream


@pytest.mark.parametrize("cell", [1.0, 3.0, (1.0, 12.0), (9.5, 2.0)])
def test_noise_has_no_mean_and_a_deviation_of_about_one(cell: float | tuple[float, float]) -> None:
    field = noise(stream(0, "noise"), (300, 260), cell)
    assert field.shape == (300, 260)
    assert abs(field.mean()) < 0.15
    assert 0.8 < field.std() < 1.2


def test_coarser_noise_is_smoother() -> None:
    steps = [np.abs(np.diff(noise(stream(0, "n"), (200, 200), cell))).mean() for cell in (1.0, 4.0, 16.0)]
    assert steps[0] > 2 * steps[1] > 4 * steps[2]
    assert 0.8 < fractal(stream(0, "f"), (200, 200), (20.0, 10.0, 5.0)).std() < 1.2


def test_samples_at_whole_pixels_are_the_pixels() -> None:
    field = stream(0, "s").random((12, 17, 3))
    x, y = grid((11, 16))
    assert np.allclose(sample(field, x, y), field[:11, :16])
    middle = sample(field[..., 0], np.array([[2.5]]), np.array([[3.0]]))
    assert middle[0, 0] == pytest.approx((field[3, 2, 0] + field[3, 3, 0]) / 2)
    beyond = sample(field[..., 0], np.array([[-50.0]]), np.array([[4.0]]))
    assert beyond[0, 0] == pytest.approx(field[4, 0, 0])


def test_polyline_measures_distance_and_progress() -> None:
    area, distance, along = polyline((40, 60), np.array([[10.0, 20.0], [50.0, 20.0]]), 6)
    assert area.rows == slice(14, 27)
    assert distance[26 - 14, 30 - area.columns.start] == pytest.approx(6.0)
    assert along[6, 20 - area.columns.start] == pytest.approx(0.25)
    assert along[6, 0] == 0.0


def test_a_window_never_leaves_its_field_and_is_never_empty() -> None:
    for box in [(-9, -9, -5, -5), (500, 2, 600, 3), (3, 4, 3, 4), (-5, -5, 500, 500)]:
        area = window((20, 30), *box)
        assert 0 <= area.rows.start < area.rows.stop <= 20
        assert 0 <= area.columns.start < area.columns.stop <= 30


def test_blur_keeps_the_mean_and_smoothstep_its_ends() -> None:
    field = stream(0, "b").random((64, 64))
    assert blur(field, 2.0).mean() == pytest.approx(field.mean(), abs=0.01)
    assert blur(field, 0.0) is field
    assert smoothstep(np.array([-1.0, 0.0, 0.5, 1.0, 9.0]), 0, 1).tolist() == [0, 0, 0.5, 1, 1]
    assert smoothstep(np.array([0.0, 1.0]), 1, 0).tolist() == [1, 0]
