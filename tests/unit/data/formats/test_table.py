"""The CSV table: what it may say, and that every wrong line is named."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision_ft.data import formats
from vision_ft.data.formats import table
from vision_ft.data.index import Rejected
from vision_ft.errors import DataError

Draw = Callable[..., Path]

TABLE = """\
path,target,part,group,split,mask,camera
a/1.png,dent;scratch,p1,g1,Train,m/1.png,left
a\\2.png, good ,p2,,validation,,
./b/3.png,dent,,,,,right
"""


def test_reads_every_column(draw: Draw, tmp_path: Path) -> None:
    for name in ("a/1.png", "a/2.png", "b/3.png", "m/1.png"):
        draw(name)
    (tmp_path / "labels.csv").write_text(TABLE, encoding="utf-8-sig")
    assert formats.detect(tmp_path) == "table"
    index = formats.read(tmp_path)
    assert index.column("path") == ["a/1.png", "a/2.png", "b/3.png"]
    assert index.column("targets") == [["dent", "scratch"], ["good"], ["dent"]]
    assert index.column("part") == ["p1", "p2", "b/3.png"]
    assert index.column("group") == ["g1", "p2", "b/3.png"]
    assert index.column("split") == ["train", "val", None]
    assert index.column("mask") == ["m/1.png", None, None]
    assert index.column("slice.camera") == ["left", None, "right"]
    assert [dict(sample.slices) for sample in index.samples()] == [{"camera": "left"}, {}, {"camera": "right"}]
    assert index.class_ids == ("dent", "good", "scratch")


@pytest.mark.parametrize(
    ("lines", "grouping"),
    [
        ("path,target\na.png,x\nb.png,x", "none"),
        ("path,target,group\na.png,x,\nb.png,x,", "none"),
        ("path,target,group\na.png,x,g\nb.png,x,", "none"),
        ("path,target,group\na.png,x,g\nb.png,x,h", "column"),
        ("path,target,part\na.png,x,p\nb.png,x,q", "column"),
        ("path,target,part,group\na.png,x,p,\nb.png,x,,g", "column"),
    ],
)
def test_groups_come_from_the_table_where_it_says_something_of_every_image(
    draw: Draw, tmp_path: Path, lines: str, grouping: str
) -> None:
    draw("a.png", 1)
    draw("b.png", 2)
    (tmp_path / "labels.csv").write_text(f"{lines}\n")
    assert formats.read(tmp_path).grouping == grouping


def test_no_group_cuts_a_part(draw: Draw, tmp_path: Path) -> None:
    rows = ["a1,x,A,Gk", "a2,x,A,", "b1,x,B,z", "b2,x,B,y", "c1,x,C,y", "d1,x,,z", "e1,x,E,", "e2,x,E,", "f1,x,,"]
    for row in rows:
        draw(f"{row[:2]}.png")
    lines = "\n".join(row.replace(",", ".png,", 1) for row in rows)
    (tmp_path / "labels.csv").write_text(f"path,target,part,group\n{lines}\n")
    groups = formats.read(tmp_path).column("group")
    assert groups == ["Gk", "Gk", "y", "y", "y", "y", "E", "E", "f1.png"]


def test_quarantined_images_come_back_as_such(draw: Draw, tmp_path: Path) -> None:
    draw("a.png", 1)
    draw("b.png", 2)
    (tmp_path / "labels.csv").write_text("path,target,split\na.png,x,Quarantine\nb.png,x,train\n")
    index = formats.read(tmp_path)
    assert index.column("split") == ["quarantine", "train"]
    table.write(index, tmp_path / "out.csv")
    assert table.read(tmp_path / "out.csv").column("split") == ["quarantine", "train"]


class _FullDisk:
    """What takes the place of csv's writer: it writes a header, and no line more."""

    def __init__(self, file: io.TextIOBase) -> None:
        self.file = file

    def writerow(self, row: Sequence[str]) -> None:
        self.file.write(",".join(row))

    def writerows(self, rows: Iterable[Sequence[str]]) -> None:
        raise OSError(28, "No space left on device")


