"""`vision-ft demo`: what it lays over its recipe; the loop itself is `tests/loop`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import vision_ft.cli.demo
from tests.unit.cli.conftest import Run
from vision_ft.cli import demos
from vision_ft.errors import VisionFTError
from vision_ft.recipe import Recipe, load_recipe


class _StopError(VisionFTError):
    """The recipe is seen: nothing is trained."""


@pytest.fixture
def resolved(run: Run, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The recipe that a `demo` with these arguments would train by."""

    def made(*arguments: str | Path) -> Recipe:
        found: list[Recipe] = []

        def stop(*given: Any) -> Recipe:
            found.append(load_recipe(*given))
            raise _StopError("stopped")

        monkeypatch.setattr(vision_ft.cli.demo, "load_recipe", stop)
        answer = run("demo", *arguments)
        assert answer.complaint == "vision-ft: stopped."
        return found[0]

    return made


@pytest.mark.parametrize(
    ("flags", "good"),
    [
        ((), ()),
        (("--objective.good", "good"), ("good",)),
        (("--objective.good", "good,reworked"), ("good", "reworked")),
        (("--objective.good", "good", "--objective.good", "reworked"), ("good", "reworked")),
        (("--objective.good", '["good"]'), ("good",)),
    ],
)
def test_the_good_classes_reach_the_recipe(resolved: Any, flags: tuple[str, ...], good: tuple[str, ...]) -> None:
    recipe = resolved("--data.root", "parts", *flags)
    assert recipe.objective.good == good
    assert (recipe.data.root, recipe.seed) == (Path("parts"), 0)


def test_its_own_flags_reach_it_too(resolved: Any) -> None:
    recipe = resolved("--data.root", "parts", "--data.card", "sample", "--seed", "4", "--max-time", "2m")
    assert (recipe.data.card, recipe.seed, recipe.trainer.max_time) == ("sample", 4, 120)


@pytest.mark.parametrize(
    ("name", "task", "card", "root"),
    [
        ("classify", "classify", "sample", "datasets/sample"),
        ("detect", "detect", "sample", "datasets/sample"),
        ("segment", "segment", "sample", "datasets/sample"),
        ("anomaly", "anomaly", "sample_good", "datasets/sample"),
        ("signs", "detect", "road_scenes", "datasets/roads"),
    ],
)
def test_a_task_brings_its_recipe_its_images_and_its_time(
    resolved: Any, name: str, task: str, card: str, root: str
) -> None:
    recipe = resolved("--task", name)
    assert (recipe.task.name, recipe.data.card, recipe.data.root) == (task, card, Path(root))
    assert recipe.data.one_class == ("sign" if name == "signs" else None)
    assert recipe.split.test > 0.0, "something is sent to the service"
    assert 120 <= recipe.trainer.max_time <= 300


def test_each_demo_is_tried_here() -> None:
    assert demos.names() == ["anomaly", "classify", "detect", "segment", "signs"]


def test_own_images_take_the_task_and_leave_its_card(resolved: Any) -> None:
    recipe = resolved("--task", "segment", "--data.root", "parts")
    assert (recipe.task.name, recipe.data.card, recipe.data.root) == ("segment", None, Path("parts"))


def test_a_task_that_is_not_shown_names_the_nearest(run: Run) -> None:
    answer = run("demo", "--task", "segmnet")
    assert answer.code == 2
    assert "--task segmnet" in answer.complaint
    assert "Did you mean segment?" in answer.complaint
