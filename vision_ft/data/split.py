"""Train, validation and test: stratified by class, never through a group, stable over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from vision_ft.data.index import Index, Rejected
from vision_ft.data.placing import Candidate, place
from vision_ft.data.saved_split import SavedSplit
from vision_ft.data.union import Union
from vision_ft.errors import SplitError

__all__ = ["SavedSplit", "assign", "check"]

_HELD_OUT = ("test", "val", "train")
"""From the split that is most protected to the one that is least."""


@dataclass(frozen=True)
class _Claim:
    split: str
    group: str
    saved: bool


def assign(
    index: Index,
    *,
    test: float,
    val: float,
    seed: int,
    saved: SavedSplit | None = None,
    given: Literal["keep", "ignore"] = "keep",
) -> Index:
    """Give each image a split: train, val, test, or quarantine.

    The saved split is the authority: an image or group that it knows stays where it is.
    Next come splits that the data have already (folders, a column), unless `given` is
    `ignore`; where these name no validation (or test) split, it is taken from their training
    groups. The rest is placed by hash of seed and group, stratified by each group's rarest
    class. Groups that hold the same file are one group.

    An image that bridges two splits (its group has merged groups of both, or the same bytes
    are in both) gets the split `quarantine` and is listed in `rejected`: the new image where
    a new one bridges, or else the images of the less protected split (train before val
    before test). Raises SplitError for impossible fractions, when more than half of the
    training images would be quarantined, and when a group or file still is in two splits.
    """
    if min(test, val) < 0 or test + val >= 1:
        raise SplitError(
            "The fractions of the split are wrong",
            expected="test and val of at least 0 that leave something to train on",
            got=f"test {test:g}, val {val:g}",
        )
    components = _components(index)
    claims = _claims(index, saved, keep=given == "keep")
    rows = _Rows(index, [one.split if one else None for one in claims])
    missing = _missing(claims, test, val)
    candidates: list[tuple[Candidate, list[int]]] = []
    strata = _strata(index, components)
    groups = index.column("group")
    for name, at in components.items():
        own = [claim for claim in (claims[row] for row in at) if claim]
        splits = {claim.split for claim in own} or _by_name([groups[row] for row in at], saved)
        if len(splits) > 1:
            rows.bridge(at, claims)
            continue
        candidate = Candidate(min((claim.group for claim in own), default=name), strata[name])
        if splits == {"train"} and missing and not any(claim.saved for claim in own):
            candidate.allowed = frozenset(("train", *missing))
        elif splits:
            candidate.split, candidate.fixed = next(iter(splits)), True
        candidates.append((candidate, at))
    place([candidate for candidate, _ in candidates], test=test, val=val, seed=seed)
    for candidate, at in candidates:
        rows.put(at, candidate.split, candidate.key)
    result = rows.index()
    check(result)
    return result


def check(index: Index) -> None:
    """Raise SplitError when a group, or a file's bytes, is in two splits; quarantine does not count."""
    for column, what in (("group", "Group"), ("digest", "Image")):
        found: dict[str, dict[str, str]] = {}
        for value, split, path in zip(*(index.column(one) for one in (column, "split", "path")), strict=True):
            if split is not None and split != "quarantine":
                found.setdefault(value, {}).setdefault(split, path)
        wrong = {value: splits for value, splits in found.items() if len(splits) > 1}
        if wrong:
            value, splits = next(iter(wrong.items()))
            where = " and ".join(f"{split} ({path})" for split, path in splits.items())
            more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            raise SplitError(
                f"{what} {value[:24]!r} is in {where}{more}",
                expected="each group and each image in one split",
                remedy="Split anew by group, or correct the split column.",
            )


