"""Whatever bytes stand where labels should: a DataError of few words, or an index, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from vision_ft.data import formats
from vision_ft.data.object_masks import boxes_of, class_mask
from vision_ft.errors import DataError

WIDTH, HEIGHT = 12, 10

shared_folder = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def attempt(tmp_path: Path) -> Callable[[str, bytes], None]:
    """Write bytes to a file beside two images, read the folder, and look at what was read."""
    for name in ("images/a.png", "images/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), np.full((HEIGHT, WIDTH, 3), len(name), np.uint8))

    def read(file: str, data: bytes) -> None:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(data)
        try:
            index = formats.read(tmp_path)
        except DataError as error:
            str(error).encode()  # else it could not be printed
            return
        index.write(tmp_path / "index.parquet")
        index.fingerprint()
        for sample in index.samples():
            boxes, labels, _ = boxes_of(sample, index.classes)
            assert (boxes[:, 2:] > boxes[:, :2]).all()
            assert (boxes >= 0).all()
            assert (boxes[:, 2:] <= (WIDTH, HEIGHT)).all()
            assert not len(labels) or labels.max() < len(index.classes)
            assert class_mask(sample, index.classes).shape == (HEIGHT, WIDTH)

    return read


def _damaged(whole: bytes) -> st.SearchStrategy[bytes]:
    """Valid bytes with a few of them changed, cut out or put in."""

    @st.composite
    def damage(draw: st.DrawFn) -> bytes:
        data = bytearray(whole)
        for _ in range(draw(st.integers(1, 4))):
            at = draw(st.integers(0, max(0, len(data) - 1)))
            data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3) | st.sampled_from(_TOKENS))
        return bytes(data)

    return damage()


_TOKENS = [b"nan", b"-1", b"1e999", b"null", b"[]", b"{}", b'"', b"<", b">", b"0", b"9" * 30, b"\xff", b"\\ud800"]

VOC = b"""<annotation><filename>a.jpg</filename><size><width>12</width><height>10</height></size><object>
<name>dent</name><difficult>0</difficult><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>9</xmax><ymax>8</ymax></bndbox>
</object></annotation>"""


@shared_folder
@given(data=st.binary(max_size=200) | _damaged(VOC))
@example(data=VOC)
@example(data=b"\x00")
@example(data=b"<a>" * 5000)
def test_voc(attempt: Callable[[str, bytes], None], data: bytes) -> None:
    attempt("Annotations/a.xml", data)


COCO = json.dumps(
    {
        "images": [{"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT, "group": "g"}],
        "categories": [{"id": 1, "name": "dent", "supercategory": "flaw"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 4, 4], "iscrowd": 0, "segmentation": []},
            {"id": 2, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 5, 1, 5, 6]]},
            {"id": 3, "image_id": 1, "category_id": 1, "segmentation": {"size": [10, 12], "counts": [3, 7, 110]}},
            {"id": 4, "image_id": 1, "category_id": 1, "segmentation": {"size": [10, 12], "counts": "37^3"}},
        ],
    }
).encode()

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@shared_folder
@given(data=st.binary(max_size=200) | _damaged(COCO) | VALUES.map(lambda one: json.dumps(one).encode()))
@example(data=COCO)
def test_coco(attempt: Callable[[str, bytes], None], data: bytes) -> None:
    attempt("annotations.json", data)


@shared_folder
@given(part=st.sampled_from(["images", "categories", "annotations"]), data=st.data())
def test_coco_with_one_odd_value(attempt: Callable[[str, bytes], None], part: str, data: st.DataObject) -> None:
    document: dict[str, Any] = json.loads(COCO)
    entry = data.draw(st.sampled_from(document[part]))
    entry[data.draw(st.sampled_from(sorted(entry)))] = data.draw(VALUES)
    attempt("annotations.json", json.dumps(document).encode())


SHEET = b"path: .\ntrain: images\nval: [images]\nnc: 2\nnames: {0: dent, 1: crack}\n"
LINES = b"0 0.5 0.5 0.25 0.5\n1 0.1 0.1 0.9 0.1 0.9 0.9\n"


@shared_folder
@given(data=st.binary(max_size=200) | _damaged(SHEET))
@example(data=SHEET)
@example(data=b"names: [" * 2000)
def test_yolo_sheets(attempt: Callable[[str, bytes], None], data: bytes) -> None:
    attempt("data.yaml", data)


@shared_folder
@given(data=st.binary(max_size=200) | _damaged(LINES))
@example(data=LINES)
@example(data=b"0 1e308 1e308 1e308 1e308")
@example(data=b"1e400 0 0 1 1\n0_0 0 0 1 1")
def test_yolo_labels(attempt: Callable[[str, bytes], None], data: bytes) -> None:
    attempt("data.yaml", SHEET)
    attempt("labels/a.txt", data)


@shared_folder
@given(
    file=st.sampled_from(["classes.txt", "labelmap.txt", "mask_classes.yaml", "masks/a.png"]),
    data=st.binary(max_size=100)
    | _damaged(b"background:0,0,0::\ndent:1,1,1::\n")
    | _damaged(b"0: background\n1: dent\n"),
)
def test_masks(attempt: Callable[[str, bytes], None], tmp_path: Path, file: str, data: bytes) -> None:
    for name in ("classes.txt", "labelmap.txt", "mask_classes.yaml"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "masks").mkdir(exist_ok=True)
    for name in "ab":
        cv2.imwrite(str(tmp_path / f"masks/{name}.png"), np.eye(HEIGHT, WIDTH, dtype=np.uint8))
    attempt(file, data)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**16), levels=st.integers(1, 300), coloured=st.booleans())
def test_any_mask(attempt: Callable[[str, bytes], None], seed: int, levels: int, coloured: bool) -> None:
    rng = np.random.default_rng(seed)
    pool = rng.integers(0, 256, (levels, 3)).astype(np.uint8)
    pixels = pool[rng.integers(0, levels, (HEIGHT, WIDTH))]
    done, data = cv2.imencode(".png", pixels if coloured else pixels[:, :, 0])
    assert done
    attempt("masks/a.png", data.tobytes())
