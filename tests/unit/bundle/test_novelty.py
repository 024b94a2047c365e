"""How far an image is from the training images."""

from __future__ import annotations

import numpy as np
import pytest

from vision_ft.bundle.novelty import NEIGHBOURS, distances, unit


def test_distance_is_one_minus_the_mean_of_the_nearest() -> None:
    random = np.random.default_rng(0)
    points, reference = (unit(random.standard_normal((n, 8)).astype(np.float32)) for n in (6, 40))
    cosines = np.sort(points @ reference.T, axis=1)[:, ::-1]
    expected = 1 - cosines[:, :NEIGHBOURS].mean(axis=1)
    found = distances(points, reference)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_ends_of_the_scale() -> None:
    reference = np.repeat(np.array([[1, 0]], np.float32), 4, axis=0)
    points = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)
    np.testing.assert_allclose(distances(points, reference), [0, 1, 2], atol=1e-6)


@pytest.mark.parametrize("rows", [1, 2])
def test_a_reference_smaller_than_the_neighbourhood(rows: int) -> None:
    reference = np.repeat(np.array([[0, 1]], np.float32), rows, axis=0)
    np.testing.assert_allclose(distances(np.array([[0, 1]], np.float32), reference), [0], atol=1e-6)


def test_forbidden_neighbours_do_not_count() -> None:
    reference = np.array([[1, 0]] * 3 + [[0, 1]] * 3, np.float32)
    forbidden = np.array([[True] * 3 + [False] * 3])
    point = np.array([[1, 0]], np.float32)
    np.testing.assert_allclose(distances(point, reference), [0], atol=1e-6)
    np.testing.assert_allclose(distances(point, reference, forbidden), [1], atol=1e-6)


def test_unit_vectors() -> None:
    found = unit(np.array([[3, 4], [0, 0]], np.float32))
    np.testing.assert_allclose(found, np.array([[0.6, 0.8], [0, 0]]), atol=1e-6)
