"""One fit: what it learns, what it keeps, and what the finders find."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from vision_ft.errors import TrainingError
from vision_ft.tasks.contract import FitData
from vision_ft.tasks.registry import torch_task
from vision_ft.training.curves import read_curves
from vision_ft.training.finders import apply_finders
from vision_ft.training.fit import FitPlan, best_checkpoint, fit, rebuild
from vision_ft.training.run_folder import RunFolder

from .conftest import MakeRecipe, Prepare

TASK = torch_task("classify")


def _fit(data: FitData, folder: Path, epochs: int = 1, **more: Any) -> Any:
    return fit(TASK, data, FitPlan("final", epochs, **more), folder, resume=False, say=lambda _: None, bar=False)


def _state(module: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def _same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor], part: str = "") -> bool:
    return all(torch.equal(left[name], right[name]) for name in left if part in name)


def test_a_seed_decides_the_weights(make_recipe: MakeRecipe, prepared: Prepare, tmp_path: Path) -> None:
    """From scratch, with dropout, mixing and an averaged model: the same seed twice is the same, another is not."""
    _, data = prepared(make_recipe(task__mixup=0.3, task__cutmix=0.5))
    states = [_state(_fit(data, tmp_path / str(n), 2, choose=False)) for n in range(2)]
    assert _same(states[0], states[1])
    other = replace(data, recipe=data.recipe.model_copy(update={"seed": 1}))
    assert not _same(states[0], _state(_fit(other, tmp_path / "other", 2, choose=False)))


def test_dropout_is_on_while_training(
    make_recipe: MakeRecipe, prepared: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vision_ft.tasks.classify.module import ClassifyModule

    seen: list[tuple[bool, bool]] = []
    step = ClassifyModule.training_step

    def spy(self: ClassifyModule, batch: Any, number: int) -> Any:
        norms = [m for m in self.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        seen.append((self.network.dropout.training, any(m.training for m in norms)))
        return step(self, batch, number)

    monkeypatch.setattr(ClassifyModule, "training_step", spy)
    _, data = prepared(make_recipe())
    _fit(data, tmp_path / "fit", 2)
    assert set(seen) == {(True, False)}


def test_a_backbone_rate_of_nought_leaves_the_backbone(
    make_recipe: MakeRecipe, prepared: Prepare, tmp_path: Path
) -> None:
    _, data = prepared(make_recipe(trainer__backbone_lr=0.0))
    start = _state(_fit(data, tmp_path / "start", 0))
    trained = _state(_fit(data, tmp_path / "trained", 2, choose=False))
    for name, value in start.items():
        if "backbone" in name:  # the averaging moves what stays by a rounding
            torch.testing.assert_close(trained[name], value, rtol=1e-6, atol=1e-7)
    assert not _same(start, trained, "classifier")
    assert not (tmp_path / "start" / "last.ckpt").exists()


def test_a_fit_is_rebuilt_from_its_checkpoint(make_recipe: MakeRecipe, prepared: Prepare, tmp_path: Path) -> None:
    _, data = prepared(make_recipe(input__height=48, input__width=80))
    module = _fit(data, tmp_path / "fit")
    checkpoint = best_checkpoint(tmp_path / "fit")
    assert checkpoint == tmp_path / "fit" / "best.ckpt"
    again = rebuild(TASK, data, checkpoint)
    images = torch.randint(0, 256, (2, 48, 80, 3), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(module(images), again(images))
    assert not module.training
    assert best_checkpoint(tmp_path) is None


def test_training_stops_early_where_nothing_is_gained(
    make_recipe: MakeRecipe, prepared: Prepare, tmp_path: Path
) -> None:
    recipe = make_recipe(trainer__patience=1, trainer__monitor="accuracy", trainer__head_lr=1e-9, trainer__ema_decay=0)
    _, data = prepared(recipe.model_copy(update={"trainer": recipe.trainer.model_copy(update={"backbone_lr": 0.0})}))
    _fit(data, tmp_path / "fit", 9)
    assert len([row for row in read_curves(tmp_path / "fit" / "metrics.csv") if float(row["epoch"]) > 0]) < 5


def test_an_unknown_figure_to_monitor_is_told(make_recipe: MakeRecipe, prepared: Prepare, tmp_path: Path) -> None:
    _, data = prepared(make_recipe(trainer__monitor="macro_f2"))
    with pytest.raises(TrainingError, match="macro_f2"):
        _fit(data, tmp_path / "fit")


def test_a_loss_that_is_no_number_is_told(make_recipe: MakeRecipe, prepared: Prepare, tmp_path: Path) -> None:
    recipe = make_recipe(trainer__head_lr=1e30, trainer__backbone_lr=1e30, trainer__clip_norm=0, trainer__ema_decay=0)
    _, data = prepared(recipe)
    with pytest.raises(TrainingError, match=r"no numbers any more.*Lower trainer\.head_lr"):
        _fit(data, tmp_path / "fit", 3, choose=False)


def test_the_clock_stops_a_slow_fit(make_recipe: MakeRecipe, prepared: Prepare, tmp_path: Path) -> None:
    _, data = prepared(make_recipe())
    said: list[str] = []
    plan = FitPlan("final", 50, seconds=0.0)
    fit(TASK, data, plan, tmp_path / "fit", resume=False, say=said.append, bar=False)
    assert any("slower than measured" in text for text in said)
    assert best_checkpoint(tmp_path / "fit") is not None


def test_ctrl_c_works_again_after_a_fit(make_recipe: MakeRecipe, prepared: Prepare, tmp_path: Path) -> None:
    _, data = prepared(make_recipe())
    before = signal.getsignal(signal.SIGINT)
    _fit(data, tmp_path / "fit")
    assert signal.getsignal(signal.SIGINT) is before


def test_the_finders_find_and_say_it(make_recipe: MakeRecipe, prepared: Prepare, tmp_path: Path) -> None:
    recipe = make_recipe(trainer__find_lr=True, trainer__find_batch_size=True)
    _, data = prepared(recipe)
    found = apply_finders(recipe, TASK, data, RunFolder(tmp_path / "prepared")).trainer
    assert 2 <= found.batch_size <= len(data.train)
    assert 1e-6 < found.head_lr < 1.0
    assert found.backbone_lr / found.head_lr == pytest.approx(recipe.trainer.backbone_lr / recipe.trainer.head_lr)
    text = (tmp_path / "prepared" / "log.txt").read_text()
    assert f"batch size finder: {found.batch_size} images fit" in text
    assert "learning rate finder: " in text
