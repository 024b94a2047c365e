"""Labels whose classes have other ids than the bundle's."""

from __future__ import annotations

from pathlib import Path

import pytest

from vision_ft.bundle import ClassInfo
from vision_ft.data.index import IGNORE, MaskCode, Sample
from vision_ft.data.objects import ObjectLabel
from vision_ft.errors import DataError
from vision_ft.evaluation.renamed import bundle_ids, in_bundle_ids

BUNDLE = (
    ClassInfo(id="good", good=True),
    ClassInfo(id="crack", name="Crack", renamed_from=("Riss",)),
    ClassInfo(id="dent", name="Dent"),
)


def _sample(*targets: str, objects: tuple[str, ...] = (), values: dict[str, str] | None = None) -> Sample:
    listed = tuple(ObjectLabel(target, (0.0, 0.0, 4.0, 4.0)) for target in objects)
    code = MaskCode(values) if values is not None else None
    return Sample(Path("/a.png"), targets, "p", "p", None, None, {}, "0", 8, 8, listed or None, code)


def test_objects_and_mask_values_follow_a_name_that_the_class_had() -> None:
    old = _sample("Riss", objects=("Riss", "dent"), values={"1": "Riss", "2": "dent", "9": IGNORE})
    ids = bundle_ids(BUNDLE, (), [old])
    new = in_bundle_ids(old, ids)
    assert new.targets == ("crack",)
    assert [one.target for one in new.objects or ()] == ["crack", "dent"]
    assert new.mask_code is not None
    assert dict(new.mask_code.values) == {"1": "crack", "2": "dent", "9": IGNORE}


def test_a_class_is_also_known_by_the_title_that_the_labels_give_it() -> None:
    sample = _sample("k17", objects=("k17",))
    ids = bundle_ids(BUNDLE, (ClassInfo(id="k17", name="Dent"),), [sample])
    assert ids == {"k17": "dent"}
    assert [one.target for one in in_bundle_ids(sample, ids).objects or ()] == ["dent"]


def test_what_is_named_alike_is_left_as_it_is() -> None:
    sample = _sample("dent", objects=("dent",), values={"1": "dent"})
    assert in_bundle_ids(sample, bundle_ids(BUNDLE, (), [sample])) is sample


def test_an_unknown_class_of_an_image_is_an_error_that_of_an_object_is_left_to_the_task() -> None:
    with pytest.raises(DataError, match="'hole' of 1 images is unknown to the bundle"):
        bundle_ids(BUNDLE, (), [_sample("hole")])
    sample = _sample("good", objects=("hole",))
    assert in_bundle_ids(sample, bundle_ids(BUNDLE, (), [sample])) is sample
