"""The JSON schema beside the shipped recipes is that of the recipe, and editors can use it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from vision_ft.recipe.load import json_schema

CONFIGS = Path(__file__).resolve().parents[3] / "configs"


def test_the_schema_in_the_repository_is_current() -> None:
    written = (CONFIGS / "recipe.schema.json").read_text(encoding="utf-8")
    assert written == json_schema(), "write it anew: vision-ft train --print-schema > configs/recipe.schema.json"


def test_the_shipped_recipes_name_the_schema_to_editors() -> None:
    recipes = sorted(set(CONFIGS.glob("*.yaml")) - {CONFIGS / "serve.yaml"})
    assert recipes
    for recipe in recipes:
        first = recipe.read_text(encoding="utf-8").splitlines()[0]
        assert first == "# yaml-language-server: $schema=recipe.schema.json", recipe.name


def test_every_section_is_closed_and_every_key_explained() -> None:
    schema = json.loads(json_schema())
    sections = {"": schema, **schema["$defs"]}
    explained = 0
    for name, section in sections.items():
        assert section["additionalProperties"] is False, name
        for key, field in section["properties"].items():
            if not _refers(field) and name != "Region":
                assert field.get("description"), f"{name}.{key}"
                explained += 1
    assert explained > 50


def test_the_schema_takes_what_the_recipe_takes() -> None:
    schema = json.loads(json_schema())
    words = [("task", one) for one in ("classify", "detect", "segment", "anomaly")]
    for section, word in [*words, ("augment", "light")]:
        kinds = schema["properties"][section]["anyOf"]
        assert any(word in kind.get("enum", [kind.get("const")]) for kind in kinds), section
    # `anyOf` within `anyOf`: a duration or null, and a duration is a number or text.
    times = schema["$defs"]["TrainerSection"]["properties"]["max_time"]["anyOf"]
    (pattern,) = [one["pattern"] for kind in times for one in kind.get("anyOf", [kind]) if "pattern" in one]
    for written in ("90", "15m", "1h30m", "00:00:15:00"):
        assert re.search(pattern, written)
    assert not re.search(pattern, "soon")


def _refers(field: dict[str, Any]) -> bool:
    return "$ref" in field or any("$ref" in kind for kind in field.get("anyOf", ()))
