"""Every figure that a task shows has a name for people."""

from __future__ import annotations

import pytest

from vision_ft.evaluation.names import figure_name
from vision_ft.evaluation.summary import HEADLINE, PER_CLASS
from vision_ft.tasks.registry import TASKS, task_judge


@pytest.mark.parametrize("task", TASKS)
def test_what_a_task_shows_first_has_a_title_and_a_meaning(task: str) -> None:
    judge = task_judge(task)
    for shown in (judge.headline, judge.per_class):
        assert shown
        known = [figure_name(name) for name in shown]
        assert all(one.meaning and one.title and "_" not in one.title for one in known)
        assert len({one.title for one in known}) == len(shown)


def test_without_a_judge_the_figures_of_one_label_are_shown() -> None:
    assert task_judge("classify").headline == HEADLINE
    assert task_judge("classify").per_class == PER_CLASS


@pytest.mark.parametrize("name", ["escape_rate", "overkill_rate"])
def test_less_of_a_rate_of_errors_is_better(name: str) -> None:
    known = figure_name(name)
    assert known.rate
    assert known.error
    assert known.unit is not None
    assert known.unit[1] == known.unit[0] + "s"


def test_an_unknown_figure_goes_by_its_own_name() -> None:
    known = figure_name("length_of_scratch")
    assert (known.title, known.meaning) == ("length of scratch", "")
    assert not known.rate
    assert not known.error
