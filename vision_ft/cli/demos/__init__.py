"""What the demo shows: a module for each loop, with its recipe, its data and how they are generated."""

from __future__ import annotations

import difflib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from vision_ft.errors import UsageError

Progress = Callable[[int, int], None]
Say = Callable[[str], None]


def _as_it_is(bundle: Path, run: Path, seed: int, say: Say) -> Path:
    return bundle


def _surfaces(root: Path, progress: Progress) -> None:
    from vision_ft.data.synthetic import generate_surfaces

    generate_surfaces(root, progress=progress)


@dataclass(frozen=True)
class Demo:
    """One loop, on generated parts unless it says otherwise."""

    recipe: str
    """Shipped recipe that is trained by."""
    card: str
    """Data card of what is generated."""
    max_time: str
    """Time for training on two cores."""
    changes: Mapping[str, Any] = field(default_factory=lambda: {"split.test": 0.25})
    """What is laid over the recipe, by dotted key."""
    root: Path = Path("datasets/sample")
    """Folder that it is generated into."""
    what: str = "parts"
    """What is generated, in the plural."""
    generate: Callable[[Path, Progress], None] = _surfaces
    """Writes the images into a folder; what is there already stays."""
    finish: Callable[[Path, Path, int, Say], Path] = _as_it_is
    """From bundle, run folder and seed to the bundle that is served: the same, or one made of it."""


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
    return cast(Demo, import_module(f"{__name__}.{name}").DEMO)
