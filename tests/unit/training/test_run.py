"""What a run leaves behind, and what can be said of it afterwards."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from vision_ft.bundle.predictor import load
from vision_ft.data.index import Index
from vision_ft.data.split import SavedSplit
from vision_ft.errors import RecipeError, TrainingError, UsageError, VisionFTError
from vision_ft.evaluation.judge import judge_bundle
from vision_ft.evaluation.table import read_table
from vision_ft.recipe import load_recipe
from vision_ft.tasks.registry import task_judge
from vision_ft.training import export, train
from vision_ft.training.curves import KeepCurves
from vision_ft.training.fit import Interrupted

from .conftest import MakeRecipe, Trained


def _weights(run: Path) -> dict[str, torch.Tensor]:
    content: dict[str, torch.Tensor] = torch.load(run / "fits" / "final" / "best.ckpt", weights_only=False)[
        "state_dict"
    ]
    return content


def _answers(run: Path, trained: Trained) -> np.ndarray:
    predictor = load(run / "bundle")
    samples = list(Index.read(trained.run / "index.parquet").samples())
    found = predictor.predict([sample.path.read_bytes() for sample in samples])
    return np.array([list(one.result.to_json()["probabilities"].values()) for one in found])


def test_the_folder_holds_all_that_was_done(plain_run: Trained) -> None:
    run = plain_run.run
    assert plain_run.result.bundle == run / "bundle"
    assert plain_run.result.report == run / "report" / "report.html"
    for name in ("recipe.yaml", "log.txt", "metrics.csv", "curves.png", "split.json", "index.parquet"):
        assert (run / name).stat().st_size > 0, name
    for name in ("bundle/manifest.json", "bundle/model.onnx", "bundle/reference.npz", "bundle/card.md"):
        assert (run / name).stat().st_size > 0, name
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "<html" in (run / "report" / "report.html").read_text(encoding="utf-8")
    assert list((run / "fits").rglob("events.out.tfevents.*"))
    assert not [p for p in run.rglob("*") if p.name == "scratch" or p.name.startswith(".")]
    assert load_recipe(run / "recipe.yaml") == plain_run.recipe
    assert yaml.safe_load((run / "recipe.yaml").read_text())["trainer"]["max_epochs"] == 3


def test_the_curves_have_a_row_an_epoch(plain_run: Trained) -> None:
    with (plain_run.run / "metrics.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [(row["fit"], float(row["epoch"])) for row in rows] == [("final", n) for n in range(4)]
    for name in ("val/loss", "val/macro_f1", "val/balanced_accuracy", "val/objective"):
        assert all(np.isfinite(float(row[name])) for row in rows), name
    assert all(float(row["train/loss"]) > 0 for row in rows[1:])


def test_the_log_names_what_matters_and_existing_files(plain_run: Trained) -> None:
    text = "\n".join(plain_run.said)
    assert "28 images of 14 parts in 2 classes" in text
    assert "without pretrained weights" in text
    assert "epoch 3 of 3" in text
    assert re.search(r"temperature \d+\.\d+ from \d+ validation images", text)
    for kind in ("bundle", "report"):
        (named,) = (line.split(f"{kind}: ")[1] for line in plain_run.said if f"  {kind}: " in line)
        assert Path(named).exists(), named


def test_the_split_is_by_group_and_saved(plain_run: Trained) -> None:
    index = Index.read(plain_run.run / "index.parquet")
    saved = SavedSplit.read(plain_run.run / "split.json")
    home: dict[str, set[str]] = {}
    for group, split in zip(index.column("group"), index.column("split"), strict=True):
        home.setdefault(group, set()).add(split)
        assert saved.groups[group] == split
    assert all(len(splits) == 1 for splits in home.values())
    assert {next(iter(splits)) for splits in home.values()} == {"train", "val", "test"}


def test_the_figures_come_from_the_bundle_on_the_test_parts(plain_run: Trained) -> None:
    run = plain_run.run
    index = Index.read(run / "index.parquet")
    test = list(index.in_split("test").samples())
    figures = json.loads((run / "report" / "metrics.json").read_text())
    manifest = load(run / "bundle").manifest
    assert figures["origin"] == "bundle"
    assert figures["images"] == len(test) == manifest.metrics["images"]
    assert figures["bundle_version"] == manifest.version
    assert figures["seen_images"] == 0
    answers = load(run / "bundle").predict([s.path.read_bytes() for s in test])
    hits = np.mean([one.label == sample.targets[0] for one, sample in zip(answers, test, strict=True)])
    assert figures["accuracy"] == pytest.approx(hits)
    table = read_table(run / "predictions.parquet")
    assert sorted(table.paths.tolist()) == sorted(s.path.as_posix() for s in test)
    assert plain_run.result.metrics["accuracy"] == figures["accuracy"]
    digests = (run / "bundle" / "training_images.txt").read_text().split()
    # Validation images made the model too, by choosing its epoch, temperature and thresholds.
    assert set(digests) == {s.digest for s in index.in_split("train", "val").samples()}


def test_time_and_memory_are_told(plain_run: Trained) -> None:
    log = (plain_run.run / "log.txt").read_text()
    found = re.search(r"took (\d+\.\d) minutes and (\d+\.\d) GB of memory", log)
    assert found is not None
    assert 0.0 <= float(found[1]) < 60.0
    assert 0.1 < float(found[2]) < 100.0


def test_resume_is_exact_and_a_seed_gives_one_bundle(
    plain_run: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted in the second epoch and resumed, the same recipe ends at the same weights and answers."""
    run = tmp_path / "resumed"
    step = KeepCurves.on_train_batch_end

    def stop(self: object, trainer: object, *rest: object) -> None:
        if trainer.current_epoch == 1:  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        step(self, trainer, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(KeepCurves, "on_train_batch_end", stop)
        with pytest.raises(Interrupted) as told:
            train(plain_run.recipe, run=run)
    assert told.value.checkpoint == run / "fits" / "final" / "best.ckpt"
    assert told.value.checkpoint.exists()
    assert not (run / "bundle").exists()
    with pytest.raises(UsageError, match=r"not empty.*--resume"):
        train(plain_run.recipe, run=run)

    resumed = train(run=run, resume=True)

    ours, theirs = _weights(plain_run.run), _weights(run)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert (run / "metrics.csv").read_text() == (plain_run.run / "metrics.csv").read_text()
    assert np.array_equal(_answers(plain_run.run, plain_run), _answers(run, plain_run))
    same = {k: v for k, v in plain_run.result.metrics.items() if k not in ("bundle", "bundle_version")}
    assert {k: v for k, v in resumed.metrics.items() if k not in ("bundle", "bundle_version")} == same


def test_a_run_that_never_started_cannot_be_resumed_or_exported(tmp_path: Path, plain_run: Trained) -> None:
    for folder in (tmp_path / "nothing", tmp_path):
        with pytest.raises(UsageError, match=r"holds no interrupted run\. Start it without --resume"):
            train(run=folder, resume=True)
    run = tmp_path / "bare"
    run.mkdir()
    for name in ("plan.json", "index.parquet", "recipe.yaml"):
        shutil.copy(plain_run.run / name, run / name)
    with pytest.raises(TrainingError, match="holds no weights yet"):
        export(run)
    (run / "plan.json").write_text("{broken")
    with pytest.raises(TrainingError, match="cannot be resumed"):
        train(run=run, resume=True)


def test_a_start_that_failed_can_be_repeated_in_its_folder(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(UsageError, match="no such folder"):
        train(make_recipe(data__root=str(tmp_path / "elsewhere")), run=run)
    assert not run.exists()
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    for _ in range(2):
        with pytest.raises(VisionFTError, match="nothing"):
            train(make_recipe(data__root=str(nothing)), run=run)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(UsageError, match="expected a folder, got a file"):
        train(make_recipe(), run=file)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"trainer__monitor": "macroF1"}, "Did you mean 'macro_f1'"),
        ({"trainer__accelerator": "foo"}, "section trainer"),
        ({"trainer__strategy": "ddpp"}, "section trainer"),
        ({"trainer__devices": "two"}, "section trainer"),
        ({"trainer__devices": 2}, "one device"),
        ({"trainer__num_nodes": 2}, "one device"),
    ],
)
def test_a_trainer_that_cannot_be_is_refused_before_anything_is_read(
    change: dict[str, Any], says: str, make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=says):
        train(make_recipe(data__csv=str(tmp_path / "none.csv"), **change), run=tmp_path / "run")


