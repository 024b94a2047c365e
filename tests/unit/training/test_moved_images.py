"""A run that goes on where its images are now, and by its own recipe."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vision_ft.bundle.decision import Decision
from vision_ft.cli import main
from vision_ft.errors import UsageError
from vision_ft.evaluation.table import PredictionTable
from vision_ft.recipe.load import dump_recipe
from vision_ft.tasks.registry import task_judge
from vision_ft.training import Interrupted, api, export, train
from vision_ft.training.prepare import Prepared, prepare, read_images
from vision_ft.training.run_folder import open_run

from .conftest import MakeRecipe


class _Reached(Exception):  # noqa: N818 - it is no error: what comes next would train
    pass


def _started(make_recipe: MakeRecipe, folder: Path, root: Path, **changes: Any) -> Prepared:
    """A run that was interrupted before its first epoch, on a copy of the tiny parts that was moved since."""
    recipe = make_recipe(data__csv=str(root / "samples.csv"), **changes)
    run = open_run(folder, resume=False)
    prepared = prepare(recipe, run, read_images(recipe), task_judge(recipe.task.name))
    folds = 0 if prepared.folds is None else len(np.unique(prepared.folds))
    run.write_plan({"folds": folds, "final": 1, "fold": 1, "fold_seconds": None, "closing": 0.0, "why": ""})
    dump_recipe(recipe, run.recipe)
    (run.fits / "final").mkdir()
    (run.fits / "final" / "best.ckpt").touch()
    return prepared


@pytest.fixture
def root(table: Path, tmp_path: Path) -> Path:
    shutil.copytree(table.parent, tmp_path / "before")
    return tmp_path / "before"


@pytest.fixture
def now(make_recipe: MakeRecipe, root: Path, tmp_path: Path) -> Path:
    """Where the images of a run that was started are now."""
    _started(make_recipe, tmp_path / "run", root)
    return root.rename(tmp_path / "now")


def test_a_resumed_run_reads_its_images_where_they_are_now(
    now: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Path] = []

    def reach(task: Any, data: Any, *_: Any, **__: Any) -> None:
        seen[:] = [sample.path for sample in (*data.train, *data.val)]
        raise _Reached

    monkeypatch.setattr(api, "fit", reach)
    with pytest.raises(_Reached):
        train(run=tmp_path / "run", resume=True, root=str(now))
    assert seen
    assert all(path.is_relative_to(now) and path.is_file() for path in seen)
    seen.clear()
    monkeypatch.setattr(api, "rebuild", reach)
    with pytest.raises(_Reached):
        export(tmp_path / "run", root=now)
    assert seen
    assert all(path.is_relative_to(now) for path in seen)


def test_the_command_line_resumes_by_the_recipe_of_the_run(
    make_recipe: MakeRecipe, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = _started(make_recipe, tmp_path / "run", root, seed=41)
    seeds: list[int] = []

    def stop(task: Any, data: Any, *_: Any, **__: Any) -> None:
        assert data.train == prepared.train
        seeds.append(data.recipe.seed)
        raise Interrupted(None)

    monkeypatch.setattr(api, "fit", stop)
    assert main(["train", "--run", str(tmp_path / "run"), "--resume"]) == 130
    assert seeds == [41]


def test_the_command_line_takes_images_that_have_moved(
    now: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[str] = []

    def stop(task: Any, data: Any, *_: Any, **__: Any) -> None:
        assert all(sample.path.is_relative_to(now) for sample in data.train)
        reached.append("here")
        raise Interrupted(None)

    monkeypatch.setattr(api, "fit", stop)
    monkeypatch.setattr(api, "rebuild", stop)
    assert main(["train", "--run", str(tmp_path / "run"), "--resume", "--data.root", str(now)]) == 130
    with pytest.raises(Interrupted):
        main(["export", str(tmp_path / "run"), "--data.root", str(now)])
    assert reached == ["here", "here"]


def test_answers_of_folds_go_with_their_images(
    make_recipe: MakeRecipe, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = _started(make_recipe, tmp_path / "run", root, split__folds=2, split__test=0.0)
    assert prepared.folds is not None
    for number in (0, 1):
        held = [one for one, fold in zip(prepared.train, prepared.folds, strict=True) if fold == number]
        targets = np.array([prepared.index.class_ids.index(one.targets[0]) for one in held])
        table = PredictionTable(
            classes=prepared.index.classes,
            paths=np.array([one.path.as_posix() for one in held]),
            targets=targets,
            probabilities=np.eye(2)[targets],
            decisions=(Decision.PASS,) * len(held),
            distances=np.full(len(held), np.nan),
            parts=np.array([one.part for one in held]),
            groups=np.array([one.group for one in held]),
            seen=np.zeros(len(held), np.bool_),
        )
        (tmp_path / "run" / "fits" / f"fold-{number}").mkdir()
        table.write(tmp_path / "run" / "fits" / f"fold-{number}" / "predictions.parquet")
    now = root.rename(tmp_path / "now")
    told: list[PredictionTable] = []

    def reach(*given: Any, **_: Any) -> None:
        told[:] = [one for one in given if isinstance(one, PredictionTable)]
        raise _Reached

    monkeypatch.setattr(api, "rebuild", lambda *_: None)
    monkeypatch.setattr(api, "finish", reach)
    with pytest.raises(_Reached):
        export(tmp_path / "run", root=now)
    (raw,) = told
    assert len(raw) == 28
    for path, part, label in zip(raw.paths.tolist(), raw.parts.tolist(), raw.labels.tolist(), strict=True):
        assert Path(path).is_relative_to(now)
        assert Path(path).is_file()
        assert Path(path).name.startswith(part)
        assert Path(path).parent.name == raw.class_ids[label]


def test_a_root_without_the_images_is_refused_in_one_sentence(
    make_recipe: MakeRecipe, root: Path, tmp_path: Path
) -> None:
    _started(make_recipe, tmp_path / "run", root)
    says = r"expected the folder that the run's images are in now, got no images/good/\S+\.png\.$"
    for wrong in (root / "images", tmp_path / "gone"):
        with pytest.raises(UsageError, match=says) as told:
            train(run=tmp_path / "run", resume=True, root=wrong)
        assert str(told.value).startswith(f"root {wrong}: ")
        with pytest.raises(UsageError, match=says):
            export(tmp_path / "run", root=wrong)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"recipe": "classify_defects"}, "another recipe"),
        ({"overrides": {"seed": 3}}, "overrides"),
        ({"recipe": "classify_defects", "overrides": {"seed": 3}}, "another recipe"),
    ],
)
def test_a_resumed_run_takes_no_other_recipe(given: dict[str, Any], named: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"goes on with its own recipe: got {named}\. Leave them out\."):
        train(run=tmp_path, resume=True, **given)
