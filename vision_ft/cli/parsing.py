"""Argument parsers that fail in one sentence, and the flags of a recipe."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pydantic_settings import BaseSettings, CliSettingsSource, SettingsConfigDict

from vision_ft.errors import UsageError
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


class _Flags(Recipe, BaseSettings):  # type: ignore[misc]
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
            cli_use_class_docs_for_groups=True,
        )

    def given(self, namespace: argparse.Namespace) -> Mapping[str, Any]:
        """The values that were given, as a nested mapping to lay over a recipe."""
        values = {k: v for k, v in vars(namespace).items() if k not in self._own}
        found: Mapping[str, Any] = self._source(parsed_args=argparse.Namespace(**values))()
        return found
