"""Measure what monitoring compares with, and the distance beyond which nothing is decided."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.decode import decode
from vision_ft.bundle.novelty import distances, unit
from vision_ft.bundle.predictor import Predictor
from vision_ft.bundle.quality import measure
from vision_ft.bundle.reference import Reference
from vision_ft.data.index import Sample
from vision_ft.evaluation.table import PredictionTable

LARGEST = 1024
"""Embeddings that a bundle carries at most: a service compares each image with all of them."""
MARGIN = 1.25
QUANTILE = 0.995


def measure_reference(
    predictor: Predictor, samples: Sequence[Sample], classes: Sequence[ClassInfo], table: PredictionTable
) -> tuple[Reference, NDArray[np.str_]]:
    """The reference from training images and from predictions on unseen ones; and each row's group.

    More than `LARGEST` images are thinned evenly within each class, so that a rare class keeps its own.
    """
    chosen = _thin(samples, classes)
    embeddings, quality = [], []
    for sample in chosen:
        image = decode(sample.path.read_bytes(), window=predictor.stage.input.window)
        embedding = predictor(image).embedding
        assert embedding is not None, "every graph gives embeddings"
        embeddings.append(embedding)
        quality.append(measure(image).as_array())
    numbers = {c.id: n for n, c in enumerate(classes)}
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (table.targets, table.labels), 1)
    reference = Reference(
        embeddings=unit(np.stack(embeddings).astype(np.float32)).astype(np.float16),
        targets=np.array([numbers[s.targets[0]] for s in chosen], np.int32),
        scores=table.probabilities.astype(np.float32),
        score_targets=table.targets.astype(np.int32),
        confusion=confusion,
        quality=np.stack(quality).astype(np.float32),
        slices=np.array([";".join(f"{k}={v}" for k, v in sorted(s.slices.items())) for s in chosen], dtype=np.str_),
    )
    return reference, np.array([s.group for s in chosen], dtype=np.str_)


def distance_limit(reference: Reference, groups: NDArray[np.str_]) -> float | None:
    """The largest distance at which a verdict is given; None where there are too few groups to tell.

    Each training image is compared with the images of all other groups, as a part never seen
    would be. The limit lies a quarter above nearly all of these distances: training images
    are closer to each other than new parts are to them.
    """
    if len(np.unique(groups)) < 5:
        return None
    vectors = reference.embeddings.astype(np.float32)
    found = distances(vectors, vectors, forbidden=groups[:, None] == groups[None, :])
    return min(2.0, MARGIN * float(np.quantile(found, QUANTILE)))


def _thin(samples: Sequence[Sample], classes: Sequence[ClassInfo]) -> list[Sample]:
    if len(samples) <= LARGEST:
        return list(samples)
    by_class = [[s for s in samples if s.targets[0] == c.id] for c in classes]
    share = LARGEST
    kept: list[Sample] = []
    for waiting, group in enumerate(sorted((g for g in by_class if g), key=len)):
        left = sum(bool(g) for g in by_class) - waiting
        room = min(len(group), share // left)
        kept += [group[i] for i in np.linspace(0, len(group) - 1, room).round().astype(int)]
        share -= room
    return kept
