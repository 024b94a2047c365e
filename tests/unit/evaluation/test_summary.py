"""metrics.json: the promised keys, each figure with its interval, strict JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vision_ft.bundle.decision import DecisionRule
from vision_ft.bundle.manifest import Manifest
from vision_ft.evaluation.summary import summarise, write_summary
from vision_ft.evaluation.table import PredictionTable

MakeTable = Callable[..., PredictionTable]
FIGURES = (
    "accuracy", "balanced_accuracy", "macro_f1", "ece", "nll", "escape_rate", "overkill_rate", "review_share",
)  # fmt: skip


def strict(value: dict[str, Any]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(json.dumps(value, allow_nan=False))
    return loaded


def test_the_promised_keys(random_table: MakeTable, manifest: Manifest) -> None:
    found = strict(summarise(random_table(), manifest))
    assert (found["images"], found["parts"], found["origin"]) == (200, 40, "bundle")
    assert found["bundle_version"] == "v7"
    assert found["objective"]["verdict"] == "no objective"
    for name in FIGURES:
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"]
        assert found[f"{name}_method"]
    assert set(found["per_class"]) == {"c0", "c1", "c2", "c3"}
    for entry in found["per_class"].values():
        for name in ("precision", "recall", "f1"):
            assert entry[f"{name}_low"] <= entry[name] <= entry[f"{name}_high"]
        assert (entry["support"], entry["parts"]) == (50, 10)


def test_undefined_figures_are_null_with_a_reason(make_table: MakeTable) -> None:
    found = strict(summarise(make_table([0, 0], [[0.9, 0.1, 0.0]] * 2, good=())))
    assert found["escape_rate"] is None
    assert found["escape_rate_low"] is None
    assert found["escape_rate_reason"] == "no class is declared good"
    assert found["per_class"]["c1"]["precision"] is None
    assert found["per_class"]["c1"]["precision_reason"] == "no image was answered with this class"
    assert "No image of c1, c2" in found["notes"][0]


def test_a_class_that_is_never_an_image_s_first_is_not_missing(make_table: MakeTable) -> None:
    class Counting:
        def figures(self, table: PredictionTable, *, seed: int) -> dict[str, Any]:
            return {"per_class": {"c1": {"support": 2, "parts": 1}, "c2": {"support": 0, "parts": 0}}}

    observer: Any = Counting()
    found = summarise(make_table([0, 0], [[0.9, 0.1, 0.0]] * 2), observer=observer)
    assert [note for note in found["notes"] if note.startswith("No image of c2:")]


def test_an_empty_table_is_still_strict_json(make_table: MakeTable) -> None:
    empty = make_table([0], [[0.9, 0.1]]).select(np.zeros(1, dtype=np.bool_))
    found = strict(summarise(empty))
    assert found["images"] == 0
    assert found["accuracy"] is None
    assert found["accuracy_reason"] == "there is no image"


def test_training_images_are_counted_and_noted(make_table: MakeTable) -> None:
    found = summarise(make_table([0, 1, 1, 0], [[0.5, 0.5]] * 4, seen=[True, False, True, False]))
    assert found["seen_images"] == 2
    assert found["seen_share"] == 0.5
    assert "2 of 4 images were used to train this model" in found["notes"][0]


def test_out_of_scope_by_the_limit_of_the_manifest(make_table: MakeTable, manifest: Manifest) -> None:
    table = make_table([0, 1, 1, 0], [[0.25] * 4] * 4, distances=[0.1, 0.5, 0.2, float("nan")])
    limited = manifest.model_copy(update={"decision": DecisionRule(distance_limit=0.3)})
    assert summarise(table, limited)["out_of_scope"] == pytest.approx(1 / 3)
    assert summarise(table, manifest)["out_of_scope_reason"] == "no distance limit is set"


def test_slices_have_figures_of_their_own(make_table: MakeTable) -> None:
    table = make_table(
        [0, 1, 0, 1], [[0.9, 0.1], [0.2, 0.8], [0.1, 0.9], [0.3, 0.7]], slices={"camera": ["a", "a", "b", ""]}
    )
    found = strict(summarise(table))["slices"]["camera"]
    assert set(found) == {"a", "b"}
    assert found["a"]["accuracy"] == 1.0
    assert found["a"]["escape_rate"] == 0.0
    assert found["b"]["accuracy"] == 0.0
    assert found["b"]["overkill_rate"] == 1.0
    assert found["b"]["escape_rate_reason"] == "there is no defective part"


def test_a_slice_with_a_value_an_image_is_none(random_table: MakeTable) -> None:
    table = random_table()
    serial = replace(table, slices={"serial": np.arange(len(table)).astype(np.str_)})
    assert summarise(serial)["slices"] == {}


def test_it_is_written_as_json(random_table: MakeTable, tmp_path: Path) -> None:
    summary = summarise(random_table())
    write_summary(tmp_path / "report" / "metrics.json", summary)
    text = (tmp_path / "report" / "metrics.json").read_text(encoding="utf-8")
    assert "NaN" not in text
    assert json.loads(text) == strict(summary)
    with pytest.raises(ValueError, match="JSON"):
        write_summary(tmp_path / "metrics.json", {"accuracy": float("nan")})
