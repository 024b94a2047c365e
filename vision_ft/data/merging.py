"""Every labelled object as one class: for a detector whose finds another model names."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from vision_ft.bundle.classes import ClassInfo, object_classes
from vision_ft.data.background import with_background
from vision_ft.data.index import IGNORE, Index, MaskCode
from vision_ft.data.objects import OBJECT_TYPE, OBJECTS
from vision_ft.errors import DataError


def as_one_class(index: Index, name: str) -> Index:
    """The index with all object classes as one of this id; it is good where all of them are.

    Raises DataError where the index's background has that id.
    """
    index = with_background(index)
    background = next(one for one in index.classes if one.background)
    if background.id == name:
        raise DataError(f"data.one_class {name!r}", expected="another id than the background's")
    merged = object_classes(index.classes)
    one = ClassInfo(id=name, name=name, good=all(c.good for c in merged))
    targets = [[name if t != background.id else t for t in dict.fromkeys(ts)] for ts in index.column("targets")]
    table = index.table
    at = table.schema.get_field_index("targets")
    table = table.set_column(at, table.schema.field(at), pa.array([list(dict.fromkeys(ts)) for ts in targets]))
    if index.has_objects:
        rows = [None if row is None else [{**o, "target": name} for o in row] for row in index.column(OBJECTS)]
        at = table.schema.get_field_index(OBJECTS)
        table = table.set_column(at, table.schema.field(at), pa.array(rows, pa.list_(OBJECT_TYPE)))
    code = index.mask_code
    if code is not None:
        kept = (IGNORE, background.id)
        code = MaskCode({value: target if target in kept else name for value, target in code.values.items()})
    return replace(index, table=table, classes=(one, background), mask_code=code)
