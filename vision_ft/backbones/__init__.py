"""Backbones: networks that turn an image into feature maps, whatever library they come from.

`build_backbone` is the door; `Backbone` says what one promises. Both are imported at their
first use, because they bring torch with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vision_ft.backbones.build import build_backbone, list_backbones
    from vision_ft.backbones.contract import Activations, Backbone, BackboneInfo, Features

__all__ = ["Activations", "Backbone", "BackboneInfo", "Features", "build_backbone", "list_backbones"]

_HOMES = {
    "Activations": "contract",
    "Backbone": "contract",
    "BackboneInfo": "contract",
    "Features": "contract",
    "build_backbone": "build",
    "list_backbones": "build",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
