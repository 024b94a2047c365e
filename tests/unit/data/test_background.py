"""Exactly one background, found among the classes or added to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pyarrow as pa

from vision_ft.bundle.classes import ClassInfo
from vision_ft.data.background import BACKGROUND, TITLE, complete_classes, judged, with_background
from vision_ft.data.index import Index, MaskCode
from vision_ft.data.load import with_good
from vision_ft.data.objects import OBJECT_TYPE, OBJECTS, ObjectLabel

MakeIndex = Callable[..., Index]

DENT = ObjectLabel("dent", (0.0, 0.0, 4.0, 4.0))


def with_objects(index: Index, objects: Sequence[Sequence[ObjectLabel] | None]) -> Index:
    plain = [None if row is None else [one.to_plain() for one in row] for row in objects]
    field = pa.field(OBJECTS, pa.list_(OBJECT_TYPE))
    return replace(index, table=index.table.append_column(field, pa.array(plain, field.type)))


def _classes(*ids: str, good: Sequence[str] = (), background: str = "") -> tuple[ClassInfo, ...]:
    return tuple(ClassInfo(id=one, good=one in good, background=one == background) for one in ids)


def test_a_background_that_is_there_is_kept() -> None:
    classes = _classes("none", "dent", "fine", good=("fine",), background="none")
    assert complete_classes(classes, {"dent"}) == classes


def test_the_only_good_class_is_the_background_unless_objects_are_labelled_with_it() -> None:
    classes = _classes("good", "dent", good=("good",))
    marked = complete_classes(classes, {"dent"})
    assert [(one.id, one.good, one.background) for one in marked] == [("good", True, True), ("dent", False, False)]
    added = complete_classes(classes, {"good", "dent"})
    assert added[:2] == classes
    assert added[2] == ClassInfo(id=BACKGROUND, name=TITLE, good=True, background=True)


def test_with_no_or_several_good_classes_one_is_added_under_a_free_id() -> None:
    for good in ((), ("dent", "fine")):
        assert complete_classes(_classes("dent", "fine", good=good), ())[-1].id == BACKGROUND
    assert complete_classes(_classes("background", "background_2"), ())[-1].id == "background_3"


def test_images_without_objects_become_background(make_index: MakeIndex) -> None:
    ignored = replace(DENT, ignore=True)
    index = make_index([("a", "dent"), ("b", "dent"), ("c", "dent"), ("d", "dent")])
    seen = with_background(with_objects(index, [[DENT], [], None, [ignored]]))
    assert seen.column("targets") == [["dent"], [BACKGROUND], ["dent"], [BACKGROUND]]
    assert seen.class_ids == ("dent", BACKGROUND)
    assert with_background(seen) == seen


def test_what_shows_only_what_is_ignored_is_not_judged(make_index: MakeIndex) -> None:
    ignored = replace(DENT, ignore=True)
    index = make_index([("a", "dent"), ("b", "dent"), ("c", "dent"), ("d", "dent")])
    seen = with_background(with_objects(index, [[DENT, ignored], [], None, [ignored]]))
    assert judged(seen).column("path") == seen.column("path")[:3]
    (note,) = seen.notes
    assert note.startswith("Images on which all that is labelled is to be ignored: 1.")
    assert judged(index) == index


def test_classes_of_whole_images_get_one_too(make_index: MakeIndex) -> None:
    index = with_good(make_index([("a", "good"), ("b", "dent")]), ["good"])
    seen = with_background(index)
    assert [one.id for one in seen.classes if one.background] == ["good"]
    assert seen.table == index.table
    # What a mask's values mean are labels of objects, too.
    coded = with_background(replace(index, mask_code=MaskCode({"1": "good", "2": "dent"})))
    assert [one.id for one in coded.classes if one.background] == [BACKGROUND]


def test_naming_good_classes_leaves_an_added_background_good(make_index: MakeIndex) -> None:
    added = with_background(make_index([("a", "fine"), ("b", "dent")]))
    assert [one.id for one in with_good(added, ["fine"]).classes if one.good] == ["fine", BACKGROUND]
