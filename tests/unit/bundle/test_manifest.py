"""The manifest is what was written, and nothing else passes for one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from vision_ft.bundle import ClassInfo, DecisionRule, InputSpec, Manifest
from vision_ft.bundle.manifest import (
    MANIFEST,
    SCHEMA_VERSION,
    DataInfo,
    Region,
    Stage,
    Weights,
    read_manifest,
    write_manifest,
)
from vision_ft.errors import ChecksumError, ManifestError

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def manifest(**changes: Any) -> Manifest:
    stage = Stage(
        task="classify",
        classes=(ClassInfo(id="good", good=True), ClassInfo(id="dent", name="Delle – tief")),
        input=InputSpec(height=224, width=320, window=(0.0, 4095.0), region=Region(left=0.1)),
        outputs=("probabilities",),
        prior={"good": 0.9, "dent": 0.1},
        weights=Weights(backbone="test", source="none"),
    )
    content: dict[str, Any] = {
        "name": "plates",
        "version": "1",
        "created": "2026-01-02T03:04:05Z",
        "stages": (stage,),
        "decision": DecisionRule(pass_below=0.1, reject_from=1 / 3),
        "data": DataInfo(fingerprint="abc", images=3, parts=2),
    }
    return Manifest(**(content | changes))


def write_content(folder: Path, content: dict[str, Any]) -> None:
    (folder / MANIFEST).write_text(json.dumps(content), encoding="utf-8")


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest())
    found = read_manifest(tmp_path)
    assert found == manifest().sealed()
    assert found.stage.classes == found.classes
    assert [c.title for c in found.classes] == ["good", "Delle – tief"]


def test_a_person_can_read_it(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest())
    text = (tmp_path / MANIFEST).read_text(encoding="utf-8")
    assert "Delle – tief" in text
    assert text.count("\n") > 40


@given(content=st.dictionaries(st.text(), plain, max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_figures_and_any_recipe_survive(tmp_path: Path, content: dict[str, Any]) -> None:
    write_manifest(tmp_path, manifest(metrics=content, recipe=content))
    assert read_manifest(tmp_path).metrics == content


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), "2"),
        (("decision", "pass_below"), 0.2),
        (("stages", 0, "classes", 0, "good"), False),
        (("stages", 0, "input", "window"), None),
        (("files",), {"model.onnx": "0" * 64}),
        (("digest",), "0" * 64),
    ],
)
def test_a_changed_value_is_noticed(tmp_path: Path, path: tuple[str | int, ...], value: Any) -> None:
    write_manifest(tmp_path, manifest())
    content = json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    write_content(tmp_path, content)
    with pytest.raises(ChecksumError, match="changed after it was written"):
        read_manifest(tmp_path)


def test_another_layout_of_the_same_values_is_the_same_manifest(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest())
    before = read_manifest(tmp_path)
    content = json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))
    write_content(tmp_path, dict(reversed(content.items())))
    assert read_manifest(tmp_path) == before


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest(schema_version=SCHEMA_VERSION + 1))
    with pytest.raises(ManifestError, match=rf"schema version {SCHEMA_VERSION} or older, got {SCHEMA_VERSION + 1}"):
        read_manifest(tmp_path)


def test_no_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"is not a bundle: expected a folder with manifest\.json"):
        read_manifest(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '"text"', "{}", '{"schema_version": "1"}', '{"schema_version": null}', "\xff"]
)
def test_other_files_are_no_manifest(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text, encoding="latin-1")
    with pytest.raises(ManifestError) as caught:
        read_manifest(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "content"),
    [
        (Region, {"left": 1.0}),
        (Region, {"right": 0.0}),
        (InputSpec, {"height": 0, "width": 3}),
        (InputSpec, {"height": 3, "width": 3, "placement": "squeeze"}),
        (InputSpec, {"height": 3, "width": 3, "pad": 256}),
        (Manifest, {}),
        (Weights, {"backbone": "x", "source": "y", "license": "MIT"}),
    ],
)
def test_values_are_checked_at_birth(model: type[Region], content: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(content)
