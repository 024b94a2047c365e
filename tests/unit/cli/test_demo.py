"""`vision-ft demo`: what it lays over its recipe; the loop itself is `tests/loop`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import vision_ft.cli.demo
from tests.unit.cli.conftest import Run
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
