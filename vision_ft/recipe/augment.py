"""Augmentation presets, and the parameters that each one sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from vision_ft.recipe.base import Section

PRESETS: dict[str, dict[str, Any]] = {
    # A part may lie any way round, and its light differs more than its shape.
    "surface": {
        "flip_horizontal": 0.5,
        "flip_vertical": 0.5,
        "rotate_90": 0.0,
        "rotate_degrees": 8.0,
        "scale": (0.85, 1.2),
        "shift": 0.05,
        "exposure": 0.0,
        "brightness": 0.25,
        "contrast": 0.25,
        "gamma": 0.25,
        "saturation": 0.0,
        "blur": 0.1,
        "noise": 0.15,
        "jpeg": 0.0,
        "erase": 0.0,
    },
    # A mirrored sign is another sign: no flips, little rotation, but colour and blur.
    "sign": {
        "flip_horizontal": 0.0,
        "flip_vertical": 0.0,
        "rotate_90": 0.0,
        "rotate_degrees": 10.0,
        "scale": (0.85, 1.15),
        "shift": 0.08,
        "exposure": 2.5,
        "brightness": 0.35,
        "contrast": 0.35,
        "gamma": 0.3,
        "saturation": 0.3,
        "blur": 0.2,
        "noise": 0.2,
        "jpeg": 0.1,
        "erase": 0.1,
    },
    "light": {
        "flip_horizontal": 0.5,
        "flip_vertical": 0.0,
        "rotate_90": 0.0,
        "rotate_degrees": 0.0,
        "scale": (0.95, 1.05),
        "shift": 0.02,
        "exposure": 0.0,
        "brightness": 0.1,
        "contrast": 0.1,
        "gamma": 0.0,
        "saturation": 0.0,
        "blur": 0.0,
        "noise": 0.0,
        "jpeg": 0.0,
        "erase": 0.0,
    },
    "none": {
        "flip_horizontal": 0.0,
        "flip_vertical": 0.0,
        "rotate_90": 0.0,
        "rotate_degrees": 0.0,
        "scale": (1.0, 1.0),
        "shift": 0.0,
        "exposure": 0.0,
        "brightness": 0.0,
        "contrast": 0.0,
        "gamma": 0.0,
        "saturation": 0.0,
        "blur": 0.0,
        "noise": 0.0,
        "jpeg": 0.0,
        "erase": 0.0,
    },
}


def own_values(section: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a section that its preset has not filled in, the preset's name included."""
    name = section.get("preset", "surface")
    preset = PRESETS.get(name, {}) if isinstance(name, str) else {}
    return {key: value for key, value in section.items() if key not in preset or not _equal(value, preset[key])}


def _equal(value: Any, other: Any) -> bool:
    return bool(tuple(value) == other if isinstance(value, list) else value == other)


class AugmentSection(Section):
    """What is varied in training. `preset` fills in every value that is not given."""

    preset: Literal["surface", "sign", "light", "none"] = "surface"
    """surface: parts under varied light, any way round; sign: never mirrored; light: little; none."""
    flip_horizontal: float = Field(default=0.0, ge=0.0, le=1.0)
    """Probability of mirroring left and right."""
    flip_vertical: float = Field(default=0.0, ge=0.0, le=1.0)
    """Probability of mirroring top and bottom."""
    rotate_90: float = Field(default=0.0, ge=0.0, le=1.0)
    """Probability of a quarter turn (square inputs)."""
    rotate_degrees: float = Field(default=0.0, ge=0.0, le=180.0)
    """Largest rotation either way, in degrees."""
    scale: tuple[float, float] = (1.0, 1.0)
    """Smallest and largest magnification."""
    shift: float = Field(default=0.0, ge=0.0, le=0.5)
    """Largest shift, as a share of the input's size."""
    exposure: float = Field(default=0.0, ge=0.0, le=4.0)
    """Darkest exposure, in stops below the image's own (2: a quarter of its light); a third of it is the
    brightest above."""
    brightness: float = Field(default=0.0, ge=0.0, le=1.0)
    """Largest relative change of brightness."""
    contrast: float = Field(default=0.0, ge=0.0, le=1.0)
    """Largest relative change of contrast."""
    gamma: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Largest relative change of gamma."""
    saturation: float = Field(default=0.0, ge=0.0, le=1.0)
    """Largest relative change of saturation and, a tenth of it, of hue."""
    blur: float = Field(default=0.0, ge=0.0, le=1.0)
    """Probability of a slight Gaussian or motion blur."""
    noise: float = Field(default=0.0, ge=0.0, le=1.0)
    """Probability of sensor noise."""
    jpeg: float = Field(default=0.0, ge=0.0, le=1.0)
    """Probability of JPEG artefacts."""
    erase: float = Field(default=0.0, ge=0.0, le=1.0)
    """Probability that a rectangle is erased."""

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, values: Any) -> Any:
        if isinstance(values, str):
            values = {"preset": values}
        if not isinstance(values, dict):
            return values
        preset = values.get("preset", "surface")
        return {**PRESETS.get(preset, {}), **values} if isinstance(preset, str) else values

    @model_validator(mode="after")
    def _ordered(self) -> AugmentSection:
        low, high = self.scale
        if not 0.2 <= low <= high <= 5.0:
            raise ValueError("scale is a smallest and a largest magnification between 0.2 and 5")
        return self
