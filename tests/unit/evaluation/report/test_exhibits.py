"""Images that a task wants to be looked at: labels on one side, the answer on the other."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vision_ft.bundle.classes import ClassInfo
from vision_ft.data.index import Sample
from vision_ft.data.objects import ObjectLabel
from vision_ft.errors import NotAnImageError
from vision_ft.evaluation.judging import Exhibit
from vision_ft.evaluation.report.exhibits import LONGEST, shown_exhibits

CLASSES = (ClassInfo(id="good", good=True, background=True), ClassInfo(id="dent"))
MISS = Exhibit("line 3/a.png", "missed", "a dent was not found", True)


def picture(path: str) -> NDArray[np.uint8]:
    return np.full((100, 140, 3), 90, np.uint8)


def answered(path: str) -> NDArray[np.uint8]:
    return np.full((100, 140, 3), 200, np.uint8)


def labelled(**changes: Any) -> Sample:
    plain: dict[str, Any] = {
        "path": Path("line 3/a.png"), "targets": ("dent",), "part": "p", "group": "g", "split": None, "mask": None,
        "slices": {}, "digest": "d", "width": 140, "height": 100,
        "objects": (ObjectLabel("dent", (20.0, 30.0, 90.0, 80.0)),),
    }  # fmt: skip
    return Sample(**{**plain, **changes})


def pixels(uri: str) -> NDArray[np.uint8]:
    head, _, data = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    found = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    return np.asarray(found, np.uint8)


def test_labels_are_drawn_on_one_side_and_the_answer_on_the_other() -> None:
    (found,) = shown_exhibits([MISS], {MISS.path: labelled()}, CLASSES, picture, answered)
    assert (found.name, found.kind, found.caption, found.bad) == ("a.png", "missed", "a dent was not found", True)
    truth, answer = pixels(found.truth), pixels(found.answer)
    assert truth.shape == answer.shape == (100, 140, 3)
    assert truth[30:80, 20:90].std() > 10
    assert abs(int(truth[95, 5].mean()) - 90) < 10
    assert abs(float(answer.mean()) - 200) < 5


@pytest.mark.parametrize("truths", [{}, {MISS.path: labelled(objects=None)}])
def test_without_labels_that_say_where_the_plain_image_is_shown(truths: dict[str, Sample]) -> None:
    (found,) = shown_exhibits([MISS], truths, CLASSES, picture, answered)
    assert pixels(found.truth).shape == (100, 140, 3)
    assert pixels(found.truth).std() < 3


def test_large_images_are_shown_small_enough_for_a_page() -> None:
    (found,) = shown_exhibits([MISS], {}, CLASSES, lambda _: np.zeros((2000, 3000, 3), np.uint8), None)
    assert max(pixels(found.truth).shape) == LONGEST
    assert found.answer == ""


@pytest.mark.parametrize("error", [NotAnImageError("a.png is none"), OSError("gone")])
def test_what_cannot_be_read_is_named_without_a_picture(error: Exception) -> None:
    def fail(path: str) -> NDArray[np.uint8]:
        raise error

    found = shown_exhibits([MISS, MISS], {MISS.path: labelled()}, CLASSES, fail, answered)
    assert [(one.name, one.truth) for one in found] == [("a.png", "")] * 2
    assert all(one.answer for one in found)


def test_labels_that_cannot_be_drawn_cost_no_report(tmp_path: Path) -> None:
    mask = tmp_path / "mask.png"
    mask.write_bytes(b"no image")
    broken = labelled(objects=None, mask=mask)
    (found,) = shown_exhibits([MISS], {MISS.path: broken}, CLASSES, picture, answered)
    assert found.truth == ""
    assert found.answer


def test_order_is_the_task_s_and_without_pictures_there_are_none() -> None:
    several = [Exhibit(f"{n}.png", "worst", "", False) for n in (3, 1, 2)]
    found = shown_exhibits(several, {}, CLASSES, None, None)
    assert [one.name for one in found] == ["3.png", "1.png", "2.png"]
    assert not any(one.truth or one.answer for one in found)
