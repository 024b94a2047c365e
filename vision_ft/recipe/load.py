"""Read a recipe from YAML and flags, and say in one sentence what is wrong with it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence, Set
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from vision_ft.errors import RecipeError
from vision_ft.recipe.augment import own_values
from vision_ft.recipe.model import Recipe
from vision_ft.recipe.yaml_text import read_yaml

BARE_SECTIONS = {"task": "name", "augment": "preset"}
"""Sections that may be written as one word, and the key that the word is."""


def load_recipe(path: Path | str | None = None, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe of a YAML file with values laid over it (a nested mapping, or dotted keys).

    `path` is a file, or the name of a shipped recipe such as `classify_defects`; None starts
    from the defaults. Raises `RecipeError` naming the key, what it expects and, for an
    unknown key, the nearest valid one.
    """
    content = _read(find_recipe(path)) if path is not None else {}
    if _names_preset(overrides or {}) and isinstance(content.get("augment"), Mapping):
        # A resolved recipe lists what its preset filled in; another preset replaces that.
        content["augment"] = own_values(content["augment"])
    sections = {key.rpartition(".")[0] for key in valid_keys()}
    for key, value in (overrides or {}).items():
        _lay(content, str(key).split("."), value, sections)
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
    # A missing file elsewhere is somebody's own: the shipped recipe of that name is another one.
    if name in shipped and file.parent in (Path("."), Path("configs")):
        return shipped[name]
    near = difflib.get_close_matches(name, shipped, 1)
    hint = f"Did you mean {near[0]}?" if near else f"Shipped recipes: {', '.join(sorted(shipped))}."
    raise RecipeError(f"recipe {path}", expected="a YAML file", got="no such file", remedy=hint)


def dump_recipe(recipe: Recipe, path: Path) -> None:
    """Write the resolved recipe as YAML."""
    path.write_text(to_yaml(recipe), encoding="utf-8")


def to_yaml(recipe: Recipe) -> str:
    """The resolved recipe as YAML text that is read back as the same recipe."""
    text = yaml.safe_dump(recipe.plain(), sort_keys=False, allow_unicode=True)
    # PyYAML takes the character NEL for printable, and adds blanks behind it.
    return yaml.safe_dump(recipe.plain(), sort_keys=False) if "\x85" in text else text


def json_schema() -> str:
    """JSON schema of the recipe, for editors."""
    schema = Recipe.model_json_schema()
    for section, key in BARE_SECTIONS.items():
        field = schema["properties"][section]
        wholes = [one["$ref"] for one in field.pop("oneOf", ())] or [field.pop("$ref")]
        field.pop("discriminator", None)
        field["anyOf"] = [{"$ref": whole} for whole in wholes]
        for whole in wholes:
            words = schema["$defs"][whole.rsplit("/", 1)[-1]]["properties"][key]
            field["anyOf"].append({k: words[k] for k in ("type", "const", "enum") if k in words})
    return json.dumps(schema, indent=2) + "\n"


def valid_keys() -> list[str]:
    """Every dotted key of the recipe."""
    return list(_walk(Recipe, ""))


def _walk(model: type[BaseModel], prefix: str, tag: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        yield key
        models = _models(field.annotation, BARE_SECTIONS.get(key, ""), tag)
        yield from dict.fromkeys(k for one in models for k in _walk(one, f"{key}.", tag))


def _models(annotation: Any, named: str, tag: str) -> list[type[BaseModel]]:
    """The sections that a key may hold: several, where it is one of several kinds and no tag says which."""
    several = [one for one in (annotation, *get_args(annotation)) if isinstance(one, type)]
    found = [one for one in several if issubclass(one, BaseModel)]
    tagged = [one for one in found if named in one.model_fields and one.model_fields[named].default == tag]
    return tagged or found


def _shipped() -> dict[str, Path]:
    folders = [Path(str(resources.files("vision_ft.recipe"))) / "shipped", Path(__file__).parents[2] / "configs"]
    found: dict[str, Path] = {}
    for folder in folders:
        for file in sorted(folder.glob("*.yaml")) if folder.is_dir() else ():
            found.setdefault(file.stem, file)
    return {name: file for name, file in found.items() if name != "serve"}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = read_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"recipe {path} cannot be read", got=error.strerror or str(error)) from error
    except UnicodeDecodeError:
        raise RecipeError(f"recipe {path}", expected="text in UTF-8", got="other bytes") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        got = " ".join(str(getattr(error, "problem", error)).split())
        raise RecipeError(f"recipe {path}{line}", expected="YAML", got=got) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise RecipeError(f"recipe {path}", expected="keys and values", got=type(content).__name__)
    return content


def _names_preset(overrides: Mapping[str, Any]) -> bool:
    augment = overrides.get("augment")
    named = "preset" in augment if isinstance(augment, Mapping) else isinstance(augment, str)
    return named or "augment.preset" in overrides