class _Rows:
    """Splits and groups of all rows while they are being decided."""

    def __init__(self, index: Index, claimed: Sequence[str | None]) -> None:
        self._index = index
        self._paths = index.column("path")
        self._claimed = claimed
        self._groups: list[str] = index.column("group")
        self._splits: list[str | None] = [None] * len(index)
        self._rejected: list[Rejected] = []

    def put(self, at: Iterable[int], split: str, group: str) -> None:
        for row in at:
            self._splits[row], self._groups[row] = split, group

    def bridge(self, at: Sequence[int], claims: Sequence[_Claim | None]) -> None:
        """Quarantine what makes one group of images of several splits, and keep the rest in place."""
        own = {row: claim for row in at if (claim := claims[row])}
        known = {row: claim for row, claim in own.items() if claim.saved} or own
        names = " and ".join(sorted({claim.split for claim in own.values()}))
        best = min((claim.split for claim in known.values()), key=_HELD_OUT.index, default="")
        # Saved images were apart until an image that nobody had saved joined them.
        newcomer = len(known) < len(at) and any(claim.saved for claim in known.values())
        for row in at:
            if row in known and (newcomer or known[row].split == best):
                self.put([row], known[row].split, known[row].group)
                continue
            self._splits[row] = "quarantine"
            why = f"its group joins images of {names}" if newcomer else f"its group is in {names} at once"
            self._rejected.append(Rejected(self._paths[row], f"quarantined: {why}"))

    def index(self) -> Index:
        trained = sum(split == "train" for split in self._claimed)
        lost = sum(
            claimed == "train" and split == "quarantine"
            for claimed, split in zip(self._claimed, self._splits, strict=True)
        )
        if lost * 2 > trained:
            raise SplitError(
                f"{lost} of {trained} training images belong to groups that are in another split as well",
                expected="a split by group",
                remedy="That split was made by image: place the groups anew (split.given ignore, or --given ignore).",
            )
        return self._index.with_groups(self._groups).with_split(self._splits).with_rejected(self._rejected)


def _components(index: Index) -> dict[str, list[int]]:
    """Rows by group; groups that hold the same file are one."""
    joined = Union(len(index))
    joined.join_equal(index.column("group"))
    joined.join_equal(index.column("digest"))
    found: dict[str, list[int]] = {}
    for row, name in enumerate(joined.keys(index.column("group"))):
        found.setdefault(name, []).append(row)
    return found


def _claims(index: Index, saved: SavedSplit | None, *, keep: bool) -> list[_Claim | None]:
    """Give what the saved split, or else the data themselves, say of each row."""
    columns = list(zip(*(index.column(one) for one in ("digest", "group", "split")), strict=True))
    # Of several files with the same saved bytes, the one in the saved group is the known one.
    at_home = {digest for digest, group, _ in columns if saved and saved.images.get(digest) == group}
    claims: list[_Claim | None] = []
    for digest, group, split in columns:
        home = saved.images.get(digest) if saved else None
        if saved and home is not None and (home == group or digest not in at_home):
            claims.append(_Claim(saved.groups[home], home, True))
        elif keep and split in _HELD_OUT and home is None:
            claims.append(_Claim(split, group, False))
        else:
            claims.append(None)
    return claims


def _by_name(groups: Iterable[str], saved: SavedSplit | None) -> set[str]:
    """Give the splits that saved groups of these names have, for images that nobody knows."""
    return {saved.groups[one] for one in groups if one in saved.groups} if saved else set()


def _missing(claims: Sequence[_Claim | None], test: float, val: float) -> tuple[str, ...]:
    """Name the splits that were asked for and that the given splits lack."""
    given = {claim.split for claim in claims if claim and not claim.saved}
    if not given or any(claim and claim.saved for claim in claims):
        return ()
    return tuple(split for split, share in (("test", test), ("val", val)) if share > 0 and split not in given)


def _strata(index: Index, components: Mapping[str, Sequence[int]]) -> dict[str, str]:
    """Give each group the class that the fewest groups have, of those that it has."""
    targets = index.column("targets")
    own = {name: {one for row in at for one in targets[row]} for name, at in components.items()}
    groups: dict[str, int] = {}
    for classes in own.values():
        for one in classes:
            groups[one] = groups.get(one, 0) + 1
    return {name: min(classes, key=lambda one: (groups[one], one)) for name, classes in own.items()}
