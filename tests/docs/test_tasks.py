"""`docs/tasks.md` names every task, recipe and figure there is, and its answers have the shape of real ones."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.docs.blocks import REPOSITORY, blocks
from tests.docs.test_recipes import RECIPES
from vision_ft.bundle.answers import DetectionAnswer
from vision_ft.bundle.tasks import TASKS, answer_model
from vision_ft.data.formats import FORMATS
from vision_ft.evaluation.summary import HEADLINE
from vision_ft.recipe import load_recipe
from vision_ft.tasks.registry import task_judge

DOCUMENT = "docs/tasks.md"
TEXT = (REPOSITORY / DOCUMENT).read_text(encoding="utf-8")
ANSWERS: tuple[Mapping[str, Any], ...] = tuple(json.loads(b.text) for b in blocks(DOCUMENT) if b.language == "json")
LISTS = {"detect": "detections", "segment": "defects", "anomaly": "regions"}
"""Key by which a task's answer is told from the others."""


def _row(of: str) -> str:
    (row,) = (line for line in TEXT.splitlines() if line.startswith("|") and f"[`{of}`]" in line)
    return row


@pytest.mark.parametrize("task", TASKS)
def test_the_table_names_each_task_and_its_recipes(task: str) -> None:
    row = _row(task)
    for recipe in RECIPES:
        assert (f"`{recipe}`" in row) == (load_recipe(recipe).task.name == task), recipe


@pytest.mark.parametrize("task", [task for task in TASKS if not task_judge(task).image_level])
def test_each_figure_of_a_task_is_explained(task: str) -> None:
    judge = task_judge(task)
    for figure in {*judge.headline, *judge.per_class} - set(HEADLINE):
        assert f"`{figure}`" in TEXT, figure


@pytest.mark.parametrize("task", LISTS)
def test_an_answer_that_is_shown_is_one_of_the_task(task: str) -> None:
    answers = [answer for answer in ANSWERS if LISTS[task] in answer]
    assert answers
    model = answer_model(task)
    for shown in answers:
        # What all tasks have in common is shortened.
        model.model_validate({key: value for key, value in shown.items() if key in model.model_fields})
        assert set(model.model_fields) <= set(shown)


def test_an_object_of_two_stages_is_one_too() -> None:
    (shown,) = (answer for answer in ANSWERS if "detected" in answer)
    one = DetectionAnswer.model_validate(shown)
    assert one.detection_score is not None
    assert one.class_probability is not None
    assert one.score == pytest.approx(one.detection_score * one.class_probability, abs=0.005)


def test_layouts_are_listed_in_the_order_in_which_they_are_tried() -> None:
    words = ("table", "COCO", "YOLO", "Pascal VOC", "Masks", "Class folders")
    listed = re.findall(r"^\d\. (.*)$", TEXT, re.MULTILINE)
    assert len(listed) == len(FORMATS) == len(words)
    for line, word, name in zip(listed, words, FORMATS, strict=True):
        assert word in line.split(":")[0].split(";")[0], line
        assert name in {word.lower(), word.lower().split()[-1]}, name


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXT):
        file, _, anchor = target.partition("#")
        path = (REPOSITORY / DOCUMENT).parent / file if file else REPOSITORY / DOCUMENT
        assert path.is_file(), target
        heads = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
        assert not anchor or anchor in anchors, target
