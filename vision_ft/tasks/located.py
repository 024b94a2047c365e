"""Labels that say where something is, as every task reads them that answers where."""

from __future__ import annotations

from vision_ft.bundle.classes import object_classes
from vision_ft.data.background import with_background
from vision_ft.data.index import Index
from vision_ft.errors import DataError


def located(index: Index, *, lacking: str, expected: str) -> Index:
    """The index with a background class; raises `DataError` where there are neither objects nor masks.

    `lacking` names what the images have none of, `expected` what would do.
    """
    if not index.has_objects and not any(index.column("mask")):
        raise DataError(
            f"The images below {index.root} have no {lacking}",
            expected=expected,
            remedy="Label where it is, or classify whole images.",
        )
    return with_background(index)


def check_classes_learned(train: Index, usable: Index, *, things: str) -> None:
    """Raise `DataError` unless `train` shows every object class that `usable` has; `things` says what is shown."""
    learned = {one for targets in train.column("targets") for one in targets}
    labelled = {one for targets in usable.column("targets") for one in targets}
    wanted = [one.id for one in object_classes(usable.classes) if one.id in labelled]
    missing = [one for one in wanted if one not in learned]
    if missing or not wanted:
        raise DataError(
            f"Class {missing[0]} has no training image" if missing else f"The images below {train.root}",
            expected=f"{things} of each class in the training split",
            remedy="Add parts of this class, or lower split.test and split.val.",
        )
