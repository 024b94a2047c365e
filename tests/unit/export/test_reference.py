"""What monitoring compares with, and the limit of what is decided."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vision_ft.bundle.predictor import load
from vision_ft.bundle.reference import Reference, read_reference
from vision_ft.evaluation.collect import collect
from vision_ft.export import reference as module
from vision_ft.export.reference import distance_limit, measure_reference
from vision_ft.export.write import write_bundle

from .conftest import Model


def _of(vectors: NDArray[np.float64]) -> Reference:
    count = len(vectors)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return Reference(
        (vectors / lengths).astype(np.float16), np.zeros(count, np.int32), np.zeros((0, 2), np.float32),
        np.zeros(0, np.int32), np.zeros((2, 2), np.int64), np.zeros((count, 3), np.float32), np.array([""] * count),
    )  # fmt: skip


def test_it_holds_the_training_images_as_the_graph_sees_them(exported: Model, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "b", exported.exportable, exported.contents, parity_images=())
    predictor = load(bundle)
    table = collect(predictor, exported.samples, exported.data.classes)
    reference, groups = measure_reference(predictor, exported.samples, exported.data.classes, table)
    answers = predictor.predict(exported.images)
    assert reference.embeddings.shape == (24, predictor.stage.embedding)
    for row, answer in enumerate(answers):
        assert answer.embedding is not None
        assert float(reference.embeddings[row].astype(np.float32) @ answer.embedding) == pytest.approx(1.0, abs=2e-3)
    ids = [c.id for c in exported.data.classes]
    assert [ids[t] for t in reference.targets] == [s.targets[0] for s in exported.samples]
    assert groups.tolist() == [s.group for s in exported.samples]
    np.testing.assert_allclose(reference.scores, table.probabilities, atol=1e-6)
    assert reference.confusion.sum() == 24
    assert np.diag(reference.confusion).sum() == (table.labels == table.targets).sum()
    assert reference.confusion.sum(axis=1).tolist() == [10, 8, 6]
    assert reference.slices.tolist() == [f"camera={s.slices['camera']}" for s in exported.samples]
    assert np.isfinite(reference.quality).all()
    assert len(np.unique(reference.quality, axis=0)) > 12
    reference.write(tmp_path)
    again = read_reference(tmp_path)
    assert again is not None
    assert np.array_equal(again.embeddings, reference.embeddings)


def test_a_large_set_is_thinned_and_rare_classes_keep_their_own(
    exported: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST", 12)
    bundle = write_bundle(tmp_path / "b", exported.exportable, exported.contents, parity_images=())
    predictor = load(bundle)
    table = collect(predictor, exported.samples, exported.data.classes)
    rare = [s for s in exported.samples if s.targets[0] != "stain"] + [
        s for s in exported.samples if s.targets[0] == "stain"
    ][:2]
    reference, _ = measure_reference(predictor, rare, exported.data.classes, table)
    assert np.bincount(reference.targets).tolist() == [5, 5, 2]


def test_the_limit_lies_beyond_what_new_parts_look_like() -> None:
    rng = np.random.default_rng(0)
    vectors = np.array([1.0, 0.0, 0.0, 0.0]) + rng.normal(0, 0.1, (60, 4))
    groups = np.repeat([f"g{n}" for n in range(20)], 3)
    limit = distance_limit(_of(vectors), groups)
    assert limit is not None
    assert 0.0 < limit < 0.3
    # Copies inside a group must not make parts look closer to each other than they are.
    copies = np.repeat(vectors[::3], 3, axis=0)
    doubled = distance_limit(_of(copies), groups)
    assert doubled is not None
    assert doubled > 0.002


def test_too_few_groups_give_no_limit_and_none_is_above_two() -> None:
    vectors = np.random.default_rng(0).normal(size=(12, 4))
    assert distance_limit(_of(vectors), np.repeat(["a", "b", "c", "d"], 3)) is None
    apart = np.vstack([np.eye(4), -np.eye(4)])
    limit = distance_limit(_of(apart), np.array([str(n) for n in range(8)]))
    assert limit is not None
    assert limit <= 2.0
