"""Labels of any kind as two: good, and anomaly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from vision_ft.bundle.classes import ClassInfo
from vision_ft.data.background import judged
from vision_ft.data.index import IGNORE, SCHEMA, SLICE, Index, MaskCode
from vision_ft.data.objects import OBJECT_TYPE, OBJECTS
from vision_ft.errors import DataError

ANOMALY = "anomaly"
"""Id of the class of all that is not good."""
KIND = "label"
"""Name of the slice that keeps what an image was labelled with."""


def as_anomalies(index: Index) -> Index:
    """Every image as good or as an anomaly, and only good ones to be trained and validated on.

    Where one class is all there is it is the good one. What an image was labelled with is kept
    as the slice `label`; masks and outlines stay, and mark anomalies of whatever kind. Images on
    which all that is labelled is to be ignored are left out: nobody knows whether they are good.
    Raises DataError where nothing says which images are good.
    """
    good = _good(index)
    kept = ClassInfo(id=good[0].id, name=good[0].name, good=True, background=True, renamed_from=good[0].renamed_from)
    if kept.id == ANOMALY:
        raise DataError(f"The good class is called {ANOMALY!r}", remedy="Give it another id.")
    ids = {one.id for one in good}
    titles = {one.id: one.title for one in index.classes}
    targets, kinds = [], []
    for labels in index.column("targets"):
        odd = [one for one in labels if one not in ids]
        targets.append([ANOMALY] if odd else [kept.id])
        kinds.append(titles[odd[0]] if odd else kept.title)
    table = _with(index.table, "targets", pa.array(targets, SCHEMA.field("targets").type))
    table = _with(table, SLICE + KIND, pa.array(kinds, pa.string()))
    if index.has_objects:
        listed = [_objects(objects, ids) for objects in index.column(OBJECTS)]
        table = _with(table, OBJECTS, pa.array(listed, pa.list_(OBJECT_TYPE)))
    made = replace(
        index,
        table=table,
        classes=(kept, ClassInfo(id=ANOMALY, name="Anomaly")),
        mask_code=_code(index.mask_code, ids, kept.id),
        train_on=(kept.id,),
    )
    known = judged(made)
    left_out = len(made) - len(known)
    note = f"Images on which all that is labelled is to be ignored: {left_out}. They are left out."
    return known.with_notes(note) if left_out else made


def _good(index: Index) -> list[ClassInfo]:
    """The good classes, the background first."""
    good = [one for one in index.classes if one.good] or [one for one in index.classes if one.background]
    if not good and len(index.classes) == 1:
        good = list(index.classes)
    if not good:
        raise DataError(
            f"Nothing says which images below {index.root} show good parts",
            expected="a good class",
            got=", ".join(one.id for one in index.classes),
            remedy="Name it: objective.good, or a data card.",
        )
    return sorted(good, key=lambda one: not one.background)


def _objects(objects: Sequence[dict[str, Any]] | None, good: set[str]) -> list[dict[str, Any]] | None:
    """Objects as anomalies; those of good classes are none."""
    if objects is None:
        return None
    return [{**one, "target": ANOMALY} for one in objects if one["target"] not in good]


def _code(code: MaskCode | None, good: set[str], kept: str) -> MaskCode | None:
    if code is None:
        return None
    new = {name: name if name == IGNORE else kept if name in good else ANOMALY for name in code.values.values()}
    return MaskCode({value: new[name] for value, name in code.values.items()})


def _with(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    field = SCHEMA.field(name) if name in SCHEMA.names else pa.field(name, values.type)
    at = table.schema.get_field_index(name)
    return table.append_column(field, values) if at < 0 else table.set_column(at, field, values)
