"""Prediction tables made by hand, and at random with parts that resemble themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.decision import Decision, DecisionRule
from vision_ft.bundle.manifest import DataInfo, InputSpec, Manifest, Stage, Weights
from vision_ft.evaluation.decide import decided
from vision_ft.evaluation.table import PredictionTable

MakeTable = Callable[..., PredictionTable]
RandomTable = Callable[..., PredictionTable]


@pytest.fixture
def make_table() -> MakeTable:
    """A table from targets and probabilities; parts default to one an image, groups to the parts."""

    def make(
        targets: Sequence[int],
        probabilities: Sequence[Sequence[float]],
        *,
        good: Sequence[int] = (0,),
        parts: Sequence[str] | None = None,
        groups: Sequence[str] | None = None,
        decisions: Sequence[Decision] | None = None,
        rule: DecisionRule | None = None,
        names: Sequence[str] = (),
        slices: dict[str, Sequence[str]] | None = None,
        seen: Sequence[bool] | None = None,
        distances: Sequence[float] | None = None,
        origin: str = "bundle",
    ) -> PredictionTable:
        values = np.array(probabilities, dtype=np.float64)
        count, width = values.shape
        found = np.array(parts if parts is not None else [f"part{i}" for i in range(count)], dtype=np.str_)
        table = PredictionTable(
            classes=tuple(ClassInfo(id=f"c{i}", name=names[i] if names else "", good=i in good) for i in range(width)),
            paths=np.array([f"images/{i}.png" for i in range(count)], dtype=np.str_),
            targets=np.array(targets, dtype=np.int64),
            probabilities=values,
            decisions=tuple(decisions) if decisions is not None else (Decision.PASS,) * count,
            distances=np.full(count, np.nan) if distances is None else np.array(distances, dtype=np.float64),
            parts=found,
            groups=found if groups is None else np.array(groups, dtype=np.str_),
            seen=np.zeros(count, dtype=np.bool_) if seen is None else np.array(seen, dtype=np.bool_),
            slices={name: np.array(one, dtype=np.str_) for name, one in (slices or {}).items()},
            origin=origin,
        )
        return table if decisions is not None else decided(table, rule or DecisionRule())

    return make


@pytest.fixture
def random_table(make_table: MakeTable) -> RandomTable:
    """A table whose images are alike within their part, as real ones are."""

    def make(
        parts: int = 40, images: int = 5, classes: int = 4, *, skill: float = 2.0, alike: float = 1.0, seed: int = 0,
        good: Sequence[int] = (0,), origin: str = "bundle",
    ) -> PredictionTable:  # fmt: skip
        rng = np.random.default_rng(seed)
        part = np.repeat(np.arange(parts), images)
        target = (np.arange(parts) % classes)[part]
        logits = rng.normal(size=(len(part), classes)) + alike * rng.normal(size=(parts, classes))[part]
        logits[np.arange(len(part)), target] += skill
        odds = np.exp(logits)
        return make_table(
            target.tolist(),
            (odds / odds.sum(axis=1, keepdims=True)).tolist(),
            parts=[f"p{i:04d}" for i in part],
            good=good,
            origin=origin,
        )

    return make


@pytest.fixture
def manifest() -> Manifest:
    """A manifest of four classes, the first of them good."""
    classes = tuple(ClassInfo(id=f"c{i}", good=i == 0) for i in range(4))
    return Manifest(
        name="tiles",
        version="v7",
        created="2026-01-01T00:00:00Z",
        stages=(
            Stage(
                task="classify",
                classes=classes,
                input=InputSpec(height=64, width=96),
                outputs=("probabilities",),
                heatmap="the backbone has no spatial map",
                prior={c.id: 0.25 for c in classes},
                weights=Weights(backbone="test_backbone", source="a package", licence="Apache-2.0"),
            ),
        ),
        data=DataInfo(
            card="some_card",
            fingerprint="f" * 64,
            images=80,
            parts=16,
            images_per_class={c.id: 20 for c in classes},
            parts_per_class={c.id: 4 for c in classes},
        ),
        libraries={"numpy": "2.0"},
    )
