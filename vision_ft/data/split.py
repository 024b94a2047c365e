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
    class. Groups that hold the same file, or share a part, are one group.

    An image that bridges two splits (its group has merged groups of both, or the same bytes
    are in both) gets the split `quarantine` and is listed in `rejected`: the new image where
    a new one bridges, or else the images of the less protected split (train before val
    before test). An image that comes with the split `quarantine` stays there, whatever
    `given` says, and links no groups.

    Where the index says what may be trained on (`train_on`), a group that holds an image of
    another class goes to the test split as a whole; where it is saved in another split, its
    images of such classes are quarantined.

    Raises SplitError for impossible fractions, when more than half of the training images
    would be quarantined, and when a group, part or file still is in two splits.
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
    groups = index.column("group")
    missing = () if _by_name(groups, saved) else _missing(claims, test, val)
    candidates: list[tuple[Candidate, list[int]]] = []
    strata = _strata(index, components)
    barred = _barred(index)
    for name, at in components.items():
        own = {row: claim for row in at if (claim := claims[row])}
        known = {row: claim for row, claim in own.items() if claim.saved}
        named = set() if known else _by_name([groups[row] for row in at], saved)
        # What the data say gives way to what is saved: of these images, or of a group of their name.
        own = known or ({} if named else own)
        splits = {claim.split for claim in own.values()} or named
        if not barred.isdisjoint(at):
            if (known or named) and splits != {"test"}:
                rows.bar(barred.intersection(at))
                at = [row for row in at if row not in barred]
                own = {row: claim for row, claim in own.items() if row not in barred}
                splits = {claim.split for claim in own.values()} or splits
                if not at:
                    continue
            else:
                own, splits = {}, {"test"}
        if len(splits) > 1:
            rows.bridge(at, own, splits)
            continue
        candidate = Candidate(min((claim.group for claim in own.values()), default=name), strata[name])
        if splits == {"train"} and missing:
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
    """Raise SplitError when a group, a part, or a file's bytes, is in two splits; quarantine does not count.

    Also when an image of a class that is only tested (see `Index.train_on`) is in another split.
    """
    splits_now, paths = index.column("split"), index.column("path")
    astray = [row for row in sorted(_barred(index)) if splits_now[row] in ("train", "val")]
    if astray:
        raise SplitError(
            f"{paths[astray[0]]} is in {splits_now[astray[0]]}" + (f", and {len(astray) - 1} more" * (len(astray) > 1)),
            expected=f"only images of {', '.join(index.train_on)} in train and val",
        )
    for column, what in (("group", "Group"), ("part", "Part"), ("digest", "Image")):
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
                expected="each group, part and image in one split",
                remedy="Split anew by group, or correct the split column.",
            )


class _Rows:
    """Splits and groups of all rows while they are being decided."""

    def __init__(self, index: Index, claimed: Sequence[str | None]) -> None:
        self._index = index
        self._paths = index.column("path")
        self._claimed = claimed
        self._groups: list[str] = index.column("group")
        self._parts: list[str] = index.column("part")
        self._splits: list[str | None] = [None] * len(index)
        self._rejected: list[Rejected] = []
        for row, split in enumerate(index.column("split")):
            if split == "quarantine":
                self._quarantine(row, "it is marked so")

    def put(self, at: Iterable[int], split: str, group: str) -> None:
        for row in at:
            self._splits[row], self._groups[row] = split, group

    def bridge(self, at: Sequence[int], own: Mapping[int, _Claim], splits: Iterable[str]) -> None:
        """Quarantine what makes one group of images of several `splits`, and keep the rest in place."""
        names = " and ".join(sorted(splits))
        # Saved images were apart until an image that nobody had saved joined them.
        newcomer = len(own) < len(at) and any(claim.saved for claim in own.values())
        best: dict[str, str] = {}
        for row, claim in own.items():
            # ... unless they show one part, which is in two splits whoever joins.
            among = self._parts[row] if newcomer else ""
            best[among] = min(claim.split, best.get(among, claim.split), key=_HELD_OUT.index)
        kept = [row for row in own if own[row].split == best[self._parts[row] if newcomer else ""]]
        # Saved groups of one part are one group from now on, for the folds.
        joined = Union(len(kept))
        joined.join_equal([own[row].group for row in kept])
        joined.join_equal([self._parts[row] for row in kept])
        for row, name in zip(kept, joined.keys([own[row].group for row in kept]), strict=True):
            self.put([row], own[row].split, name)
        for row in sorted(set(at) - set(kept)):
            fresh = newcomer and row not in own
            self._quarantine(row, f"its group joins images of {names}" if fresh else f"its group is in {names} at once")

    def bar(self, at: Iterable[int]) -> None:
        """Quarantine images of classes that are not trained on, whose groups are saved among those that are."""
        for row in sorted(at):
            self._quarantine(row, "its class is only tested, and its group is saved in another split")

    def _quarantine(self, row: int, why: str) -> None:
        self._splits[row] = "quarantine"
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
    """Rows by group, without those that are marked quarantine; groups that hold the same file or part are one."""
    rows = [row for row, split in enumerate(index.column("split")) if split != "quarantine"]
    columns = {name: index.column(name) for name in ("group", "part", "digest")}
    joined = Union(len(rows))
    for values in columns.values():
        joined.join_equal([values[row] for row in rows])
    found: dict[str, list[int]] = {}
    for row, name in zip(rows, joined.keys([columns["group"][row] for row in rows]), strict=True):
        found.setdefault(name, []).append(row)
    return found


def _claims(index: Index, saved: SavedSplit | None, *, keep: bool) -> list[_Claim | None]:
    """Give what the saved split, or else the data themselves, say of each row."""
    columns = list(zip(*(index.column(one) for one in ("digest", "group", "split")), strict=True))
    # Of several files with the same saved bytes, the one in the saved group is the known one.
    at_home = {
        digest
        for digest, group, split in columns
        if saved and saved.images.get(digest) == group and split != "quarantine"
    }
    claims: list[_Claim | None] = []
    for digest, group, split in columns:
        home = saved.images.get(digest) if saved else None
        if split == "quarantine":
            claims.append(None)
        elif saved and home is not None and (home == group or digest not in at_home):
            claims.append(_Claim(saved.groups[home], home, True))
        elif keep and split in _HELD_OUT and home is None:
            claims.append(_Claim(split, group, False))
        else:
            claims.append(None)
    return claims


def _barred(index: Index) -> set[int]:
    """Rows of images that may be neither trained nor validated on."""
    if not index.train_on:
        return set()
    return {row for row, targets in enumerate(index.column("targets")) if not set(targets) <= set(index.train_on)}


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
