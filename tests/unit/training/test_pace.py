"""A fit that turns out slower or quicker than planned."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vision_ft.tasks.registry import torch_task
from vision_ft.training import pace
from vision_ft.training.curves import read_curves
from vision_ft.training.fit import FitPlan, fit
from vision_ft.training.pace import Pace

from .conftest import MakeRecipe, Prepare


class Clock:
    """Stands where it is put, or goes on by a second whenever it is looked at."""

    def __init__(self, *, step: float = 0.0) -> None:
        self.now = 1000.0
        self.step = step

    def monotonic(self) -> float:
        self.now += self.step
        return self.now


def _epochs_of(clock: Clock, pace_: Pace, planned: int, took: list[float]) -> tuple[list[int], Any]:
    """The planned number of epochs after each one."""
    loop = SimpleNamespace(max_epochs=planned)
    module = SimpleNamespace(steps=planned * 7)
    found = []
    for epoch, seconds in enumerate(took):
        trainer: Any = SimpleNamespace(
            fit_loop=loop, max_epochs=loop.max_epochs, num_training_batches=7, current_epoch=epoch
        )
        if epoch == 0:
            pace_.on_train_start(trainer, module)
        clock.now += seconds
        pace_.on_train_epoch_end(trainer, module)
        found.append(loop.max_epochs)
    return found, module


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pace, "time", made)
    return made


def test_fewer_epochs_where_they_are_slower_than_planned(clock: Clock) -> None:
    said: list[str] = []
    # 10 epochs of 10 s were planned, and one takes 20: of the 60 s left 58.2 are planned with.
    found, module = _epochs_of(clock, Pace(1100.0, 10, said.append), 10, [20.0, 20.0, 20.0, 20.0])
    assert found == [10, 4, 4, 4]
    assert module.steps == 4 * 7
    assert said == ["an epoch takes 20.0 s: 4 epochs instead of 10 fit into the time"]


def test_a_slow_first_epoch_is_not_believed(clock: Clock) -> None:
    found, _ = _epochs_of(clock, Pace(1200.0, 160, lambda _: None), 100, [31.0, 1.5, 1.5, 1.5])
    assert found == [100, 110, 110, 110]


def test_the_first_epoch_counts_where_hardly_another_fits_in(clock: Clock) -> None:
    found, _ = _epochs_of(clock, Pace(1100.0, 10, lambda _: None), 10, [45.0, 45.0])
    assert found == [2, 2]


def test_one_more_of_a_few_long_epochs_is_worth_it_where_the_first_were_quicker(clock: Clock) -> None:
    found, _ = _epochs_of(clock, Pace(1135.0, 40, lambda _: None), 3, [32.0, 26.0, 26.0, 26.0])
    assert found == [3, 4, 4, 4]


def test_more_epochs_where_they_are_quicker_but_never_more_than_wanted(clock: Clock) -> None:
    found, module = _epochs_of(clock, Pace(1100.0, 12, lambda _: None), 5, [5.0, 5.0])
    assert found == [5, 12]
    assert module.steps == 12 * 7
    late, _ = _epochs_of(clock, Pace(clock.now + 1000.0, 5, lambda _: None), 5, [5.0, 5.0])
    assert late == [5, 5]


def test_no_more_epochs_once_the_rate_has_begun_to_fall(clock: Clock) -> None:
    found, _ = _epochs_of(clock, Pace(1100.0, 50, lambda _: None), 10, [13.0, 13.0, 1.0, 1.0, 1.0])
    assert found == [10, 7, 7, 7, 7]


def test_a_machine_that_becomes_slow_is_followed(clock: Clock) -> None:
    found, _ = _epochs_of(clock, Pace(1105.0, 10, lambda _: None), 10, [10.0, 10.0, 10.0, 25.0, 25.0])
    assert found == [10, 10, 10, 8, 5]


def test_what_was_settled_is_taken_up_again(clock: Clock) -> None:
    first = Pace(1100.0, 10, lambda _: None)
    _epochs_of(clock, first, 10, [20.0, 20.0])
    again = Pace(clock.now + 1e6, 10, lambda _: None)
    again.load_state_dict(first.state_dict())
    found, module = _epochs_of(clock, again, 10, [20.0, 20.0])
    assert found == [4, 4]
    assert module.steps == 4 * 7


def test_a_fit_cut_to_its_time_ends_with_a_low_rate(
    make_recipe: MakeRecipe, prepared: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(step=1.0)
    monkeypatch.setattr(pace, "time", clock)
    _, data = prepared(make_recipe(trainer__head_warmup=0.0))
    said: list[str] = []
    plan = FitPlan("final", 40, until=clock.now + 60.0)
    fit(torch_task("classify"), data, plan, tmp_path / "fit", resume=False, say=said.append, bar=False)
    rows = [row for row in read_curves(tmp_path / "fit" / "metrics.csv") if float(row["epoch"]) > 0]
    assert 3 < len(rows) < 40
    assert any("fit into the time" in text for text in said)
    assert not any("slower than measured" in text for text in said)
    rates = [float(row["lr/head"]) for row in rows]
    assert rates[-1] < 0.15 * max(rates)
