"""The examples of `datasets/README.md` are understood as they say, on images that lie as they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.docs.blocks import blocks
from tests.support.colour_parts import write_image
from tests.support.tiny_parts import tiny_part
from vision_ft.cli import main
from vision_ft.data import cards
from vision_ft.data.load import load_index

DOCUMENT = "datasets/README.md"


def _example(language: str) -> str:
    (text,) = (block.text for block in blocks(DOCUMENT) if block.language == language)
    return text


@pytest.fixture
def castings(tmp_path: Path) -> Path:
    """Castings of the card's classes, each seen by two cameras, and the masks of those that are not good."""
    serial = 4711
    for name, kind in (("ok", "good"), ("crack", "scratch"), ("pore", "stain")):
        for _ in range(3):
            for camera in (1, 2):
                image, mask = tiny_part(kind, serial, camera)
                file = f"{name}/{serial:06d}_cam{camera}.png"
                write_image(tmp_path / "images" / file, image)
                if kind != "good":
                    write_image(tmp_path / "masks" / file, np.dstack([mask] * 3))
            serial += 1
    return tmp_path


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """The example, in a file of the name that it asks for."""
    text = _example("yaml")
    path = tmp_path / "castings.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_cards_example_finds_classes_parts_slices_and_masks(castings: Path, card: Path) -> None:
    assert cards.read(card).name == card.stem
    index = load_index(root=castings, card=card)
    assert index.class_ids == ("ok", "crack", "pore")
    assert [one.good for one in index.classes] == [True, False, False]
    samples = list(index.samples())
    assert len(samples) == 18
    assert {sample.targets[0] for sample in samples if sample.mask} == {"crack", "pore"}
    assert all((sample.mask is None) == (sample.targets == ("ok",)) for sample in samples)
    assert len({sample.part for sample in samples}) == 9
    assert [sample.part for sample in samples] == [sample.group for sample in samples]
    assert {sample.slices["camera"] for sample in samples} == {"1", "2"}


def test_what_is_understood_is_shown(castings: Path, card: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "inspect", "--data.card", str(card), "--data.root", str(castings)]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line]
    heads = next(row for row in rows if row[0] == "class")
    assert heads[-1] == "masks"
    # The table of classes comes first, and that of objects after it.
    assert {row[0]: row[-1] for row in reversed(rows) if row[0] in {"Good", "Crack", "Pore"}} == {
        "Good": "0",
        "Crack": "6",
        "Pore": "6",
    }


def test_the_tables_example_is_read_as_it_is_explained(tmp_path: Path) -> None:
    text = _example("csv")
    for number, line in enumerate(text.splitlines()[1:]):
        path, target, part, _, _, mask, _ = line.split(",")
        image, drawn = tiny_part("good" if target == "ok" else "scratch", int(part), number)
        write_image(tmp_path / path, image)
        if mask:
            write_image(tmp_path / mask, np.dstack([drawn] * 3))
    # Found by its name, or named: in both cases its own folder is the root.
    table = tmp_path / "labels.csv"
    table.write_text(text + "\n", encoding="utf-8")
    found = load_index(root=tmp_path, good=["ok"])
    assert found.table.equals(load_index(root=tmp_path, csv=table, good=["ok"]).table)
    first, second, third = found.samples()
    assert (first.part, first.group, first.split, first.mask) == ("004711", "batch 88", "train", None)
    assert (second.part, second.slices) == ("004711", {"camera": "2"})
    assert (third.targets, third.split, third.mask) == (("crack",), "test", tmp_path / "masks" / "004712_cam1.png")
    assert found.grouping == "column"