def test_too_little_time_for_anything_is_said(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="time for an epoch at least"):
        train(make_recipe(trainer__max_time="1s", task__probe=False), run=tmp_path / "run")


def test_without_a_test_split_the_validation_parts_are_not_passed_off_as_unseen(
    make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    recipe = make_recipe(
        split__test=0.0, split__val=0.4, trainer__max_epochs=1, objective__max_escape_rate=0.3, objective__good=["good"]
    )
    result = train(recipe, run=tmp_path / "run")
    assert result.metrics["origin"] == "validation"
    assert result.metrics["seen_images"] == 0
    page = (result.run / "report" / "report.html").read_text(encoding="utf-8")
    assert "on its validation parts" in page
    assert "No part was held back for a test" in page
    assert "on parts that it has not seen" not in page
    # What chose the epoch, the temperature and the thresholds counts as seen from now on.
    index = Index.read(result.run / "index.parquet")
    assert judge_bundle(result.bundle, index, judge_of=task_judge)["seen_images"] == len(index)


def test_a_run_without_a_good_class_says_what_that_means(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    train(make_recipe(objective__good=[], trainer__max_epochs=1), run=tmp_path / "run")
    assert "every confident answer passes" in (tmp_path / "run" / "log.txt").read_text(encoding="utf-8")


def test_a_rate_is_looked_for_from_the_settled_probe_on(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe(trainer__find_lr=True, task__probe_penalty="auto", trainer__max_epochs=1)
    train(recipe, run=tmp_path / "run")
    log = (tmp_path / "run" / "log.txt").read_text(encoding="utf-8")
    assert log.index("linear probe: penalty") < log.index("learning rate finder:")
