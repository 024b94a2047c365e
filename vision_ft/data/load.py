"""The one door to labelled images: card, CSV or the layout that a folder has in, index out."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from vision_ft.data import carded, cards, duplicates, formats
from vision_ft.data.background import is_added
from vision_ft.data.build import raise_all
from vision_ft.data.duplicates import Embed
from vision_ft.data.formats import table
from vision_ft.data.index import Index
from vision_ft.data.merging import as_one_class
from vision_ft.data.probe import Prober
from vision_ft.errors import DataError, UsageError


def load_index(
    *,
    root: Path,
    card: str | Path | None = None,
    csv: Path | None = None,
    good: Sequence[str] | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    limit_per_class: int | None = None,
    seed: int = 0,
    one_class: str | None = None,
    embed: Embed | None = None,
    prober: Prober | None = None,
) -> Index:
    """Read labelled images below `root`: as `card` says, from `csv`, or in the layout they have.

    Every image is decoded once to see that it can be used; what cannot be is raised as one
    DataError that lists it all, or with `on_error` "skip" listed in the index's `rejected`.
    `good` names the classes of good parts (a card's own declaration is replaced). Where
    neither a card nor a part or group in a table says of each image what it belongs to,
    near-duplicates become groups, and the index's notes say so; `embed` makes that search
    sharper. `limit_per_class` keeps that many images of each class, drawn by `seed`. `one_class`
    reads every labelled object as of one class with this id.

    Raises UsageError when card and CSV are both given, or a good class does not exist, and
    DataError when no image is left.
    """
    if card is not None and csv is not None:
        raise UsageError("A data card and a CSV are both given", expected="one of them")
    prober = prober or Prober(decode=True)
    if card is not None:
        index = carded.read(cards.find(card), root, prober=prober)
    elif csv is not None:
        index = table.read(csv, root=root, prober=prober)
    else:
        index = formats.read(root, prober=prober)
    if on_error == "raise":
        raise_all(
            f"Images below {root} that cannot be used",
            [f"{one.path}: {one.reason}" for one in index.rejected],
            remedy="Remove or repair them, or skip them with data.on_error: skip.",
        )
    elif index.rejected:
        index = index.with_notes(f"{len(index.rejected)} images are left out; each is listed with its reason.")
    if not len(index):
        raise DataError(
            f"No image below {root} can be used",
            got="; ".join(f"{one.path}: {one.reason}" for one in index.rejected[:1]) or "no image",
            remedy="Repair them, or name another folder.",
        )
    if good is not None:
        index = with_good(index, good)
    if one_class is not None:
        index = as_one_class(index, one_class)
    if index.grouping == "none":
        index = _grouped(index, prober, embed)
    return index if limit_per_class is None else index.limit_per_class(limit_per_class, seed)


def with_good(index: Index, good: Sequence[str]) -> Index:
    """Declare which classes are good parts; raises UsageError for an id that does not exist.

    A background class that the labels do not name stays good: on its images nothing is found.
    """
    for one in good:
        if one not in index.class_ids:
            near = difflib.get_close_matches(one, index.class_ids, 1)
            raise UsageError(
                f"The good class {one!r} does not exist",
                expected=f"one of {', '.join(index.class_ids)}",
                remedy=f"Did you mean {near[0]!r}?" if near else "",
            )
    wanted = set(good) | {one.id for one in index.classes if is_added(one)}
    return replace(index, classes=tuple(one.model_copy(update={"good": one.id in wanted}) for one in index.classes))


def _grouped(index: Index, prober: Prober, embed: Embed | None) -> Index:
    found = duplicates.find(index, prober=prober, embed=embed)
    lacking, alone = "No card or group column says which images show the same part", "each image"
    if len(set(index.column("group"))) < len(index):
        lacking, alone = "No card or group column says of every image which part it shows", "each of the others"
    index = index.with_groups(found.groups, grouping="near-duplicates")
    if not found.merged_groups:
        return index.with_notes(f"{lacking}, and none look alike: {alone} is its own group.")
    return index.with_notes(f"{lacking}.", *found.sentences())
