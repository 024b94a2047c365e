"""Tiny pictures on disk, and indices without any file behind them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from vision_ft.bundle.classes import ClassInfo
from vision_ft.data.index import SCHEMA, Index

MakeIndex = Callable[..., Index]
Draw = Callable[..., Path]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Write a picture below the test's folder: smooth noise from `seed`, changed a little by `nudge`."""

    def make(
        name: str, seed: int = 0, *, nudge: float = 0.0, light: float = 128.0, size: tuple[int, int] = (40, 48)
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = np.random.default_rng(seed).normal(0, 40, (6, 6, 3)).astype(np.float32)
        image = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC) + light
        image += np.random.default_rng(int(1000 * nudge) + 1).normal(0, 1 + nudge, image.shape)
        assert cv2.imwrite(str(path), np.clip(image, 0, 255).astype(np.uint8))
        return path

    return make


@pytest.fixture
def make_index() -> MakeIndex:
    """Make an index from (group, class) pairs, one image each; digests are made up, a group is a part."""

    def make(
        images: Sequence[tuple[str, str]],
        *,
        classes: Sequence[str] = (),
        digests: Sequence[str] = (),
        splits: Sequence[str | None] = (),
        parts: Sequence[str] = (),
    ) -> Index:
        names = classes or sorted({one for _, targets in images for one in targets.split(";")})
        seen: dict[str, int] = {}
        paths = []
        for group, target in images:
            seen[f"{target}/{group}"] = seen.get(f"{target}/{group}", 0) + 1
            paths.append(f"{target}/{group}_{seen[f'{target}/{group}']}.png")
        groups = [group for group, _ in images]
        columns = {
            "path": paths,
            "targets": [target.split(";") for _, target in images],
            "part": list(parts) or groups,
            "group": groups,
            "split": list(splits) or [None] * len(images),
            "digest": list(digests) or [hashlib.sha256(path.encode()).hexdigest() for path in paths],
            "width": [8] * len(images),
            "height": [8] * len(images),
            "mask": [None] * len(images),
        }
        return Index(Path("/nowhere"), pa.table(columns, schema=SCHEMA), tuple(ClassInfo(id=one) for one in names))

    return make
