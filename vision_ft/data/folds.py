"""K folds by group, for classes with too few parts for a validation or test split of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision_ft.data.index import Index
from vision_ft.data.placing import hashed
from vision_ft.errors import SplitError

FOLDS = 3
"""Folds where nobody says how many: each is a fit of its own."""
FEW = 20
"""A class with fewer groups than this has too few for a split of its own to say much."""


@dataclass(frozen=True)
class Suggestion:
    """Whether one split will do (`folds` is 0), or k-fold by group is wiser, and why."""

    folds: int
    few: Mapping[str, int]
    reason: str


def group_folds(index: Index, k: int, seed: int) -> NDArray[np.int64]:
    """Give each image a fold, 0 to k - 1, int64 [N]; a group is never cut.

    Classes are dealt with from the rarest on (a group counts for the rarest class that it
    has), its groups in the order of their hash, each into the fold that has the fewest
    groups of that class so far, then the fewest of its images, then the fewest images. So a
    class's groups differ by at most one between folds where each group has one class. A
    class with fewer groups than folds is missing in some.

    Quarantined images are not left out here: select the rest first. Raises SplitError when k
    is below 2 or above the number of groups.
    """
    groups = index.column("group")
    names, number = np.unique(np.array(groups, dtype=object).astype(str), return_inverse=True)
    if not 2 <= k <= len(names):
        raise SplitError(
            f"{k} folds cannot be made of {len(names)} groups",
            expected="at least 2 folds, and a group for each",
            remedy="Ask for fewer folds, or label images of more parts.",
        )
    # images[g, c]: how many images of class c group g has.
    order = {one: at for at, one in enumerate(index.class_ids)}
    images = np.zeros((len(names), len(order)), dtype=np.int64)
    for group, targets in zip(number, index.column("targets"), strict=True):
        images[group, [order[one] for one in targets]] += 1
    size = np.bincount(number, minlength=len(names))
    spread = (images > 0).sum(axis=0)
    rank = np.lexsort((np.arange(len(order)), spread))
    place = np.empty(len(order), dtype=np.int64)
    place[rank] = np.arange(len(order))
    rarest = np.where(images > 0, place[None, :], len(order)).argmin(axis=1)
    hashes = [hashed(seed, name) for name in names.tolist()]

    fold = np.empty(len(names), dtype=np.int64)
    has = np.zeros((k, len(order)), dtype=np.int64)
    holds = np.zeros((k, len(order)), dtype=np.int64)
    total = np.zeros(k, dtype=np.int64)
    for group in sorted(range(len(names)), key=lambda one: (place[rarest[one]], hashes[one])):
        of = rarest[group]
        goal = np.lexsort((np.arange(k), total, holds[:, of], has[:, of]))[0]
        fold[group] = goal
        has[goal] += images[group] > 0
        holds[goal] += images[group]
        total[goal] += size[group]
    return fold[number]


def suggest(index: Index, *, few: int = FEW) -> Suggestion:
    """Say whether some class has fewer than `few` groups, so that k-fold by group is wiser."""
    columns = zip(index.column("targets"), index.column("group"), strict=True)
    groups: dict[str, set[str]] = {one: set() for one in index.class_ids}
    for targets, group in columns:
        for one in targets:
            groups[one].add(group)
    scarce = {one: len(members) for one, members in groups.items() if 0 < len(members) < few}
    if not scarce:
        least = min((len(members) for members in groups.values() if members), default=0)
        return Suggestion(0, {}, f"Every class has at least {least} groups: one split will do.")
    listed = ", ".join(f"{one} {number}" for one, number in sorted(scarce.items(), key=lambda item: (item[1], item[0])))
    every = len({group for members in groups.values() for group in members})
    folds = min(FOLDS, every)
    if folds < 2:
        return Suggestion(0, scarce, f"All images are of one group ({listed}): nothing can be held out.")
    return Suggestion(
        folds,
        scarce,
        f"Too few groups for a split of their own (under {few}): {listed}. "
        f"{folds} folds by group use every one of them for judging once.",
    )
