"""The saved split: one JSON file that is the authority on which group is in which split."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from vision_ft.data.atomic import replacing
from vision_ft.data.index import SPLITS, Index
from vision_ft.errors import SplitError

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class SavedSplit:
    """Which split each group is in, and which group each image (by its digest) is in.

    Images are listed so that an image keeps its split when its group is named or cut
    differently later. `test` and `val` are the fractions that were asked for, 0 to 1.
    """

    seed: int
    test: float
    val: float
    groups: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, index: Index, *, test: float, val: float, seed: int, before: SavedSplit | None = None) -> SavedSplit:
        """Take the split of an index; what `before` knows of images that are gone is kept.

        Quarantined images are not saved: whether they still bridge two splits is asked anew.
        """
        groups = dict(before.groups) if before else {}
        images = dict(before.images) if before else {}
        for group, split, digest in zip(*(index.column(one) for one in ("group", "split", "digest")), strict=True):
            if split is not None and split != "quarantine":
                groups[group] = split
                images[digest] = group
        return cls(seed=seed, test=test, val=val, groups=groups, images=images)

    def write(self, path: Path) -> None:
        """Write the split as JSON that a person can read and a diff can show."""
        content = {
            "schema": SCHEMA_VERSION,
            "seed": self.seed,
            "test": self.test,
            "val": self.val,
            "groups": dict(sorted(self.groups.items())),
            "images": dict(sorted(self.images.items())),
        }
        with replacing(path) as file:
            file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> SavedSplit:
        """Read a saved split; raises SplitError when it is missing, damaged or of a newer schema."""
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SplitError(f"The split {path} cannot be read", got=error.strerror or str(error)) from error
        except (ValueError, RecursionError) as error:
            raise SplitError(f"The split {path} is no JSON", got=str(error)) from error
        return _checked(raw, path)


def _checked(raw: Any, path: Path) -> SavedSplit:
    keys = {"schema", "seed", "test", "val", "groups", "images"}
    if not isinstance(raw, dict) or set(raw) != keys:
        got = ", ".join(sorted(raw)) if isinstance(raw, dict) else type(raw).__name__
        raise SplitError(f"{path} is no saved split", expected=f"the keys {', '.join(sorted(keys))}", got=got)
    if raw["schema"] != SCHEMA_VERSION:
        raise SplitError(f"The split {path} is of another schema", expected=str(SCHEMA_VERSION), got=str(raw["schema"]))
    groups, images = raw["groups"], raw["images"]
    numbers = all(isinstance(raw[key], (int, float)) and isfinite(raw[key]) for key in ("seed", "test", "val"))
    if not isinstance(groups, dict) or not isinstance(images, dict) or not numbers:
        raise SplitError(f"The split {path} is damaged", expected="seed, test and val as numbers, the rest as objects")
    wrong = [f"{group}: {split}" for group, split in groups.items() if split not in SPLITS[:3]]
    if wrong:
        raise SplitError(f"The split {path} is damaged", expected="train, val or test for each group", got=wrong[0])
    unnamed = [f"{digest}: {group}" for digest, group in images.items() if not isinstance(group, str)]
    if unnamed:
        raise SplitError(f"The split {path} is damaged", expected="the name of a group for each image", got=unnamed[0])
    lost = [digest for digest, group in images.items() if group not in groups]
    if lost:
        raise SplitError(f"The split {path} is damaged: image {lost[0]} is in a group that has no split")
    return SavedSplit(int(raw["seed"]), float(raw["test"]), float(raw["val"]), groups, images)
