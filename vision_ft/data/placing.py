"""Where new groups go: by the hash of seed and group, corrected where a class would starve.

The hash alone decides for nearly all groups, so that more groups change little even where
the split was not saved. Only where a class would get less than half, or more than one and a
half times its share of a split (or nothing to train on), the groups next in line are moved.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class Candidate:
    """A group to place: `key` names it, `allowed` says where it may go.

    `split` is where it is; with `fixed` it stays there and only counts.
    """

    key: str
    stratum: str
    allowed: frozenset[str] = frozenset(("train", "val", "test"))
    split: str = "train"
    fixed: bool = False


def hashed(seed: int, key: str) -> float:
    """Give a number in [0, 1) that depends on seed and key alone."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{key}".encode()).digest()[:8], "big") / 2**64


def place(groups: Sequence[Candidate], *, test: float, val: float, seed: int) -> None:
    """Set the split of each group that is not fixed, stratum by stratum."""
    strata: dict[str, list[Candidate]] = {}
    for group in groups:
        strata.setdefault(group.stratum, []).append(group)
        if not group.fixed:
            at = hashed(seed, group.key)
            wanted = "test" if at < test else "val" if at < test + val else "train"
            group.split = wanted if wanted in group.allowed else "train"
    for members in strata.values():
        _correct(members, test=test, val=val, seed=seed)


def _correct(members: Sequence[Candidate], *, test: float, val: float, seed: int) -> None:
    middle = {"test": test / 2, "val": test + val / 2, "train": (1 + test + val) / 2}
    served = 1  # The training split is served first, then test, then validation.
    for split, fraction in (("test", test), ("val", val)):
        if fraction == 0:
            continue
        share = fraction * len(members)
        least = max(int(len(members) > served), math.ceil(share / 2))
        most = max(least, math.floor(1.5 * share))
        served += 1
        while _count(members, split) < least and (
            _move(members, "train", split, middle[split], seed, spare=1)
            or (split == "test" and _move(members, "val", split, middle[split], seed))
        ):
            pass
        while _count(members, split) > most and _move(members, split, "train", middle["train"], seed):
            pass
    if _count(members, "train") == 0:
        fuller = max(("val", "test"), key=lambda one: _count(members, one))
        _move(members, fuller, "train", middle["train"], seed)


def _count(members: Sequence[Candidate], split: str) -> int:
    return sum(one.split == split for one in members)


def _move(members: Sequence[Candidate], source: str, goal: str, middle: float, seed: int, *, spare: int = 0) -> bool:
    """Move the free group whose hash lies nearest to the goal's middle; leave `spare` behind."""
    free = [one for one in members if one.split == source and not one.fixed and goal in one.allowed]
    if not free or _count(members, source) <= spare:
        return False
    min(free, key=lambda one: (abs(hashed(seed, one.key) - middle), one.key)).split = goal
    return True
