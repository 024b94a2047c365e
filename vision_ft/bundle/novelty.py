"""How far an image is from everything the model was trained on.

The distance is one minus the mean cosine similarity to the nearest reference embeddings:
a nearest-neighbour novelty score (Sun et al., "Out-of-distribution detection with deep
nearest neighbors", arXiv 2204.06507).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 3


def distances(
    embeddings: NDArray[np.float32], reference: NDArray[np.float32], forbidden: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Distance in [0, 2] of each unit vector [N, D] to the reference unit vectors [M, D], float32 [N].

    `forbidden` [N, M] marks reference vectors that may not be used for a row (those of the
    image's own group, when the limit is set).
    """
    similarity = embeddings @ reference.T
    if forbidden is not None:
        similarity = np.where(forbidden, np.float32(-1.0), similarity)
    k = min(NEIGHBOURS, similarity.shape[1])
    nearest = np.partition(similarity, similarity.shape[1] - k, axis=1)[:, -k:]
    return np.asarray(1.0 - nearest.mean(axis=1), dtype=np.float32)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vectors [N, D] scaled to length one (zero vectors stay zero)."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)
