"""A run by folds: every part is judged once, by a model that has not seen its group."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vision_ft.bundle.predictor import load
from vision_ft.cli import main
from vision_ft.data.index import Index
from vision_ft.evaluation.table import read_table
from vision_ft.tasks.contract import FitData
from vision_ft.training import RunResult, crossval, train
from vision_ft.training.fit import fit

from .conftest import MakeRecipe


@dataclass
class ByFolds:
    result: RunResult
    fits: dict[str, FitData]

    @property
    def run(self) -> Path:
        return self.result.run


@pytest.fixture(scope="module")
def by_folds(make_recipe: MakeRecipe, tmp_path_factory: pytest.TempPathFactory) -> ByFolds:
    seen: dict[str, FitData] = {}

    def spy(task: Any, data: FitData, plan: Any, folder: Path, **more: Any) -> Any:
        seen[plan.name] = data
        return fit(task, data, plan, folder, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crossval, "fit", spy)
        recipe = make_recipe(
            split__folds=2, split__test=0.0, trainer__max_epochs=1, objective__max_escape_rate=0.2, input__width=96
        )
        result = train(recipe, run=tmp_path_factory.mktemp("runs") / "folds")
    return ByFolds(result, seen)


def test_no_group_is_on_both_sides_of_a_fold(by_folds: ByFolds) -> None:
    assert set(by_folds.fits) == {"fold-0", "fold-1"}
    held = []
    for data in by_folds.fits.values():
        assert not {s.group for s in data.train} & {s.group for s in data.val}
        assert not {s.digest for s in data.train} & {s.digest for s in data.val}
        assert {s.targets[0] for s in data.train} == {"good", "scratch"}
        held += [s.path for s in data.val]
    assert len(held) == len(set(held)) == 28


def test_every_part_is_judged_once_by_a_model_that_had_not_seen_it(by_folds: ByFolds) -> None:
    table = read_table(by_folds.run / "predictions.parquet")
    assert table.origin == "out-of-fold"
    assert len(table) == len(set(table.paths.tolist())) == 28
    assert not table.seen.any()
    for name, data in by_folds.fits.items():
        own = read_table(by_folds.run / "fits" / name / "predictions.parquet")
        assert set(own.paths.tolist()) == {s.path.as_posix() for s in data.val}
        # Calibration and decisions come later; the probabilities' order is that of the fold's own answers.
        joined = dict(zip(table.paths.tolist(), table.labels.tolist(), strict=True))
        assert [joined[p] for p in own.paths.tolist()] == own.labels.tolist()


def test_the_final_model_learns_from_all_parts(by_folds: ByFolds) -> None:
    run = by_folds.run
    digests = {s.digest for s in Index.read(run / "index.parquet").samples()}
    assert load(run / "bundle").bundle.training_digests() == digests
    manifest = load(run / "bundle").manifest
    assert manifest.data.parts == 14
    assert manifest.stage.calibration.fitted_on == "out-of-fold"
    assert manifest.stage.calibration.parts == 14
    assert (manifest.stage.input.height, manifest.stage.input.width) == (64, 96)
    figures = json.loads((run / "report" / "metrics.json").read_text())
    assert figures["origin"] == "out-of-fold"
    assert figures["images"] == 28
    assert by_folds.result.findings == manifest.findings
    assert manifest.findings


def test_a_class_takes_turns_in_the_folds(by_folds: ByFolds) -> None:
    for target, parts in (("good", 4), ("scratch", 3)):
        for data in by_folds.fits.values():
            assert len({s.part for s in data.val if s.targets[0] == target}) == parts


def test_the_command_line_exports_it_again(
    by_folds: ByFolds, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "copy"
    shutil.copytree(by_folds.run, run)
    shutil.rmtree(run / "bundle")
    assert main(["export", str(run)]) == 0
    assert str(run / "bundle") in capsys.readouterr().out
    images = [s.path.read_bytes() for s in Index.read(run / "index.parquet").samples()]
    first, again = (load(folder / "bundle").predict(images) for folder in (by_folds.run, run))
    for one, other in zip(first, again, strict=True):
        assert one.result.to_json() == other.result.to_json()
        assert (one.decision, one.distance) == (other.decision, other.distance)
    assert load(run / "bundle").stage.weights == load(by_folds.run / "bundle").stage.weights
    assert np.isfinite([one.probability for one in first]).all()
    shutil.rmtree(run / "fits" / "fold-1")
    assert main(["export", str(run)]) == 1
    assert "has not judged every fold yet" in capsys.readouterr().err


def test_the_figures_of_the_page_are_those_of_thresholds_from_other_parts(by_folds: ByFolds) -> None:
    metrics = by_folds.result.metrics
    point = metrics["operating_point"]
    assert point["judged"] == "cross-fitted"
    for name in ("escape_rate", "overkill_rate", "review_share"):
        assert (metrics[name], metrics[f"{name}_numerator"]) == (point[name], point[f"{name}_numerator"])
    assert metrics["objective"]["verdict"] == point["verdict"]
    manifest = load(by_folds.result.bundle).manifest
    assert metrics["ece"] == pytest.approx(manifest.stage.calibration.ece_after)
    assert metrics["nll"] == pytest.approx(manifest.stage.calibration.nll_after)
