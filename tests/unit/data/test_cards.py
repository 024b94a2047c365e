"""Data cards: the shipped ones are sound, wrong ones are one sentence, parts of a set are read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from vision_ft.data import carded, cards
from vision_ft.data.cards import Card
from vision_ft.data.index import Index, Rejected
from vision_ft.data.object_masks import boxes_of
from vision_ft.errors import DataError, UsageError, VisionFTError

Draw = Callable[..., Path]

CARD: dict[str, Any] = {
    "schema": 1,
    "name": "mine",
    "title": "Mine",
    "task": "classify",
    "layout": "files",
    "images": "*/*.png",
    "target": {"rule": "folder"},
    "classes": [{"id": "good", "good": True}, {"id": "dent"}],
    "licence": "mine",
    "source": "here",
}


def _card(**changes: Any) -> Card:
    return Card.model_validate({**CARD, **changes})


def test_the_shipped_cards_are_found_by_name() -> None:
    assert set(cards.names()) >= {
        "gtsrb", "magnetic_tile", "magnetic_tile_good", "magnetic_tile_masks", "neu_cls", "neu_det", "road_scenes",
        "sample", "sample_good", "sign_crops",
    }  # fmt: skip
    for name in cards.names():
        card = cards.find(name)
        assert card.name == name
        assert card.licence
        assert card.source


def test_a_card_is_found_by_path_and_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "datasets").mkdir()
    path = tmp_path / "datasets/mine.yaml"
    path.write_text(yaml.safe_dump(CARD))
    assert cards.find(path) == cards.find(str(path)) == _card()
    monkeypatch.chdir(tmp_path)
    assert cards.find("mine") == _card()
    assert "mine" in cards.names()


def test_an_unknown_card_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'magnetic_tiles'.*one of .*gtsrb.*Did you mean 'magnetic_tile'\?"):
        cards.find("magnetic_tiles")
    with pytest.raises(DataError, match=r"none\.yaml cannot be read"):
        cards.find("none.yaml")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"licence": ...}, "the key 'licence' is missing"),
        ({"clases": []}, "the key 'clases' is unknown; did you mean 'classes'?"),
        ({"classes": []}, "classes: "),
        ({"classes": [{"id": "a"}, {"id": "a"}]}, "class 'a' is listed twice"),
        ({"classes": [{"id": "a", "god": True}]}, "the key 'classes.0.god' is unknown; did you mean 'good'?"),
        ({"task": "guess"}, "task: "),
        ({"schema": 2}, "schema: "),
        ({"target": {"rule": "regex", "pattern": "("}}, "is no regular expression"),
        ({"target": {"rule": "regex", "pattern": "abc"}}, "must capture something"),
        ({"part": {"rule": "guess"}}, "part: "),
        ({"part": {"rule": "numeric_gap", "pattern": "(1)", "gap": 0}}, "gap"),
        ({"layout": "table"}, "go together"),
        ({"target": ...}, "the key 'target' is missing, which layout 'files' needs"),
        ({"train_on": ["crack"]}, "train_on names the class 'crack', which is not listed"),
        ({"classes": [{"id": "a", "background": True}, {"id": "b", "background": True}]}, "more than one class"),
    ],
)
def test_a_wrong_card_is_one_sentence(tmp_path: Path, change: dict[str, Any], complaint: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in {**CARD, **change}.items() if value is not ...}))
    with pytest.raises(DataError) as caught:
        cards.read(path)
    assert complaint in str(caught.value)
    assert str(caught.value).startswith("Data card mine.yaml: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: [", "line 1 is no YAML"),
        ("- a", "is no data card"),
        ("", "is no data card"),
        ("name: a\nname: b", "line 2 is no YAML: got the key name twice"),
        ("classes: &c [*c]", "line 1 is no YAML: got an anchor inside itself"),
        ("[" * 3000, "is no YAML: got more brackets within brackets than can be read"),
        ("title: \0", "is no YAML: got unacceptable character"),
    ],
)
def test_what_is_no_card_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match=complaint) as caught:
        cards.read(path)
    assert "\n" not in str(caught.value)


def test_what_looks_like_a_date_is_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    for date in ("2021-02-28", "2021-02-30"):
        path.write_text(yaml.safe_dump(CARD) + f"citation: {date}\n")
        assert cards.read(path).citation == date


@pytest.mark.parametrize("pattern", ["", "/abs/*.png", "../*/*.png"])
def test_a_glob_that_is_none_is_one_sentence(draw: Draw, tmp_path: Path, pattern: str) -> None:
    draw("dent/a.png")
    with pytest.raises(DataError, match=r"Data card 'mine': the key 'images' is no pattern") as caught:
        carded.read(_card(images=pattern), tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("pattern", ["**.png", "a\0b/*.png"])
def test_a_glob_that_some_pythons_read_is_never_a_traceback(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(DataError, match=r"the key 'images'|finds no image"):
        carded.read(_card(images=pattern), tmp_path)


def test_names_that_are_no_utf8_are_left_out_and_can_be_printed(draw: Draw, tmp_path: Path) -> None:
    source = draw("dent/a.png").read_bytes()
    odd = os.fsencode(tmp_path) + b"/dent/\xff.png"
    try:
        with open(odd, "wb") as file:
            file.write(source)
    except OSError:
        pytest.skip("this file system keeps names that are text only")
    rejected = (Rejected("dent/\\udcff.png", "its name is no UTF-8; rename it"),)
    assert carded.read(_card(), tmp_path).rejected == rejected
    (tmp_path / "dent/a.png").unlink()
    with pytest.raises(DataError, match=r"finds no image.*got dent.*rename it"):
        carded.read(_card(), tmp_path)


def test_a_root_with_a_part_of_the_classes_has_all_class_ids(draw: Draw, tmp_path: Path) -> None:
    draw("dent/a.png")
    index = carded.read(_card(), tmp_path)
    assert index.class_ids == ("good", "dent")
    assert [(one.target, one.images) for one in index.counts()] == [("good", 0), ("dent", 1)]


def test_images_of_no_known_class_are_named(draw: Draw, tmp_path: Path) -> None:
    draw("dent/a.png")
    draw("scratch/a.png")
    with pytest.raises(DataError, match=r"scratch/a.png: class 'scratch' is not in the card"):
        carded.read(_card(), tmp_path)
    with pytest.raises(DataError, match=r"a\.png: the target rule finds no class"):
        carded.read(_card(target={"rule": "regex", "pattern": r"^(\d+)"}), tmp_path)


def test_a_root_where_nothing_matches_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"finds no image below .*: expected files that match '\*/\*\.png'"):
        carded.read(_card(), tmp_path)
    with pytest.raises(DataError, match="is no folder"):
        carded.read(_card(), tmp_path / "none")


VOC = """<annotation><filename>{0}.jpg</filename><size><width>48</width><height>40</height></size>{1}</annotation>"""
BOX = "<bndbox><xmin>3</xmin><ymin>3</ymin><xmax>20</xmax><ymax>20</ymax></bndbox>"


def _write_voc(root: Path, name: str, *labels: str) -> None:
    objects = "".join(f"<object><name>{one}</name>{BOX}</object>" for one in labels)
    (root / "ANNOTATIONS").mkdir(exist_ok=True)
    (root / f"ANNOTATIONS/{name}.xml").write_text(VOC.format(name, objects))


def test_objects_say_what_an_image_is_and_the_card_what_its_part_is(draw: Draw, tmp_path: Path) -> None:
    names = {"patches_30": ("patches", "inclusion"), "patches_31": (), "inclusion_1": ("inclusion",)}
    for name, labels in names.items():
        draw(f"IMAGES/{name}.jpg")
        _write_voc(tmp_path, name, *labels)
    draw("IMAGES/other.bmp")  # the card's glob does not name it
    index = carded.read(cards.find("neu_det"), tmp_path)
    assert index.column("targets") == [["inclusion"], ["inclusion", "patches"], ["background"]]
    assert index.column("part") == ["inclusion/0000", "patches/0000", "patches/0001"]
    assert [one.id for one in index.classes][-1] == "background"
    assert len(index.classes) == 7
    assert (index.grouping, index.rejected) == ("card", ())
    _write_voc(tmp_path, "inclusion_1", "dent")
    with pytest.raises(
        DataError, match=r"ANNOTATIONS/inclusion_1.xml: object 1 \(dent\): its class is not in the card"
    ):
        carded.read(cards.find("neu_det"), tmp_path)


def test_a_card_for_each_layout_of_objects(draw: Draw, tmp_path: Path) -> None:
    draw("images/a.png", size=(40, 48))
    draw("masks/a.png", size=(40, 48))
    mask = np.zeros((40, 48), np.uint8)
    mask[3:9, 3:9] = 255
    cv2.imwrite(str(tmp_path / "masks/a.png"), mask)
    (tmp_path / "data.yaml").write_text("names: [dent]")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text("0 0.5 0.5 0.5 0.5")
    for layout in ("yolo", "masks"):
        card = _card(layout=layout, task="segment", images="images/*.png", target=None, classes=CARD["classes"])
        index = carded.read(card, tmp_path)
        assert index.column("targets") == [["dent"]]
        # The only good class, which no object carries, is the background.
        assert index.classes[0].background
    wrong = _card(layout="yolo", task="detect", images="images/*.png", classes=[{"id": "crack"}])
    with pytest.raises(DataError, match=r"labels/a.txt line 1: its class 'dent' is not in the card"):
        carded.read(wrong, tmp_path)
    wrong = _card(layout="masks", task="segment", images="images/*.png", classes=[{"id": "a"}, {"id": "b"}])
    with pytest.raises(DataError, match="class 'object' of the masks is not in the card"):
        carded.read(wrong, tmp_path)


def test_what_may_be_trained_on_goes_along(draw: Draw, tmp_path: Path) -> None:
    draw("dent/a.png")
    index = carded.read(_card(train_on=["good"], task="anomaly"), tmp_path)
    assert index.train_on == ("good",)
    index.write(tmp_path / "index.parquet")
    assert Index.read(tmp_path / "index.parquet") == index
    assert cards.find("magnetic_tile_good").train_on == ("MT_Free",)


def test_generated_roads_are_scenes_with_signs(tmp_path: Path) -> None:
    from vision_ft.data.synthetic.scenes import generate_roads
    from vision_ft.data.synthetic.signs import SIGNS

    generate_roads(tmp_path, scenes=2, frames=2, size=(120, 160))
    index = carded.read(cards.find("road_scenes"), tmp_path)
    assert index.class_ids == (*SIGNS, "background")
    assert all(one.good for one in index.classes)
    assert index.column("part") == index.column("path")
    assert index.column("group") == ["scene_00000", "scene_00000", "scene_00001", "scene_00001"]
    assert (index.slices, index.grouping, index.rejected) == (("weather",), "card", ())


def test_frames_of_a_generated_sign_are_one_part(tmp_path: Path) -> None:
    from vision_ft.data.synthetic import SIGNS, generate_signs

    generate_signs(tmp_path, tracks_per_class={"stop": 2, "keep_left": 1}, frames=3)
    index = carded.read(cards.find("sign_crops"), tmp_path)
    assert set(index.class_ids) == set(SIGNS)
    assert all(one.good for one in index.classes)
    tracks = ["keep_left_000"] * 3 + ["stop_000"] * 3 + ["stop_001"] * 3
    assert sorted(index.column("part")) == sorted(index.column("group")) == tracks
    assert (index.slices, index.grouping, index.rejected) == (("weather",), "card", ())


def test_a_card_for_a_table_takes_parts_groups_and_slices_from_columns(draw: Draw, tmp_path: Path) -> None:
    for name in ("1", "2", "3"):
        draw(f"{name}.png", int(name))
    (tmp_path / "t.csv").write_text("path,target,part,line\n1.png,dent,p,west\n2.png,dent,p,west\n3.png,good,,\n")
    card = _card(
        layout="table",
        target={"rule": "csv", "file": "t.csv"},
        part={"rule": "column", "name": "part"},
        group={"rule": "column", "name": "line"},
    )
    index = carded.read(card, tmp_path)
    assert index.column("part") == ["p", "p", "3.png"]
    assert index.column("group") == ["west", "west", "3.png"]
    assert index.column("slice.line") == ["west", "west", None]
    with pytest.raises(DataError, match="column 'tile'"):
        carded.read(card.model_copy(update={"group": _card(group={"rule": "column", "name": "tile"}).group}), tmp_path)


@pytest.mark.parametrize(
    ("rules", "parts", "groups", "grouping"),
    [
        # What the card leaves open, the table says.
        ({}, ["p", "p", "q", "4.png"], ["g", "g", "h", "4.png"], "none"),
        ({"group": {"rule": "part"}}, ["p", "p", "q", "4.png"], ["p", "p", "q", "4.png"], "none"),
        ({"group": {"rule": "none"}}, ["p", "p", "q", "4.png"], ["1.png", "1.png", "3.png", "4.png"], "card"),
        # What it says holds, also where it is that there is nothing to say.
        ({"part": {"rule": "none"}}, ["1.png", "2.png", "3.png", "4.png"], ["g", "2.png", "h", "4.png"], "card"),
        (
            {"part": {"rule": "none"}, "group": {"rule": "part"}},
            ["1.png", "2.png", "3.png", "4.png"],
            ["1.png", "2.png", "3.png", "4.png"],
            "card",
        ),
    ],
)
def test_a_table_s_own_parts_and_groups_hold_where_its_card_has_no_rule(
    draw: Draw, tmp_path: Path, rules: dict[str, Any], parts: list[str], groups: list[str], grouping: str
) -> None:
    for number in range(1, 5):
        draw(f"{number}.png", number)
    (tmp_path / "labels.csv").write_text(
        "path,target,part,group\n1.png,dent,p,g\n2.png,dent,p,\n3.png,good,q,h\n4.png,good,,\n"
    )
    card = _card(layout="table", target={"rule": "csv"}, **rules)
    index = carded.read(card, tmp_path)
    assert (index.column("part"), index.column("group"), index.grouping) == (parts, groups, grouping)
    (tmp_path / "labels.csv").write_text("path,target,part\n1.png,dent,p\n2.png,dent,p\n")
    assert carded.read(card, tmp_path).grouping == grouping.replace("none", "column")


def test_magnetic_tile_rules(draw: Draw, tmp_path: Path) -> None:
    for name in ("MT_Free/Imgs/exp1_num_100", "MT_Crack/Imgs/exp6_num_300", "MT_Crack/Imgs/exp2_num_501"):
        draw(f"{name}.jpg")
        draw(f"{name}.png")
    index = carded.read(cards.find("magnetic_tile"), tmp_path)
    assert index.column("path") == [
        "MT_Crack/Imgs/exp2_num_501.jpg",
        "MT_Crack/Imgs/exp6_num_300.jpg",
        "MT_Free/Imgs/exp1_num_100.jpg",
    ]
    assert index.column("part") == index.column("group") == ["000501", "000100", "000100"]
    assert index.column("slice.exposure") == ["2", "6", "1"]
    assert index.column("mask")[0] == "MT_Crack/Imgs/exp2_num_501.png"
    assert [one.id for one in index.classes if one.good] == ["MT_Free"]


def test_neu_and_gtsrb_rules(draw: Draw, tmp_path: Path) -> None:
    for name in ("IMAGES/rolled-in_scale_30.jpg", "IMAGES/rolled-in_scale_31.jpg", "IMAGES/patches_30.jpg"):
        draw(f"neu/{name}")
    index = carded.read(cards.find("neu_cls"), tmp_path / "neu")
    assert index.column("targets") == [["patches"], ["rolled-in_scale"], ["rolled-in_scale"]]
    assert index.column("part") == ["patches/0000", "rolled-in_scale/0000", "rolled-in_scale/0001"]
    for name in ("00001/00002_00005.ppm", "00001/00002_00029.ppm", "00007/00002_00005.ppm"):
        draw(f"gtsrb/{name}")
    index = carded.read(cards.find("gtsrb"), tmp_path / "gtsrb")
    assert index.column("group") == ["00001/00002", "00001/00002", "00007/00002"]
    assert len(index.classes) == 43
    assert cards.find("gtsrb").augment == "sign"


def test_the_sample_card_fits_what_the_generator_writes(tmp_path: Path) -> None:
    from vision_ft.data.synthetic.surfaces import generate_surfaces

    generate_surfaces(tmp_path, parts_per_class={"good": 2, "dent": 1}, shots=2, size=(96, 128))
    index = carded.read(cards.find("sample"), tmp_path)
    assert index.column("part") == ["dent_000", "dent_000", "good_000", "good_000", "good_001", "good_001"]
    assert index.column("mask")[0] == "masks/dent/dent_000_s0.png"
    assert index.slices == ("camera", "surface")
    assert index.class_ids[0] == "good"
    assert index.classes[0].background
    assert index.rejected == ()
    boxes, labels, _ = boxes_of(next(iter(index.samples())), index.classes)
    assert len(boxes) >= 1
    assert set(labels.tolist()) == {index.class_ids.index("dent") - 1}


def test_every_error_of_a_card_is_the_users_to_mend() -> None:
    with pytest.raises(VisionFTError) as caught:
        cards.find("nothing like any card")
    assert caught.value.exit_code == 2


def test_a_foreign_folder_datasets_beside_an_installation_holds_no_cards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets/foreign.yaml").write_text("a: 1")
    monkeypatch.setattr(cards, "__file__", str(tmp_path / "vision_ft/data/cards.py"))
    assert "foreign" not in cards.names()
    (tmp_path / "pyproject.toml").touch()
    assert "foreign" in cards.names()
