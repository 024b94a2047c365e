"""Fine-tune vision backbones on factory images, and serve them with per-class monitoring.

Nothing heavy is imported here: `import vision_ft` costs what this file costs. The names
of the short Python API are resolved on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from vision_ft.bundle import load as load
    from vision_ft.recipe import Recipe as Recipe
    from vision_ft.training import train as train

_LAZY = {
    "Recipe": ("vision_ft.recipe", "Recipe"),
    "load": ("vision_ft.bundle", "load"),
    "train": ("vision_ft.training", "train"),
}

__all__ = ["Recipe", "__version__", "load", "train"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'vision_ft' has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _LAZY[name]
    return getattr(import_module(module), attribute)
