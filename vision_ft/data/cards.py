"""Data cards: what a known dataset's folders, file names and numbers mean, as one YAML file.

A card names the task, layout, classes, what makes a part and a group, slices, masks, licence
and origin. It holds for any root in that layout, also for one with a part of the classes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vision_ft.bundle.classes import ClassInfo
from vision_ft.data.grouping import GroupRule, KeyRule, Pattern, Where
from vision_ft.errors import DataError, UsageError
from vision_ft.recipe.yaml_text import read_yaml

SCHEMA_VERSION = 1
PACKAGED = "cards_yaml"
"""Folder of this package that an installed wheel keeps the cards in."""


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FolderTarget(_Closed):
    """The class is the name of the folder at `depth` below the root (0: the first)."""

    rule: Literal["folder"]
    depth: int = Field(default=0, ge=0)


class RegexTarget(_Closed):
    """The class is what the pattern's group `target`, or else its first group, captures."""

    rule: Literal["regex"]
    pattern: Pattern
    search: Where = "name"


class CsvTarget(_Closed):
    """The classes stand in a table (columns path, target and more) below the root."""

    rule: Literal["csv"]
    file: str = "labels.csv"


class SliceRule(_Closed):
    """The slice's value is what the pattern's first group captures; no match: no value."""

    pattern: Pattern
    search: Where = "name"


class SiblingMask(_Closed):
    """The mask lies beside the image and has another suffix."""

    rule: Literal["sibling"]
    suffix: str = Field(default=".png", pattern=r"^[^/]*\.[A-Za-z]+$")


class FolderMask(_Closed):
    """The mask lies at the same place in the folder `folder` as the image in `images`."""

    rule: Literal["folder"]
    images: str = "images"
    folder: str = "masks"
    suffix: str = Field(default=".png", pattern=r"^[^/]*\.[A-Za-z]+$")


TargetRule = Annotated[FolderTarget | RegexTarget | CsvTarget, Field(discriminator="rule")]
MaskRule = Annotated[SiblingMask | FolderMask, Field(discriminator="rule")]


class Card(_Closed):
    """A data card; see `datasets/README.md` for what each key means."""

    schema_version: Literal[1] = Field(alias="schema")
    name: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    task: Literal["classify", "detect", "segment", "anomaly"]
    layout: Literal["files", "table", "voc", "coco", "yolo", "masks"]
    images: str
    target: TargetRule | None = None
    """The class of an image; where objects are labelled they say it, and the rule only serves that of the part."""
    classes: tuple[ClassInfo, ...] = Field(min_length=1)
    part: KeyRule | None = None
    """What is decided together; None: the table's own column `part`, or else each image."""
    group: GroupRule | None = None
    """What must not straddle a split; None: the table's own column `group`, or else the part."""
    slices: dict[str, SliceRule] = {}
    slice_table: str | None = None
    """A CSV (columns path, target and more) whose further columns become slices; it may be missing."""
    masks: MaskRule | None = None
    train_on: tuple[str, ...] = ()
    """Only images of these classes are trained and validated on; all others are tested. Empty: any class."""
    augment: Literal["surface", "sign", "light", "none"] = "surface"
    """The preset that suits these images. The recipe decides; training says so where it mirrors what is a `sign`."""
    licence: str
    source: str
    citation: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Card:
        ids = [one.id for one in self.classes]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise ValueError(f"class {twice[0]!r} is listed twice")
        if isinstance(self.target, CsvTarget) != (self.layout == "table"):
            raise ValueError("layout 'table' and target rule 'csv' go together")
        if self.target is None and self.layout == "files":
            raise ValueError("the key 'target' is missing, which layout 'files' needs")
        if sum(one.background for one in self.classes) > 1:
            raise ValueError("more than one class is marked background")
        unknown = sorted(set(self.train_on) - set(ids))
        if unknown:
            raise ValueError(f"train_on names the class {unknown[0]!r}, which is not listed")
        return self


def find(card: str | Path) -> Card:
    """Read the card of this name, or at this path.

    A name is looked up among the installed cards, then in `./datasets`, then in the
    repository's `datasets`. Raises UsageError for an unknown name (with the nearest known).
    """
    text = str(card)
    if text.endswith((".yaml", ".yml")) or "/" in text or isinstance(card, Path):
        return read(Path(card))
    for folder in _folders():
        if (folder / f"{text}.yaml").is_file():
            return read(folder / f"{text}.yaml")
    known = names()
    near = difflib.get_close_matches(text, known, 1)
    raise UsageError(
        f"There is no data card {text!r}",
        expected=f"a path to a card, or one of {', '.join(known)}",
        remedy=f"Did you mean {near[0]!r}?" if near else "",
    )


def names() -> tuple[str, ...]:
    """Names of all cards that `find` knows."""
    return tuple(sorted({path.stem for folder in _folders() for path in folder.glob("*.yaml")}))


def read(path: Path) -> Card:
    """Read the card at `path`; raises DataError with one sentence that names file, key and rule."""
    try:
        raw = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"The data card {path} cannot be read", got=_reason(error)) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        got = " ".join(str(getattr(error, "problem", None) or error).split())
        raise DataError(f"{path}{where} is no YAML", got=got) from error
    if not isinstance(raw, dict):
        raise DataError(f"{path} is no data card", expected="keys such as name, task and classes")
    try:
        return Card.model_validate(raw)
    except ValidationError as error:
        raise DataError(f"Data card {path.name}: {_sentence(error)}") from error


def _folders() -> Iterator[Path]:
    packaged = resources.files("vision_ft.data").joinpath(PACKAGED)
    # A wheel is unpacked into real folders; from a zip archive, cards are given by path.
    if isinstance(packaged, Path):
        yield packaged
    yield Path("datasets")
    # Beside an installed vision_ft, a folder `datasets` is Hugging Face's package and not ours.
    repository = Path(__file__).resolve().parents[2]
    if (repository / "pyproject.toml").is_file():
        yield repository / "datasets"


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _sentence(error: ValidationError) -> str:
    """Put the first of pydantic's complaints into words, with the nearest key for an unknown one."""
    first = error.errors()[0]
    # Discriminated unions put the rule's name between key and subkey; `classes.0` is the first class.
    key = ".".join(str(one) for one in first["loc"])
    match first["type"]:
        case "missing":
            return f"the key {key!r} is missing"
        case "extra_forbidden":
            near = difflib.get_close_matches(str(first["loc"][-1]), _keys(), 1)
            return f"the key {key!r} is unknown" + (f"; did you mean {near[0]!r}?" if near else "")
        case _:
            message = first["msg"].removeprefix("Value error, ")
            return f"{key}: {message}" if key else message


def _keys() -> list[str]:
    rules = (FolderTarget, RegexTarget, CsvTarget, SliceRule, SiblingMask, FolderMask)
    models: tuple[type[BaseModel], ...] = (Card, ClassInfo, *rules)
    return sorted({field.alias or name for model in models for name, field in model.model_fields.items()})
