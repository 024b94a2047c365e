"""A split by image flatters where images of a part resemble each other, and not elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from vision_ft.bundle.classes import ClassInfo
from vision_ft.data.index import SCHEMA, Index
from vision_ft.errors import DataError
from vision_ft.evaluation.flattery import Flattery, flattery


def index_of(labels: list[str], groups: list[str]) -> Index:
    count = len(labels)
    columns = {
        "path": [f"{i}.png" for i in range(count)],
        "targets": [[label] for label in labels],
        "part": groups,
        "group": groups,
        "split": [None] * count,
        "digest": [f"{i:064d}" for i in range(count)],
        "width": [8] * count,
        "height": [8] * count,
        "mask": [None] * count,
    }
    classes = tuple(ClassInfo(id=one) for one in sorted(set(labels)))
    return Index(root=Path("data"), table=pa.table(columns, schema=SCHEMA), classes=classes)


def embedded(parts: int, images: int, part_spread: float, class_spread: float) -> tuple[NDArray[np.float32], Index]:
    rng = np.random.default_rng(0)
    part = np.repeat(np.arange(parts), images)
    label = (np.arange(parts) % 3)[part]
    means = class_spread * rng.normal(size=(3, 16))[label] + part_spread * rng.normal(size=(parts, 16))[part]
    index = index_of([f"c{i}" for i in label], [f"g{i:02d}" for i in part])
    return (means + 0.3 * rng.normal(size=(len(part), 16))).astype(np.float32), index


def test_parts_that_can_be_recognised_flatter() -> None:
    found = flattery(*embedded(18, 6, part_spread=2.0, class_spread=0.1))
    assert found.by_image.value is not None
    assert found.by_group.value is not None
    assert found.by_image.value > 0.85
    assert found.by_group.value < 0.6
    assert "would have flattered by" in found.sentence
    assert found.classes == ("c0", "c1", "c2")


def test_classes_that_can_be_told_apart_do_not() -> None:
    found = flattery(*embedded(18, 6, part_spread=0.1, class_spread=2.0))
    assert found.by_group.value == pytest.approx(1.0, abs=0.05)
    assert "hardly" in found.sentence


def test_a_class_of_one_group_is_left_out_and_named() -> None:
    embeddings, index = embedded(12, 4, 0.5, 1.0)
    labels = ["odd" if group == "g00" else one[0] for group, one in
              zip(index.column("group"), index.column("targets"), strict=True)]  # fmt: skip
    found = flattery(embeddings, index_of(labels, index.column("group")))
    assert found.left_out == ("odd",)


def test_too_little_to_compare_is_said() -> None:
    embeddings, index = embedded(3, 4, 0.5, 1.0)
    with pytest.raises(DataError, match="at least two groups"):
        flattery(embeddings, index)
    with pytest.raises(ValueError, match="embeddings for"):
        flattery(embeddings[:2], index)


def test_images_that_are_groups_of_their_own_are_not_compared() -> None:
    with pytest.raises(DataError, match="a group of its own"):
        flattery(*embedded(18, 1, part_spread=0.5, class_spread=1.0))


def test_it_is_repeatable_and_survives_json() -> None:
    embeddings, index = embedded(12, 4, 1.0, 0.5)
    found = flattery(embeddings, index)
    assert flattery(embeddings, index) == found
    again = Flattery.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
    assert again.sentence == found.sentence
    assert again.by_group.value == found.by_group.value
    assert again.by_image.low == found.by_image.low
