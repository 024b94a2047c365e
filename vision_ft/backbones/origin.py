"""What is known of a backbone before it has run: its name, its input and its weights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from vision_ft.bundle.manifest import Weights


@dataclass(frozen=True)
class Origin:
    """Where a model comes from and what images its weights expect."""

    name: str
    weights: Weights
    why: str
    mean: tuple[float, float, float]
    """Of red, green and blue, on the scale 0 to 255."""
    std: tuple[float, float, float]
    """Of red, green and blue, on the scale 0 to 255."""
    trained_at: tuple[int, int]
    """Height and width."""


def on_byte_scale(values: tuple[float, ...]) -> tuple[float, float, float]:
    """Three values on the scale 0 to 1, on the scale 0 to 255."""
    red, green, blue = values
    return red * 255.0, green * 255.0, blue * 255.0


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
