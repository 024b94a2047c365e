"""Every labelled object as of one class; all else stays as it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from tests.support.tiny_parts import write_tiny_parts
from vision_ft.bundle.classes import ClassInfo
from vision_ft.data.background import BACKGROUND
from vision_ft.data.index import IGNORE, Index, MaskCode
from vision_ft.data.load import load_index, with_good
from vision_ft.data.merging import as_one_class
from vision_ft.data.object_masks import boxes_of, class_mask
from vision_ft.data.objects import OBJECT_TYPE, OBJECTS, ObjectLabel
from vision_ft.errors import DataError

MakeIndex = Callable[..., Index]
Draw = Callable[..., Path]

DENT = ObjectLabel("dent", (0.0, 0.0, 4.0, 4.0))
CRACK = ObjectLabel("crack", (2.0, 1.0, 6.0, 7.0), polygons=((2.0, 1.0, 6.0, 1.0, 6.0, 7.0),), ignore=True)


def _with_objects(index: Index, objects: Sequence[Sequence[ObjectLabel] | None]) -> Index:
    plain = [None if row is None else [one.to_plain() for one in row] for row in objects]
    field = pa.field(OBJECTS, pa.list_(OBJECT_TYPE))
    return replace(index, table=index.table.append_column(field, pa.array(plain, field.type)))


@pytest.fixture
def labelled(make_index: MakeIndex) -> Index:
    """Two objects on the first image, none on the second, and of the third nothing is known."""
    index = make_index([("a", "dent;crack"), ("b", "dent"), ("c", "crack")], splits=["train", "val", None])
    return _with_objects(index, [[DENT, CRACK], [], None])


def test_objects_change_their_class_and_nothing_else(labelled: Index) -> None:
    merged = as_one_class(labelled, "defect")
    assert [(one.id, one.good, one.background) for one in merged.classes] == [
        ("defect", False, False),
        (BACKGROUND, True, True),
    ]
    first, second, third = merged.samples()
    assert first.objects == (replace(DENT, target="defect"), replace(CRACK, target="defect"))
    assert (second.objects, third.objects) == ((), None)
    changed = ["targets", OBJECTS]
    assert merged.table.drop_columns(changed).equals(labelled.table.drop_columns(changed))
    assert merged.table.schema.equals(labelled.table.schema)


def test_an_image_of_several_classes_has_one_target_and_an_empty_one_the_background(labelled: Index) -> None:
    assert as_one_class(labelled, "defect").column("targets") == [["defect"], [BACKGROUND], ["defect"]]


@pytest.mark.parametrize(("good", "merged"), [((), False), (("dent",), False), (("crack", "dent"), True)])
def test_it_is_good_where_all_of_them_are(labelled: Index, good: tuple[str, ...], merged: bool) -> None:
    found = as_one_class(with_good(labelled, good), "sign")
    assert [one.good for one in found.classes] == [merged, True]


def test_one_of_the_classes_may_give_its_id(labelled: Index) -> None:
    assert as_one_class(labelled, "dent").class_ids == ("dent", BACKGROUND)


def test_what_masks_mean_is_merged_and_what_is_left_out_stays_so(make_index: MakeIndex) -> None:
    index = make_index([("a", "dent"), ("b", "crack"), ("c", "fine")])
    classes = tuple(one.model_copy(update={"background": one.id == "fine"}) for one in index.classes)
    code = MaskCode({"0": "fine", "1": "dent", "2": "crack", "255": IGNORE})
    merged = as_one_class(replace(index, classes=classes, mask_code=code), "defect")
    assert merged.mask_code is not None
    assert merged.mask_code.values == {"0": "fine", "1": "defect", "2": "defect", "255": IGNORE}
    assert merged.column("targets") == [["defect"], ["defect"], ["fine"]]


def test_the_background_s_id_is_refused(labelled: Index) -> None:
    with pytest.raises(DataError, match="another id than the background's"):
        as_one_class(labelled, BACKGROUND)


def test_parts_in_a_table_keep_their_masks(tmp_path: Path) -> None:
    table = write_tiny_parts(tmp_path, {"good": 2, "scratch": 2, "stain": 2})
    plain = load_index(root=tmp_path, csv=table, good=["good"])
    merged = load_index(root=tmp_path, csv=table, good=["good"], one_class="defect")
    assert merged.classes == (
        ClassInfo(id="defect", name="defect"),
        next(one for one in plain.classes if one.good).model_copy(update={"background": True}),
    )
    for before, after in zip(plain.samples(), merged.samples(), strict=True):
        assert after.targets == (("good",) if before.targets == ("good",) else ("defect",))
        assert (after.mask, after.part, after.group) == (before.mask, before.part, before.group)
        boxes, numbers, _ = boxes_of(after, merged.classes)
        assert len(boxes) == (before.targets != ("good",))
        assert not numbers.any()
        drawn = class_mask(after, merged.classes)
        assert set(drawn.ravel().tolist()) == ({0, 1} if len(boxes) else {0})
