"""Labels of any kind as good and anomaly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.support.tiny_parts import write_tiny_parts
from vision_ft.bundle.classes import ClassInfo
from vision_ft.data.index import IGNORE, Index, MaskCode
from vision_ft.data.load import load_index
from vision_ft.data.object_masks import class_mask
from vision_ft.data.objects import OBJECT_TYPE, OBJECTS, ObjectLabel
from vision_ft.data.split import assign
from vision_ft.errors import DataError
from vision_ft.tasks.anomaly.judge import JUDGE
from vision_ft.tasks.anomaly.labels import as_anomalies


def test_what_is_not_good_is_an_anomaly_and_keeps_its_name(index: Index) -> None:
    found = as_anomalies(index)
    assert [(one.id, one.good, one.background) for one in found.classes] == [
        ("good", True, True),
        ("anomaly", False, False),
    ]
    before = [targets[0] for targets in index.column("targets")]
    assert [targets[0] for targets in found.column("targets")] == [
        "good" if one == "good" else "anomaly" for one in before
    ]
    assert [sample.slices["label"] for sample in found.samples()] == before
    assert as_anomalies(found).column("targets") == found.column("targets")


def test_masks_mark_anomalies(index: Index) -> None:
    found = as_anomalies(index)
    for sample in found.samples():
        mask = class_mask(sample, found.classes)
        assert set(np.unique(mask)) == ({0} if sample.targets == ("good",) else {0, 1})


def test_what_a_mask_leaves_out_stays_left_out(index: Index) -> None:
    coded = replace(index, mask_code=MaskCode({"255": "scratch", "7": IGNORE, "9": "good"}))
    code = as_anomalies(coded).mask_code
    assert code is not None
    assert dict(code.values) == {"255": "anomaly", "7": IGNORE, "9": "good"}


def test_an_image_of_which_nobody_knows_is_not_learned_as_good(index: Index) -> None:
    doubtful = ObjectLabel("scratch", (1.0, 2.0, 5.0, 6.0), ignore=True)
    listed = [[doubtful.to_plain()], [], *([None] * (len(index) - 2))]
    table = index.table.append_column(OBJECTS, pa.array(listed, pa.list_(OBJECT_TYPE)))
    found = as_anomalies(replace(index, table=table))
    assert found.column("path") == index.column("path")[1:]


def test_objects_are_anomalies_unless_they_are_good(index: Index) -> None:
    objects = [ObjectLabel("scratch", (1.0, 2.0, 5.0, 6.0)), ObjectLabel("good", (8.0, 8.0, 9.0, 9.0))]
    listed = [[one.to_plain() for one in objects], *([None] * (len(index) - 1))]
    table = index.table.append_column(OBJECTS, pa.array(listed, pa.list_(OBJECT_TYPE)))
    found = next(as_anomalies(replace(index, table=table)).samples()).objects
    assert found is not None
    assert [(one.target, one.box) for one in found] == [("anomaly", (1.0, 2.0, 5.0, 6.0))]


def test_one_class_alone_is_the_good_one(tmp_path: Path) -> None:
    write_tiny_parts(tmp_path, {"plain": 2})
    index = load_index(root=tmp_path / "images")
    found = as_anomalies(index)
    assert {targets[0] for targets in found.column("targets")} == {found.classes[0].id}
    assert found.classes[0].good


def test_nobody_is_guessed_to_be_good(index: Index) -> None:
    unknown = replace(index, classes=tuple(one.model_copy(update={"good": False}) for one in index.classes))
    with pytest.raises(DataError, match="which images") as told:
        as_anomalies(unknown)
    assert "objective.good" in str(told.value)
    named = replace(index, table=index.table.slice(0, 0), classes=(ClassInfo(id="anomaly", good=True),))
    with pytest.raises(DataError, match="'anomaly'"):
        as_anomalies(named)


def test_only_good_images_are_trained_and_validated_on(index: Index) -> None:
    found = assign(as_anomalies(index), test=0.2, val=0.2, seed=0)
    splits: dict[str, set[str]] = {}
    for split, targets in zip(found.column("split"), found.column("targets"), strict=True):
        splits.setdefault(split, set()).add(targets[0])
    assert splits["train"] == splits["val"] == {"good"}
    assert splits["test"] == {"good", "anomaly"}
    JUDGE.check_training(found.in_split("train"), found)


def test_training_needs_good_parts_and_nothing_else(index: Index) -> None:
    found = as_anomalies(index)
    with pytest.raises(DataError, match="not good"):
        JUDGE.check_training(found, found)
    good = found.select([targets == ["good"] for targets in found.column("targets")])
    with pytest.raises(DataError, match="1 group of good"):
        JUDGE.check_training(good.select([group == "good_00" for group in good.column("group")]), found)
