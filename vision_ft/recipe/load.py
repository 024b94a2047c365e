"""Read a recipe from YAML and flags, and say in one sentence what is wrong with it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from vision_ft.errors import RecipeError
from vision_ft.recipe.model import Recipe


def load_recipe(path: Path | str | None = None, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe of a YAML file with values laid over it (a nested mapping, or dotted keys).

    `path` is a file, or the name of a shipped recipe such as `classify_defects`; None starts
    from the defaults. Raises `RecipeError` naming the key, what it expects and, for an
    unknown key, the nearest valid one.
    """
    content = _read(find_recipe(path)) if path is not None else {}
    for key, value in (overrides or {}).items():
        _lay(content, key.split("."), value)
    return validate(content, where=str(path) if path is not None else "the recipe")


def validate(content: Mapping[str, Any], where: str = "the recipe") -> Recipe:
    """A typed recipe from plain values; raises `RecipeError`."""
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise _one_sentence(error, where) from None


def find_recipe(path: Path | str) -> Path:
    """The file of a recipe given by path or by the name of a shipped one."""
    file = Path(path)
    if file.is_file():
        return file
    name = file.name.removesuffix(".yaml")
    shipped = _shipped()
    if name in shipped:
        return shipped[name]
    near = difflib.get_close_matches(name, shipped, 1)
    hint = f"Did you mean {near[0]}?" if near else f"Shipped recipes: {', '.join(sorted(shipped))}."
    raise RecipeError(f"recipe {path}", expected="a YAML file", got="no such file", remedy=hint)


def dump_recipe(recipe: Recipe, path: Path) -> None:
    """Write the resolved recipe as YAML."""
    path.write_text(yaml.safe_dump(recipe.plain(), sort_keys=False, allow_unicode=True), encoding="utf-8")


def json_schema() -> str:
    """JSON schema of the recipe, for editors."""
    return json.dumps(Recipe.model_json_schema(), indent=2) + "\n"


def valid_keys() -> list[str]:
    """Every dotted key of the recipe."""
    return list(_walk(Recipe, ""))


def _walk(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        yield key
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _walk(field.annotation, f"{key}.")


def _shipped() -> dict[str, Path]:
    folders = [Path(str(resources.files("vision_ft.recipe"))) / "shipped", Path(__file__).parents[2] / "configs"]
    found: dict[str, Path] = {}
    for folder in folders:
        for file in sorted(folder.glob("*.yaml")) if folder.is_dir() else ():
            found.setdefault(file.stem, file)
    return {name: file for name, file in found.items() if name != "serve"}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"recipe {path} cannot be read", got=str(error)) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise RecipeError(f"recipe {path}{line}", expected="YAML", got=str(getattr(error, "problem", error))) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise RecipeError(f"recipe {path}", expected="keys and values", got=type(content).__name__)
    return content


def _lay(content: dict[str, Any], keys: list[str], value: Any) -> None:
    head, *rest = keys
    if rest:
        below = content.get(head)
        if isinstance(below, str) and head == "task":
            below = {"name": below}
        elif isinstance(below, str) and head == "augment":
            below = {"preset": below}
        content[head] = dict(below) if isinstance(below, Mapping) else {}
        _lay(content[head], rest, value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            _lay(content, [head, *str(key).split(".")], inner)
        content.setdefault(head, {})
    else:
        content[head] = value


def _one_sentence(error: ValidationError, where: str) -> RecipeError:
    problems = error.errors()
    # An unknown key explains other failures beside it, so it is told first.
    first = min(problems, key=lambda p: p["type"] != "extra_forbidden")
    key = ".".join(str(p) for p in first["loc"])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, valid_keys(), 1, cutoff=0.5)
        if not near:
            leaf = {k.rsplit(".", 1)[-1]: k for k in valid_keys()}
            near = [leaf[n] for n in difflib.get_close_matches(key.rsplit(".", 1)[-1], leaf, 1)]
        return RecipeError(
            f"{where}: unknown key {key}{more}",
            remedy=f"Did you mean {near[0]}?" if near else "See --print-config for all keys.",
        )
    message = first["msg"].removeprefix("Value error, ")
    got = "" if first["type"] in {"value_error"} and isinstance(first["input"], Mapping) else repr(first["input"])
    return RecipeError(f"{where}: {key or 'the recipe'}: {message}{more}", got=got)
