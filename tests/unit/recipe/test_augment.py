"""A preset fills in what is not given, and what is given stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from vision_ft.recipe import Recipe, dump_recipe, load_recipe
from vision_ft.recipe.augment import PRESETS, AugmentSection


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_sets_every_parameter(name: str) -> None:
    section = AugmentSection.model_validate({"preset": name})
    assert section.model_dump() == {"preset": name, **PRESETS[name]}
    assert set(PRESETS[name]) | {"preset"} == set(AugmentSection.model_fields)


def test_the_choices_are_the_presets() -> None:
    assert set(AugmentSection.model_json_schema()["properties"]["preset"]["enum"]) == set(PRESETS)


def test_without_a_word_it_is_for_surfaces() -> None:
    assert Recipe().augment == AugmentSection.model_validate("surface")


@pytest.mark.parametrize("written", ["augment: light\n", "augment: {preset: light}\n"])
def test_the_bare_name_is_enough(tmp_path: Path, written: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(written, encoding="utf-8")
    assert load_recipe(path).augment == AugmentSection.model_validate({"preset": "light"})


def test_a_given_value_wins_over_the_preset() -> None:
    section = load_recipe(None, {"augment": {"preset": "sign", "blur": 0.0, "scale": [0.5, 2.0]}}).augment
    assert (section.blur, section.scale) == (0.0, (0.5, 2.0))
    assert section.brightness == PRESETS["sign"]["brightness"]


def test_signs_are_never_mirrored() -> None:
    sign = AugmentSection.model_validate("sign")
    assert (sign.flip_horizontal, sign.flip_vertical, sign.rotate_90) == (0.0, 0.0, 0.0)


def test_none_varies_nothing() -> None:
    none = AugmentSection.model_validate("none").model_dump(exclude={"preset"})
    assert none.pop("scale") == (1.0, 1.0)
    assert set(none.values()) == {0.0}


@pytest.mark.parametrize("override", [{"augment.preset": "none"}, {"augment": "none"}, {"augment": {"preset": "none"}}])
def test_another_preset_over_a_resolved_recipe_replaces_what_the_first_filled_in(
    tmp_path: Path, override: dict[str, object]
) -> None:
    path = tmp_path / "resolved.yaml"
    dump_recipe(load_recipe(None, {"augment": {"preset": "surface", "noise": 0.7}}), path)
    section = load_recipe(path, override).augment
    assert section.noise == 0.7
    assert section == AugmentSection.model_validate({"preset": "none", "noise": 0.7})


def test_a_value_laid_over_a_bare_preset(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("augment: light\n", encoding="utf-8")
    section = load_recipe(path, {"augment.shift": 0.4}).augment
    assert section == AugmentSection.model_validate({"preset": "light", "shift": 0.4})
