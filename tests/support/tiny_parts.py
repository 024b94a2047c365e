"""Pictures of tiny parts in class folders: a texture, on bad ones a drawn defect, and its mask."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

PARTS: Mapping[str, int] = {"good": 8, "scratch": 6}
SIZE = (72, 80)
"""Height and width."""


def tiny_part(
    kind: str, part: int, shot: int, size: tuple[int, int] = SIZE
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One picture of a part, uint8 RGB [H, W, 3], and its defect's mask, uint8 [H, W]."""
    rng = np.random.default_rng([sum(kind.encode()), part])
    coarse = rng.normal(130, 14, (9, 9, 3)).astype(np.float32)
    image = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC) + 8.0 * shot
    image += np.random.default_rng([part, shot]).normal(0, 3, image.shape)
    mask = np.zeros(size, np.uint8)
    if kind != "good":
        row, column = (int(v) for v in rng.integers((14, 14), (size[0] - 26, size[1] - 30)))
        if kind == "scratch":
            cv2.line(mask, (column, row), (column + 15, row + 9), 255, 3)
            image[mask > 0] = (225, 220, 40)
        else:
            cv2.circle(mask, (column + 6, row + 6), 6, 255, -1)
            image[mask > 0] = (30, 25, 90)
    return np.clip(image, 0, 255).astype(np.uint8), mask


def write_tiny_parts(
    root: Path, parts: Mapping[str, int] = PARTS, *, shots: int = 2, size: tuple[int, int] = SIZE
) -> Path:
    """Write parts of each kind, their masks and `samples.csv`, and return the table's path."""
    rows = []
    for kind, count in parts.items():
        for part in range(count):
            for shot in range(shots):
                image, mask = tiny_part(kind, part, shot, size)
                name = f"{kind}/{kind}_{part:02d}_s{shot}.png"
                for folder, pixels in (("images", image[:, :, ::-1]), ("masks", mask)):
                    path = root / folder / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    assert cv2.imwrite(str(path), pixels)
                group = f"{kind}_{part:02d}"
                rows.append((f"images/{name}", kind, group, group, f"masks/{name}", str(shot)))
    table = root / "samples.csv"
    with table.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(("path", "target", "part", "group", "mask", "camera"))
        writer.writerows(rows)
    return table
