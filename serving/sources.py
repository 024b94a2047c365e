"""Reading the settings from flags, environment and file, with one sentence for each mistake."""

from __future__ import annotations

import argparse
import difflib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_settings import SettingsError

from serving.settings import ENV_PREFIX, Settings
from vision_ft.errors import UsageError


def read_settings(argv: Sequence[str] = ()) -> Settings:
    """Settings from flags, the environment and the YAML file that one of the two names.

    `--help` prints and raises `SystemExit(0)`.
    Raises `UsageError` for an unknown key, a value of the wrong type or an unreadable file.
    """
    _check_environment()
    config = _config_file(argv)
    given: dict[str, Any] = {} if config is None else {"config": config}
    try:
        return Settings(**given, _cli_parse_args=list(argv))
    except SettingsError as error:
        raise _flag_error(str(error)) from error
    except ValidationError as error:
        raise settings_error(error) from error
    except yaml.YAMLError as error:
        raise UsageError(f"{config} is not YAML", got=" ".join(str(error).split())) from error


def settings_error(error: ValidationError) -> UsageError:
    """The first complaint of a validation in one sentence, with the nearest valid key."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return UsageError(f"setting {key!r} does not exist", remedy=_nearest(key))
    return UsageError(f"setting {key}", expected=_lower(first["msg"]), got=repr(first["input"]))


def keys(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """Every setting's dotted name."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name


def _check_environment() -> None:
    """Refuse a variable that is nearly a setting: a misspelt limit would be no limit. Others may have their own."""
    names = [ENV_PREFIX + key.replace(".", "__").upper() for key in keys()]
    for variable in os.environ:
        if variable.startswith(ENV_PREFIX) and variable not in names:
            # A setting's own name without its section is far from the whole one.
            alone = [name for name in names if name.endswith(f"__{variable.removeprefix(ENV_PREFIX)}")]
            close = alone or difflib.get_close_matches(variable, names, 1, 0.9)
            if close:
                raise UsageError(f"environment variable {variable} is no setting", remedy=f"Did you mean {close[0]}?")


def _config_file(argv: Sequence[str]) -> Path | None:
    """The YAML file that `--config` or the environment names, checked to exist."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config")
    try:
        named = parser.parse_known_args(list(argv))[0].config or os.environ.get(f"{ENV_PREFIX}CONFIG")
    except argparse.ArgumentError as error:
        raise UsageError(f"flag --config: {error.message}") from error
    if named is None:
        return None
    path = Path(named)
    if not path.is_file():
        raise UsageError(f"{path} does not exist", expected="a YAML file with settings", remedy="Correct --config.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read as YAML", got=" ".join(str(error).split())) from error
    if content is not None and not isinstance(content, dict):
        raise UsageError(f"{path}", expected="settings as `key: value` lines", got=type(content).__name__)
    return path


def _flag_error(message: str) -> UsageError:
    text = message.removeprefix("error parsing CLI: ")
    unknown = re.match(r"unrecognized arguments: (\S+)", text)
    if unknown is None:
        return UsageError(f"flags: {text}", remedy="See vision-ft serve --help.")
    flag = unknown.group(1).split("=")[0]
    if not flag.startswith("-"):
        return UsageError(f"argument {flag!r} is one too many", expected="one bundle folder")
    return UsageError(f"flag {flag} does not exist", remedy=_nearest(flag.lstrip("-"), "--"))


def _nearest(key: str, mark: str = "") -> str:
    names = list(keys())
    wanted = key.replace("-", "_")
    # A misspelt leaf should be found whatever section it was written in.
    tails = {name.rsplit(".", 1)[-1]: name for name in names}
    close = difflib.get_close_matches(wanted, names, 1, 0.6)
    close = close or [tails[t] for t in difflib.get_close_matches(wanted.rsplit(".", 1)[-1], list(tails), 1, 0.6)]
    return f"Did you mean {mark}{close[0]}?" if close else "See vision-ft serve --help for all of them."


def _lower(text: str) -> str:
    return text.removeprefix("Input should be ").removeprefix("Value error, ")
