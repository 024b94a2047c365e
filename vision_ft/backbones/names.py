"""The names of all backbones, and the nearest ones to a name that is none."""

from __future__ import annotations

from difflib import get_close_matches

import timm

from vision_ft.backbones.embedded import EMBEDDED
from vision_ft.backbones.torchvision_backbone import list_torchvision
from vision_ft.errors import BackboneError


def all_names() -> list[str]:
    """`auto`, the embedded ones, torchvision's and timm's."""
    return ["auto", "embedded", *EMBEDDED, *list_torchvision(), *timm.list_models()]


def unknown(name: str) -> BackboneError:
    """The error for a name that is no backbone's."""
    wanted = name.removeprefix("timm/").lower()
    near = get_close_matches(wanted, all_names(), n=3, cutoff=0.5)
    if not near:
        near = get_close_matches(wanted.partition(".")[0].partition("/")[2] or wanted, all_names(), n=3, cutoff=0.3)
    return BackboneError(
        f"There is no backbone {name!r}",
        remedy=f"The nearest names are {', '.join(near)}." if near else "`auto` takes the default.",
    )
