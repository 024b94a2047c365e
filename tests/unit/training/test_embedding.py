"""The embedder that near-duplicates are looked for with."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from vision_ft.data.duplicates import MIN_COSINE
from vision_ft.training.embedding import embed_images


def test_another_exposure_of_one_thing_is_closer_than_another_thing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    grain = cv2.GaussianBlur(rng.integers(0, 255, (120, 150, 3), dtype=np.uint8), (0, 0), 2)
    brighter = cv2.convertScaleAbs(grain, alpha=1.05, beta=6)
    other = np.full((120, 150, 3), 180, np.uint8)
    cv2.circle(other, (75, 60), 40, (30, 60, 200), -1)
    paths = []
    for name, image in (("a", grain), ("b", brighter), ("c", other)):
        paths.append(tmp_path / f"{name}.png")
        cv2.imwrite(str(paths[-1]), image)
    vectors = embed_images(paths)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    cosines = vectors @ vectors.T
    assert cosines[0, 1] > MIN_COSINE
    assert cosines[0, 2] < 0.8
