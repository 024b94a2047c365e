"""The index: what it refuses, what it counts, and that it survives a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vision_ft.bundle.classes import ClassInfo
from vision_ft.data import formats
from vision_ft.data.index import Count, Index, MaskCode, Rejected
from vision_ft.data.objects import OBJECT_TYPE, OBJECTS, ObjectLabel
from vision_ft.errors import DataError

MakeIndex = Callable[..., Index]


def test_samples_carry_what_the_columns_say(draw: Callable[..., Path], tmp_path: Path) -> None:
    draw("train/dent/a.jpg", 1, size=(20, 30))
    draw("train/dent/a.png", 1, size=(20, 30))
    draw("test/good/b.png", 2)
    index = formats.read(tmp_path)
    first, second = index.samples()
    assert first.path == tmp_path / "test/good/b.png"
    assert (first.targets, first.split, first.mask) == (("good",), "test", None)
    assert (second.split, second.mask) == ("train", tmp_path / "train/dent/a.png")
    assert second.part == second.group == "train/dent/a.jpg"
    assert len(second.digest) == 64
    assert index.column("width")[1] == 30
    assert index.column("height")[1] == 20


def test_refuses_an_unknown_class_a_repeated_path_and_an_image_without_target(make_index: MakeIndex) -> None:
    index = make_index([("p1", "dent"), ("p2", "good")])
    with pytest.raises(DataError, match="'good' is not in"):
        Index(index.root, index.table, (ClassInfo(id="dent"),))
    with pytest.raises(DataError, match="path twice"):
        Index(index.root, pa.concat_tables([index.table, index.table]), index.classes)
    empty = index.table.set_column(
        1, index.table.schema.field("targets"), pa.array([[], ["good"]], pa.list_(pa.string()))
    )
    with pytest.raises(DataError, match="without a target"):
        Index(index.root, empty, index.classes)
    with pytest.raises(DataError, match="lacks the column 'digest'"):
        Index(index.root, index.table.drop_columns(["digest"]), index.classes)


def test_an_index_without_images_is_an_index(make_index: MakeIndex) -> None:
    index = make_index([("p1", "dent")]).select(np.zeros(1, dtype=bool))
    assert len(index) == 0
    assert index.counts() == (Count("dent", None, 0, 0, 0),)
    assert list(index.samples()) == []


def test_selects_by_mask_and_by_row_numbers(make_index: MakeIndex) -> None:
    index = make_index([("p1", "a"), ("p2", "b"), ("p3", "a")])
    assert index.select([True, False, True]).column("group") == ["p1", "p3"]
    assert index.select([2, 0]).column("group") == ["p3", "p1"]
    assert index.with_split(["train", "test", None]).in_split("test", "val").column("group") == ["p2"]
    with pytest.raises(ValueError, match="does not fit"):
        index.select([True])


def test_refuses_a_split_of_another_name(make_index: MakeIndex) -> None:
    with pytest.raises(DataError, match="'dev' is unknown"):
        make_index([("p1", "a")]).with_split(["dev"])


def test_counts_by_class_and_split(make_index: MakeIndex) -> None:
    images = [("p1", "a"), ("p1", "a"), ("p2", "a;b"), ("p3", "a")]
    index = make_index(images, classes=("b", "a", "c"), splits=["train", "train", "train", "test"])
    assert index.counts() == (
        Count("b", "train", 1, 1, 1),
        Count("a", "train", 3, 2, 2),
        Count("a", "test", 1, 1, 1),
        Count("c", None, 0, 0, 0),
    )


def test_fingerprint_follows_images_and_labels_and_not_names_or_order(make_index: MakeIndex) -> None:
    index = make_index([("p1", "a"), ("p2", "b")], digests=["1", "2"])
    assert index.select([1, 0]).fingerprint() == index.fingerprint()
    assert make_index([("q1", "a"), ("q2", "b")], digests=["1", "2"]).fingerprint() == index.fingerprint()
    assert make_index([("p1", "b"), ("p2", "a")], digests=["1", "2"]).fingerprint() != index.fingerprint()
    assert make_index([("p1", "a"), ("p2", "b")], digests=["1", "3"]).fingerprint() != index.fingerprint()


def test_fingerprint_follows_objects_and_what_masks_mean(make_index: MakeIndex) -> None:
    index = make_index([("p1", "a"), ("p2", "b")], digests=["1", "2"])
    box = ObjectLabel("a", (0.0, 0.0, 2.0, 2.0))
    rows: dict[str, list[list[ObjectLabel] | None] | None] = {
        "none": None,
        "bare": [[], []],
        "box": [[box], []],
        "moved": [[replace(box, box=(0.0, 0.0, 2.0, 3.0))], []],
        "ignored": [[replace(box, ignore=True)], []],
        "outline": [[replace(box, polygons=((0.0, 0.0, 2.0, 0.0, 2.0, 2.0),))], []],
        "unknown": [None, None],
    }
    prints = {name: (index if row is None else _with_objects(index, row)).fingerprint() for name, row in rows.items()}
    # Indices without objects, and those of which nothing is known, are as they were.
    assert prints.pop("unknown") == prints["none"]
    assert len(set(prints.values())) == len(prints)
    two = [box, replace(box, target="b")]
    assert _with_objects(index, [two, []]).fingerprint() == _with_objects(index, [two[::-1], []]).fingerprint()
    codes = [replace(index, mask_code=MaskCode(one)).fingerprint() for one in ({"1": "a"}, {"2": "a"}, {"1": "b"})]
    assert len({*codes, prints["none"]}) == 4


def test_objects_survive_selection_and_a_file(make_index: MakeIndex, tmp_path: Path) -> None:
    box = ObjectLabel("a", (0.0, 0.5, 2.0, 2.0), ((0.0, 0.5, 2.0, 0.5, 2.0, 2.0),), "", True)
    index = _with_objects(make_index([("p1", "a"), ("p2", "b"), ("p3", "b")]), [[box], [], None])
    index = replace(index, mask_code=MaskCode({"1": "a"}), train_on=("b",))
    index.write(tmp_path / "index.parquet")
    again = Index.read(tmp_path / "index.parquet")
    assert again == index
    assert [one.objects for one in again.select([2, 1, 0]).samples()] == [None, (), (box,)]
    assert index.has_objects
    assert not make_index([("p1", "a")]).has_objects


def _with_objects(index: Index, rows: Sequence[Sequence[ObjectLabel] | None]) -> Index:
    plain = [None if row is None else [one.to_plain() for one in row] for row in rows]
    field = pa.field(OBJECTS, pa.list_(OBJECT_TYPE))
    return replace(index, table=index.table.append_column(field, pa.array(plain, field.type)))


def test_the_limit_draws_by_the_seed_alone(make_index: MakeIndex) -> None:
    images = [(f"p{n}", "a") for n in range(30)] + [(f"q{n}", "b") for n in range(3)]
    index = make_index(images)
    few = index.limit_per_class(5, seed=0)
    assert Counter(targets[0] for targets in few.column("targets")) == {"a": 5, "b": 3}
    shuffled = index.select(np.random.default_rng(1).permutation(33)).limit_per_class(5, seed=0)
    assert set(shuffled.column("path")) == set(few.column("path"))
    assert set(index.limit_per_class(5, seed=1).column("path")) != set(few.column("path"))
    # Ten images hold the five that were drawn before.
    assert set(few.column("path")) < set(index.limit_per_class(10, seed=0).column("path"))
    with pytest.raises(DataError, match="expected 1 or more"):
        index.limit_per_class(0, seed=0)


def test_survives_a_file(make_index: MakeIndex, tmp_path: Path) -> None:
    index = make_index([("p1", "a;b"), ("p2", "b")], splits=["train", None])
    index = index.with_rejected([Rejected("x.png", "unreadable")]).with_notes("Look at this.")
    index = index.with_groups(["g", "h"], grouping="near-duplicates")
    index.write(tmp_path / "deep/index.parquet")
    again = Index.read(tmp_path / "deep/index.parquet")
    assert again == index
    moved = Index.read(tmp_path / "deep/index.parquet", root=tmp_path)
    assert next(iter(moved.samples())).path.is_relative_to(tmp_path)


def test_an_index_that_cannot_be_written_leaves_the_old_one_whole(
    make_index: MakeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "index.parquet"
    index = make_index([("p1", "a")])
    index.write(path)

    def full(table: pa.Table, file: Path) -> None:
        Path(file).write_bytes(b"PAR1")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        make_index([("p2", "b")]).write(path)
    assert Index.read(path) == index
    assert list(tmp_path.iterdir()) == [path]


def test_refuses_files_that_are_no_index(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        Index.read(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(DataError, match="cannot be read"):
        Index.read(tmp_path / "text.parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(DataError, match="no index"):
        Index.read(tmp_path / "other.parquet")
