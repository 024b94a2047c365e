"""How many epochs fit into a time."""

from __future__ import annotations

import time

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from vision_ft.bundle.manifest import InputSpec
from vision_ft.tasks.contract import Exportable
from vision_ft.training.budget import Speed, answer_seconds, measure, plan_epochs


def test_without_a_time_the_recipe_decides() -> None:
    given_ = plan_epochs(
        None, max_time=None, max_epochs=20, default_epochs=12, steps=5, val_steps=0, start=2.0,
        folds=3, fold_share=0.15, judging=0.0, closing=25.0,
    )  # fmt: skip
    assert (given_.final, given_.fold) == (20, 9)
    default = plan_epochs(
        None, max_time=None, max_epochs=None, default_epochs=12, steps=5, val_steps=2, start=2.0,
        folds=0, fold_share=1.0, judging=0.0, closing=25.0,
    )  # fmt: skip
    assert default.final == 12
    assert default.closing == 25.0
    assert default.why == "12 epochs, as the recipe says"


def test_a_time_is_shared_by_hand() -> None:
    # 95 s, less 10 s of export and 10 s of a probe, leave 75 s for epochs of 10 steps and 2 validation batches: 11 s.
    budget = plan_epochs(
        Speed(step=1.0, forward=0.5),
        max_time=100.0, max_epochs=50, default_epochs=12, steps=10, val_steps=2, start=10.0,
        folds=0, fold_share=0.15, judging=0.0, closing=10.0,
    )  # fmt: skip
    assert budget.final == 6
    assert budget.why == "100 s allow 6 of 50 epochs at 11.0 s"


def test_folds_are_not_starved_while_the_final_fit_has_epochs() -> None:
    budget = plan_epochs(
        Speed(step=1.6, forward=0.4),
        max_time=290.0, max_epochs=None, default_epochs=12, steps=20, val_steps=0, start=0.0,
        folds=3, fold_share=0.15, judging=0.0, closing=72.0,
    )  # fmt: skip
    assert budget.fold >= 1
    assert budget.final >= 1


@given(
    step=st.floats(0.001, 20.0),
    forward=st.floats(0.001, 10.0),
    max_time=st.floats(1.0, 10_000.0),
    max_epochs=st.none() | st.integers(1, 100),
    steps=st.integers(1, 200),
    val_steps=st.integers(0, 50),
    start=st.floats(0.0, 600.0),
    folds=st.sampled_from([0, 2, 3, 5, 20]),
    fold_share=st.floats(0.01, 1.0),
    judging=st.floats(0.0, 120.0),
    closing=st.floats(0.0, 120.0),
)
def test_no_plan_exceeds_its_time(
    step: float,
    forward: float,
    max_time: float,
    max_epochs: int | None,
    steps: int,
    val_steps: int,
    start: float,
    folds: int,
    fold_share: float,
    judging: float,
    closing: float,
) -> None:
    budget = plan_epochs(
        Speed(step, forward),
        max_time=max_time, max_epochs=max_epochs, default_epochs=12, steps=steps, val_steps=val_steps,
        start=start, folds=folds, fold_share=fold_share, judging=judging, closing=closing,
    )  # fmt: skip
    wanted = max_epochs or 12
    assert 0 <= budget.final <= wanted
    assert 0 <= budget.fold <= wanted
    smaller = (folds - 1) / folds if folds else 1.0
    epoch = steps * step + val_steps * forward
    fold_epoch = steps * (smaller * step + forward / folds) if folds else 0.0
    needed = judging + closing + start * (1 + folds * smaller) + epoch * budget.final + folds * fold_epoch * budget.fold
    if folds and not budget.fold:
        # Nobody would know what epochs of the final fit are worth.
        assert budget.final == 0
        assert budget.why.endswith("the start is judged and shipped")
    if budget.final or budget.fold:
        assert needed <= max_time * 1.000001
    if folds == 0:
        assert budget.fold == 0
        # One epoch more would not fit, or is not wanted.
        assert budget.final == wanted or needed + epoch > 0.949 * max_time
    elif budget.fold:
        assert budget.fold_seconds is not None
        assert budget.fold_seconds >= fold_epoch * budget.fold


class Watched(nn.Module):
    """Keeps how many images it was shown each time, and whether for training."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)
        self.seen: list[tuple[int, bool]] = []
        self.cast: set[torch.dtype] = set()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append((len(images), torch.is_grad_enabled()))
        out: torch.Tensor = self.layer(images)
        self.cast.add(out.dtype)
        return out

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], _: int) -> torch.Tensor:
        return self.forward(batch[0]).square().mean()

    def configure_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"optimizer": torch.optim.AdamW(self.parameters(), lr=0.1)}


def _batches(*sizes: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(torch.ones(n, 4), torch.zeros(n)) for n in sizes]


def test_a_small_last_batch_is_not_taken_for_speed() -> None:
    module = Watched()
    speed = measure(module, _batches(8, 8, 1), None, torch.device("cpu"), clip_norm=1.0)
    assert {images for images, _ in module.seen} == {8}
    assert speed.step > 0
    assert speed.forward > 0


def test_what_is_looked_at_whole_is_timed_whole() -> None:
    module = Watched()
    speed = measure(module, _batches(8, 8, 8), _batches(2), torch.device("cpu"))
    assert set(module.seen) == {(8, True), (2, False)}
    assert speed.forward > 0


def test_what_is_timed_is_the_precision_of_the_fit() -> None:
    for precision, kind in (("32-true", torch.float32), ("bf16-mixed", torch.bfloat16), ("16-mixed", torch.float16)):
        module = Watched()
        measure(module, _batches(8, 8), None, torch.device("cpu"), precision=precision)
        assert module.cast == {kind}


class Sleepy(nn.Module):
    """A graph that takes its time for each view."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        time.sleep(0.01 * len(images))
        return (images.float().mean(dim=(1, 2, 3)),)


def test_answers_are_timed_by_the_view_and_as_the_graph_gives_them() -> None:
    slow = Exportable(Sleepy(), ("scores",), 0, "", lambda _: {}, ())
    spec = InputSpec(height=16, width=24)
    assert answer_seconds(slow, spec) >= 0.01