def _lay(content: dict[str, Any], keys: list[str], value: Any, sections: Set[str], above: str = "") -> None:
    """Lay a value over `content`, which is what stands in the section `above`."""
    head, *rest = keys
    if isinstance(value, str) and not rest and head in BARE_SECTIONS:
        rest = [BARE_SECTIONS[head]]
    if rest:
        below = content.get(head)
        if isinstance(below, str) and head in BARE_SECTIONS:
            below = {BARE_SECTIONS[head]: below}
        if below is not None and not isinstance(below, Mapping):
            if above + head in sections:
                return  # no section, where one is expected: what stands there will be told
            below = None  # a section, where none is expected: what is laid over it will be told
        content[head] = dict(below or {})
        _lay(content[head], rest, value, sections, f"{above}{head}.")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            _lay(content, [head, *str(key).split(".")], inner, sections, above)
        content.setdefault(head, {})
    else:
        content[head] = value


def _one_sentence(error: ValidationError, where: str) -> RecipeError:
    found = error.errors(include_url=False)
    tag = next((str(one["loc"][1]) for one in found if _tagged(one)), "")
    problems = [_untagged(one) for one in found]
    # An unknown key explains other failures beside it, so it is told first.
    first = min(problems, key=lambda p: p["type"] != "extra_forbidden")
    known = set(valid_keys())
    unknown = first["type"] == "extra_forbidden"
    key = ".".join(map(str, first["loc"])) if unknown else _known(first, known)
    others = {_known(p, known) if p["type"] != "extra_forbidden" else str(p["loc"]) for p in problems}
    more = f" (and {len(others) - 1} more)" if len(others) > 1 else ""
    if unknown:
        near = _nearest(key, list(_walk(Recipe, "", tag)))
        hint = f"Did you mean {near}?" if near else "See --print-config for all keys."
        if key in known:
            hint = f"It is of another {key.partition('.')[0]} than {tag}: see --print-config for the keys of this one."
        return RecipeError(f"{where}: unknown key {key}{more}", remedy=hint)
    same = [p for p in problems if p["type"] != "extra_forbidden" and _known(p, known) == key]
    place = f"{where}: {key}{more}" if key else f"{where}{more}"
    if first["type"] == "value_error":
        got = "" if isinstance(first["input"], Mapping) else f": got {_shown(first['input'])}"
        return RecipeError(f"{place}: {first['msg'].removeprefix('Value error, ')}{got}")
    # A value that may be one of several kinds has a problem for each.
    expected = " or ".join(dict.fromkeys(_expected(p) for p in same))
    return RecipeError(place, expected=expected, got=_shown(first["input"]))


def _untagged(problem: ErrorDetails) -> ErrorDetails:
    """The problem without the step into one of several kinds of a section, which pydantic names by its tag."""
    loc = problem["loc"]
    if _tagged(problem):
        problem["loc"] = (loc[0], *loc[2:])
    if problem["type"] == "union_tag_invalid":
        named = BARE_SECTIONS[str(loc[0])]
        problem["loc"] = (*loc, named)
        problem["input"] = problem["input"][named]
        tags = problem.get("ctx", {}).get("expected_tags", problem["msg"])
        problem["msg"] = " or ".join(tags.rsplit(", ", 1))
    return problem


def _tagged(problem: ErrorDetails) -> bool:
    """Whether the place of a problem has a step into one of several kinds."""
    loc = problem["loc"]
    return len(loc) > 2 and loc[0] in BARE_SECTIONS and f"{loc[0]}.{loc[1]}" not in set(valid_keys())


def _known(problem: ErrorDetails, known: set[str]) -> str:
    """The key that a problem is of, without pydantic's further steps into types and lists."""
    steps = [str(step) for step in problem["loc"]]
    while steps and ".".join(steps) not in known:
        steps.pop()
    return ".".join(steps)


def _nearest(key: str, keys: Sequence[str]) -> str:
    near = difflib.get_close_matches(key, keys, 1, cutoff=0.5)
    if not near:
        leaf = {k.rsplit(".", 1)[-1]: k for k in keys}
        near = [leaf[n] for n in difflib.get_close_matches(key.rsplit(".", 1)[-1], leaf, 1)]
    return near[0] if near else ""


_KINDS = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
    "path_type": "a path",
    "tuple_type": "a list",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "dict_type": "keys and values",
    "invalid_key": "a key that is text",
    "missing": "more values",
    "too_long": "fewer values",
}


def _expected(problem: ErrorDetails) -> str:
    kind = _KINDS.get(problem["type"])
    message = problem["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return kind or (f"a value {message}" if message.startswith(("greater", "less")) else message)


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):  # keys that are no text, circles, numbers and depths without end
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."
