"""Class folders of red, green and blue pictures: what the tiny bundle tells apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

COLOURS = ("red", "green", "blue")
PARTS = 4


def colour_image(colour: str, number: int, *, height: int = 40, width: int = 48) -> NDArray[np.uint8]:
    """A picture in which one colour leads, uint8 RGB [H, W, 3]; those of two numbers do not look alike."""
    seed = [COLOURS.index(colour), number]
    coarse = np.random.default_rng(seed).uniform(0, 60, (5, 6, 3)).astype(np.float32)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    image[:, :, COLOURS.index(colour)] += 150
    return np.clip(image, 0, 255).astype(np.uint8)


def write_image(path: Path, image: NDArray[np.uint8]) -> Path:
    """Write RGB pixels as the file's suffix says, folders included, and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[:, :, ::-1])
    return path


def write_class_folders(root: Path, *, parts: int = PARTS, splits: Sequence[str] = ("",)) -> Path:
    """Write `parts` pictures a colour into `root/[split/]COLOUR/`, and return `root`."""
    for place, split in enumerate(splits):
        for colour in COLOURS:
            for part in range(parts):
                image = colour_image(colour, 100 * place + part)
                write_image(root / split / colour / f"{colour}_{part:02d}.png", image)
    return root
