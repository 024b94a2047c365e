"""What the demo shows: a module for each loop, with its recipe, its data and how they are generated."""

from __future__ import annotations

import difflib
import pkgutil
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from vision_ft.errors import UsageError

Progress = Callable[[int, int], None]


class Demo(Protocol):
    """What a module here offers."""

    RECIPE: str
    """Shipped recipe that is trained by."""
    CARD: str
    """Data card of what is generated."""
    ROOT: Path
    """Folder that it is generated into."""
    MAX_TIME: str
    """Time for training on two cores."""
    CHANGES: Mapping[str, Any]
    """What is laid over the recipe, by dotted key."""
    WHAT: str
    """What is generated, in the plural."""

    def generate(self, progress: Progress) -> None:
        """Generate the images; what is there already stays."""

    def finish(self, bundle: Path, run: Path, seed: int, say: Callable[[str], None]) -> Path:
        """What is served: the bundle, or one made of it."""


def names() -> list[str]:
    """The loops that can be shown."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def find(name: str) -> Demo:
    """A demo by name; raises `UsageError` for an unknown one."""
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        raise UsageError(
            f"--task {name}", expected=f"one of {', '.join(known)}", remedy=f"Did you mean {near[0]}?" if near else ""
        )
    return cast(Demo, import_module(f"{__name__}.{name}"))