def test_a_table_that_cannot_be_written_leaves_the_old_one_whole(
    draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw("a.png", 1)
    (tmp_path / "labels.csv").write_text("path,target\na.png,x\n")
    before = (tmp_path / "labels.csv").read_bytes()
    index = formats.read(tmp_path)
    monkeypatch.setattr(csv, "writer", _FullDisk)
    with pytest.raises(OSError, match="No space left"):
        table.write(index, tmp_path / "labels.csv")
    assert (tmp_path / "labels.csv").read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.png", "labels.csv"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_reads_what_a_spreadsheet_writes(delimiter: str) -> None:
    text = f"path{delimiter}target\r\na.png{delimiter}dent\r\n\r\n"
    parsed = table.parse(b"\xef\xbb\xbf" + text.encode())
    assert [(row.path, row.targets) for row in parsed.rows] == [("a.png", ("dent",))]


def test_absolute_paths_below_the_root_become_relative(tmp_path: Path) -> None:
    parsed = table.parse(f"path,target\n{tmp_path}/x/a.png,dent\n".encode(), root=tmp_path)
    assert parsed.rows[0].path == "x/a.png"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (",dent", "the path is empty"),
        ("b.png,", "b.png has no target"),
        ("b.png, ; ", "b.png has no target"),
        ("b.png", "expected 2 cells, got 1"),
        ("b.png,dent,more", "expected 2 cells, got 3"),
        ("b.txt,dent", "b.txt has no image suffix"),
        ("../b.png,dent", r"\.\./b.png lies outside the data root"),
        ("/b.png,dent", "/b.png lies outside the data root"),
        ("a.png,good", "a.png stands on line 2 already"),
    ],
)
def test_names_the_line_and_what_is_wrong(line: str, complaint: str) -> None:
    with pytest.raises(DataError, match=f"(?s)labels.csv: 1 error.*line 3: {complaint}"):
        table.parse(f"path,target\na.png,dent\n{line}\n".encode())


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(DataError, match="line 2: split 'dev' is unknown"):
        table.parse(b"path,target,split\na.png,dent,dev\n")


def test_says_all_errors_at_once_and_counts_the_rest() -> None:
    lines = "".join(f"{n}.txt,dent\n" for n in range(205))
    with pytest.raises(DataError) as caught:
        table.parse(f"path,target\n{lines}".encode())
    assert "205 errors" in str(caught.value)
    assert "line 201: 199.txt" in str(caught.value)
    assert "line 202" not in str(caught.value)
    assert "and 5 more" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "lacks the column 'path'.*an empty file"),
        (b"path,label\n", "lacks the column 'target'"),
        (b"path,target,camera,camera\n", "names the column 'camera' twice"),
        (b"path,target,camera,slice.camera\n", "names the column 'camera' twice"),
        (b"path,target,\n", "a column without a name"),
        (b"path,target\na.png,d\xe9faut\n", "line 2: expected UTF-8 text, got byte 0xe9"),
        (b'path,target\na.png,"dent\n', "line 2: expected a CSV line"),
    ],
)
def test_refuses_what_is_no_table(data: bytes, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        table.parse(data)


def test_missing_images_are_left_out_and_missing_masks_are_errors(draw: Draw, tmp_path: Path) -> None:
    draw("a.png")
    path = tmp_path / "my.csv"
    path.write_text("path,target\na.png,dent\nb.png,dent\n")
    index = table.read(path)
    assert index.column("path") == ["a.png"]
    assert index.rejected == (Rejected("b.png", "no such file (my.csv line 3)"),)
    path.write_text("path,target,mask\na.png,dent,m.png\n")
    with pytest.raises(DataError, match=r"line 2: no such mask m.png"):
        table.read(path)


def test_a_table_of_another_root_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "my.csv"
    path.write_text("path,target\na.png,dent\n")
    with pytest.raises(DataError, match=r"None of the 1 images.*Paths are relative to the data root"):
        table.read(path)
    path.write_text("path,target\n")
    with pytest.raises(DataError, match="lists no image"):
        table.read(path)
    with pytest.raises(DataError, match="cannot be read"):
        table.read(tmp_path / "none.csv")


def test_what_is_written_is_read_again(draw: Draw, tmp_path: Path) -> None:
    for name in ("a, b.png", "c.png", "m.png"):
        draw(name)
    (tmp_path / "labels.csv").write_text(
        "path,target,part,group,split,mask,slice.path,slice.line\n"
        '"a, b.png",x;y,p,g,train,m.png,left,\n'
        "c.png,x,q,h,,,,2\n"
    )
    index = table.read(tmp_path)
    table.write(index, tmp_path / "out/again.csv")
    again = table.read(tmp_path / "out/again.csv", root=tmp_path)
    assert again.table.equals(index.table)
    assert index.slices == ("line", "path")


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@given(data=st.binary(max_size=200) | st.text(alphabet='path,target\n";\\/. \t\r\0a', max_size=200).map(str.encode))
def test_any_bytes_are_a_table_or_one_error(data: bytes) -> None:
    for start in (b"", b"path,target\n", b"path,target,split,mask\n"):
        try:
            parsed = table.parse(start + data)
        except DataError:
            continue
        assert all(row.path and row.targets for row in parsed.rows)
        assert len({row.path for row in parsed.rows}) == len(parsed.rows)


@given(cells=st.lists(st.tuples(CELL, CELL), max_size=8))
def test_every_line_is_a_row_or_is_named(cells: list[tuple[str, str]]) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(("path", "target", "line"))
    writer.writerows((f"{at}.png", target, line) for at, (target, line) in enumerate(cells))
    fine = [target for target, _ in cells if target.replace(";", " ").strip()]
    data = file.getvalue().encode()
    if len(fine) < len(cells):
        with pytest.raises(DataError, match="has no target"):
            table.parse(data)
        return
    rows = table.parse(data).rows
    assert [row.path for row in rows] == [f"{at}.png" for at in range(len(cells))]
    assert [row.slices.get("line", "") for row in rows] == [line.strip() for _, line in cells]
