"""Classes keep their id whatever they are called."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from vision_ft.bundle import ClassInfo
from vision_ft.bundle.classes import check_classes, good_mask
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
