"""Argument parsers that fail in one sentence, and the flags of a recipe."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pydantic_settings import BaseSettings, CliSettingsSource, SettingsConfigDict, SettingsError

from vision_ft.errors import UsageError
from vision_ft.recipe.load import BARE_SECTIONS, valid_keys
from vision_ft.recipe.model import Recipe


class Parser(argparse.ArgumentParser):
    """Raises `UsageError` instead of printing usage and leaving; names the nearest flag."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where help is."""
        raise UsageError(f"{self.prog}: {message}", remedy=f"See `{self.prog} --help`.")

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parse all of the arguments; an unknown flag is an error that names the nearest one."""
        found, unknown = self.parse_known_args(list(argv))
        if unknown:
            known = [flag for action in self._actions for flag in action.option_strings]
            name = unknown[0].split("=")[0]
            near = difflib.get_close_matches(name, known, 1, cutoff=0.6) if name.startswith("-") else []
            what = "option" if name.startswith("-") else "argument"
            remedy = f"Did you mean {near[0]}?" if near else f"See `{self.prog} --help`."
            raise UsageError(f"{self.prog}: unknown {what} {name}", remedy=remedy)
        return found


# How a flag takes a value back that the recipe sets; `None`, as in the help texts, does too.
_NOTHING = "null"
_SECTIONS = frozenset(key.split(".")[0] for key in valid_keys() if "." in key)


class _Flags(Recipe, BaseSettings):
    """The recipe as flags. Environment variables are not read: a recipe is what is written."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class RecipeFlags:
    """Every key of the recipe as a dotted flag of a parser, `--trainer.max_epochs 5` say."""

    def __init__(self, parser: Parser) -> None:
        self._own = {action.dest for action in parser._actions}
        self._source: Any = CliSettingsSource(
            _Flags,
            root_parser=parser,
            cli_prefix="",
            cli_hide_none_type=True,
            cli_avoid_json=True,
            cli_parse_none_str=_NOTHING,
            cli_use_class_docs_for_groups=True,
        )

    def given(self, namespace: argparse.Namespace) -> Mapping[str, Any]:
        """The values that were given, as a nested mapping to lay over a recipe."""
        values = {k: v for k, v in vars(namespace).items() if k not in self._own}
        words = {k: values.pop(k) for k in BARE_SECTIONS if _is_word(values.get(k))}
        values = {k: _NOTHING if v == "None" else v for k, v in values.items()}
        found: dict[str, Any] = {}
        for key, word in words.items():
            found[key] = {BARE_SECTIONS[key]: word}
        try:
            given: Mapping[str, Any] = self._source(parsed_args=argparse.Namespace(**values))()
        except SettingsError as error:
            name = next((k for k in values if f'"{k}"' in str(error)), "")
            raise UsageError(
                f"--{name} {values.get(name, '')}".strip(),
                expected=f"one of the section's keys, such as --{name}.KEY VALUE" if name in _SECTIONS else "a value",
                got=str(error.__cause__ or error),
            ) from None
        for key, value in given.items():
            found[key] = {**found[key], **value} if key in found else value
        return found


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and not value.lstrip().startswith("{")
