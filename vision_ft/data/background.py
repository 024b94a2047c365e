"""One class for images that show no object: what detection and segmentation answer where they find nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from vision_ft.bundle.classes import ClassInfo, background_of
from vision_ft.data.build import Row
from vision_ft.data.index import IGNORE, SCHEMA, Index
from vision_ft.data.objects import OBJECTS, ObjectLabel

BACKGROUND = "background"
"""Id of a background class that is added; where a class is called so already, `background_2`."""

TITLE = "Nothing found"


def with_background(index: Index) -> Index:
    """Give the index exactly one background class; an index that has one keeps its classes.

    The only good class becomes it where no object is labelled with that class; else a class
    is added at the end. Images whose objects are known and none (or are all ignored) get the
    background as their target; those whose objects are all ignored are not judged by it (see `judged`).
    """
    objects = index.column(OBJECTS) if index.has_objects else []
    labelled = {one["target"] for row in objects for one in row or ()}
    labelled |= set(index.mask_code.values.values()) if index.mask_code else set()
    classes = complete_classes(index.classes, labelled)
    table = index.table
    if index.has_objects:
        nothing = [background_of(classes).id]
        empty = [row is not None and all(one["ignore"] for one in row) for row in objects]
        targets = [nothing if bare else old for bare, old in zip(empty, index.column("targets"), strict=True)]
        field = SCHEMA.field("targets")
        table = table.set_column(table.schema.get_field_index("targets"), field, pa.array(targets, field.type))
    made = replace(index, table=table, classes=classes)
    doubtful = len(made) - len(judged(made))
    note = f"Images on which all that is labelled is to be ignored: {doubtful}. They are not judged."
    notes = made.notes if not doubtful or note in made.notes else (*made.notes, note)
    return replace(made, notes=notes)


def judged(index: Index) -> Index:
    """The images that a verdict can be compared with.

    One on which objects are labelled, and all of them as to be ignored, is neither good nor bad.
    """
    if not index.has_objects:
        return index
    known = [not row or not all(one["ignore"] for one in row) for row in index.column(OBJECTS)]
    return index.select(np.array(known, dtype=np.bool_))


def complete_classes(classes: Sequence[ClassInfo], labelled: Collection[str]) -> tuple[ClassInfo, ...]:
    """The classes with exactly one background; `labelled` are the ids that objects carry."""
    if any(one.background for one in classes):
        return tuple(classes)
    good = [one.id for one in classes if one.good]
    if len(good) == 1 and good[0] not in labelled:
        return tuple(one.model_copy(update={"background": True}) if one.good else one for one in classes)
    taken = {one.id for one in classes} | set(labelled) | {IGNORE}
    number, free = 1, BACKGROUND
    while free in taken:
        number += 1
        free = f"{BACKGROUND}_{number}"
    return (*classes, ClassInfo(id=free, name=TITLE, good=True, background=True))


def with_targets(rows: Iterable[Row], classes: Sequence[ClassInfo]) -> list[Row]:
    """Give rows whose objects are known their targets; `classes` have a background (see `complete_classes`)."""
    order = [one.id for one in classes]
    nothing = background_of(classes).id
    return [
        row if row.objects is None else replace(row, targets=targets_of(row.objects, order) or (nothing,))
        for row in rows
    ]


def is_added(one: ClassInfo) -> bool:
    """Whether a class is a background that `complete_classes` added, and no class of the labels."""
    return one.background and one.name == TITLE


def targets_of(objects: Iterable[ObjectLabel], order: Sequence[str]) -> tuple[str, ...]:
    """Ids of the objects that are not ignored, each once, as they follow in `order`."""
    shown = {one.target for one in objects if not one.ignore}
    return tuple(one for one in order if one in shown)
