"""Classes keep their id whatever they are called."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from vision_ft.bundle import ClassInfo
from vision_ft.bundle.classes import background_of, check_classes, good_mask, object_classes
from vision_ft.errors import DataError


def test_the_id_is_shown_where_there_is_no_name() -> None:
    assert ClassInfo(id="dent").title == "dent"
    assert ClassInfo(id="dent", name="Deep dent", renamed_from=("Dent",)).title == "Deep dent"


def test_good_classes_in_order() -> None:
    assert good_mask([ClassInfo(id="a"), ClassInfo(id="b", good=True)]) == [False, True]


def test_a_tree_of_classes_is_accepted() -> None:
    check_classes([ClassInfo(id="defect"), ClassInfo(id="dent", parent="defect"), ClassInfo(id="good", good=True)])


def test_an_id_is_used_once() -> None:
    with pytest.raises(DataError, match="class ids dent: expected each id once"):
        check_classes([ClassInfo(id="dent"), ClassInfo(id="dent", name="another")])


def test_a_parent_is_one_of_the_classes() -> None:
    with pytest.raises(DataError, match=r"class 'dent': expected a parent among dent, got 'defect'"):
        check_classes([ClassInfo(id="dent", parent="defect")])


def test_a_class_needs_an_id_and_takes_no_unknown_key() -> None:
    with pytest.raises(ValidationError):
        ClassInfo(id="")
    with pytest.raises(ValidationError):
        ClassInfo.model_validate({"id": "dent", "colour": "red"})


def test_one_class_at_most_is_what_shows_nothing() -> None:
    empty = ClassInfo(id="good", good=True, background=True)
    check_classes([ClassInfo(id="dent"), empty])
    with pytest.raises(DataError, match="classes good, nothing: expected one background class at most"):
        check_classes([empty, ClassInfo(id="dent"), ClassInfo(id="nothing", background=True)])


def test_objects_are_of_every_class_but_the_background() -> None:
    dent, empty, scratch = ClassInfo(id="dent"), ClassInfo(id="good", background=True), ClassInfo(id="scratch")
    assert object_classes([dent, empty, scratch]) == (dent, scratch)
    assert background_of([dent, empty, scratch]) is empty
    assert object_classes([dent, scratch]) == (dent, scratch)
    with pytest.raises(DataError, match="expected a background class"):
        background_of([dent, scratch])


def test_a_background_need_not_be_good_and_a_good_class_need_not_be_background() -> None:
    assert not ClassInfo(id="good", good=True).background
    assert not ClassInfo(id="empty street", background=True).good
