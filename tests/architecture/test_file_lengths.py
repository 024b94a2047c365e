"""Small rooms: a file of more than 400 lines has two subjects."""

from __future__ import annotations

from tests.architecture.tree import REPOSITORY, python_files

LONGEST = 400


def test_no_python_file_is_longer_than_a_room() -> None:
    lengths = {str(path): len((REPOSITORY / path).read_bytes().splitlines()) for path in python_files()}
    assert lengths, "found no Python file at all"
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST} == {}
