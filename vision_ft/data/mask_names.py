"""What the values of a set's masks are called: the files in which tools write it down."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from vision_ft.data.index import IGNORE
from vision_ft.errors import DataError
from vision_ft.recipe.yaml_text import read_yaml

BACKGROUND = ""
"""Stands for the background among the names."""

_WORDS = {"background": BACKGROUND, "_background_": BACKGROUND, "__background__": BACKGROUND, "ignore": IGNORE,
          "__ignore__": IGNORE, "void": IGNORE}  # fmt: skip
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Names:
    """Class id by grey value ("3") or colour ("#ff0000"), in the classes' order; see `BACKGROUND` and `IGNORE`."""

    file: str
    values: Mapping[str, str]

    @property
    def classes(self) -> tuple[str, ...]:
        """Ids of the classes, each once, in order."""
        return tuple(dict.fromkeys(one for one in self.values.values() if one not in (BACKGROUND, IGNORE)))


def read_names(root: Path) -> Names | None:
    """Read `mask_classes.yaml`, `labelmap.txt` or `classes.txt` in `root`; None where it has none of them.

    Raises DataError that names the file and each wrong line.
    """
    for file, parse in PARSERS.items():
        if (root / file).is_file():
            try:
                text = (root / file).read_text(encoding="utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                raise DataError(f"{file} cannot be read", got=str(error)) from error
            return Names(file, parse(text, file))
    return None


def parse_classes(text: str, file: str) -> dict[str, str]:
    """Names line by line: the first is of the value 1, or of 0 where it is `background`."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    first = 0 if lines and _WORDS.get(lines[0].lower()) == BACKGROUND else 1
    return _checked({str(number): line for number, line in enumerate(lines, first)}, file)


def parse_labelmap(text: str, file: str) -> dict[str, str]:
    """Lines `name:red,green,blue::`, as CVAT writes them."""
    colours: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, *rest = line.split(":")
        parts = [one.strip() for one in rest[0].split(",")] if rest else []
        if len(parts) != 3 or not all(one.isascii() and one.isdigit() and int(one) < 256 for one in parts):
            raise DataError(f"{file} line {number}", expected="name:red,green,blue::", got=line.strip()[:60])
        colour = _code((int(parts[0]), int(parts[1]), int(parts[2])))
        if colour in colours:
            raise DataError(f"{file} line {number}", got=f"the colour of {colours[colour]!r} once more")
        colours[colour] = name
    return _checked(colours, file)


def parse_yaml(text: str, file: str) -> dict[str, str]:
    """A section of `value: name`; a value is a number or a colour such as "#ff0000"."""
    try:
        raw = read_yaml(text)
    except yaml.YAMLError as error:
        got = " ".join(str(getattr(error, "problem", None) or error).split())
        raise DataError(f"{file} is no YAML", got=got) from error
    if not isinstance(raw, dict):
        raise DataError(f"{file} names no classes", expected="lines such as 1: scratch")
    values = {}
    for key, name in raw.items():
        number = isinstance(key, int) and not isinstance(key, bool) and 0 <= key < 256
        if not number and not (isinstance(key, str) and _COLOUR.fullmatch(key)):
            raise DataError(f"{file}: the key {key!r} is no value of a mask", expected='0 to 255, or "#ff0000"')
        values[grey(str(key).lower())] = "" if isinstance(name, dict | list) or name is None else str(name)
    return _checked(values, file)


PARSERS: Mapping[str, Callable[[str, str], dict[str, str]]] = {
    "mask_classes.yaml": parse_yaml,
    "labelmap.txt": parse_labelmap,
    "classes.txt": parse_classes,
}
"""The files that are looked for, in this order."""


def grey(code: str) -> str:
    """A colour of three equal parts as its grey value; any other code as it is."""
    if code.startswith("#") and code[1:3] == code[3:5] == code[5:7]:
        return str(int(code[1:3], 16))
    return code


def _code(colour: tuple[int, int, int]) -> str:
    return grey("#" + bytes(colour).hex())


def _checked(values: Mapping[str, str], file: str) -> dict[str, str]:
    wrong = [code for code, name in values.items() if not name.strip() or not name.isprintable()]
    if wrong:
        raise DataError(f"{file}: the value {wrong[0]} has no name", expected="a name, or background")
    named = {code: _WORDS.get(name.strip().lower(), name.strip()) for code, name in values.items()}
    if all(name in (BACKGROUND, IGNORE) for name in named.values()):
        raise DataError(f"{file} names no class", expected="at least one besides the background")
    return named
