"""Judge a bundle on an index: the figures, and on request the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.predictor import load
from vision_ft.data.background import judged
from vision_ft.data.index import Index
from vision_ft.data.split import SavedSplit, assign
from vision_ft.errors import DataError, UsageError
from vision_ft.evaluation.collect import collect
from vision_ft.evaluation.judging import TaskJudge
from vision_ft.evaluation.report import write_report
from vision_ft.evaluation.summary import summarise, write_summary


def judge_bundle(
    bundle: Path,
    index: Index,
    *,
    judge_of: Callable[[str], TaskJudge],
    split: str = "all",
    split_file: Path | None = None,
    leave_out_seen: bool = False,
    json_file: Path | None = None,
    report: Path | None = None,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Run the bundle over the images of a split and give the figures (see `summary.summarise`).

    `judge_of` gives a task's judge by its name.
    `split` is `all`, or one of those that `split_file` or the data's own folders give. Images
    that the bundle was trained on are counted in the figures' notes, or left out.

    Raises `DataError` when no image is left, `UsageError` for a split that does not exist.
    """
    predictor = load(bundle, device=device)
    judge = judge_of(predictor.stage.task)
    index = _with_good(index, predictor.stage.classes)
    labelled = judge.labels(index)
    given = _of_split(labelled, split, split_file)
    chosen = judged(given)
    doubtful = len(given) - len(chosen) + _left_out(index, labelled, split)
    if leave_out_seen:
        seen = predictor.bundle.training_digests()
        chosen = chosen.select(np.array([digest not in seen for digest in chosen.column("digest")], dtype=np.bool_))
    if not len(chosen):
        raise DataError("No image is left to judge", remedy="Name other images, or keep those that the model has seen.")
    observer = judge.observer(predictor.manifest)
    table = collect(predictor, chosen.samples(), chosen.classes, progress=progress, each=observer.see)
    summary = summarise(table, predictor.manifest, judge=judge, observer=observer)
    if doubtful:
        summary["notes"].append(
            f"Images on which all that is labelled is to be ignored: {doubtful}. They are not judged."
        )
    if json_file is not None:
        write_summary(json_file, summary)
    if report is not None:
        write_report(
            report,
            manifest=predictor.manifest,
            table=table,
            summary=summary,
            predictor=predictor,
            sections=observer.sections(summary),
            exhibits=observer.exhibits(table),
            truths={sample.path.as_posix(): sample for sample in chosen.samples()},
        )
        write_summary(report / "metrics.json", summary)
    return summary


def _with_good(index: Index, bundle: Sequence[ClassInfo]) -> Index:
    """The index with the bundle's good classes, where nothing says of its own which of them are good."""
    if any(one.good or one.background for one in index.classes):
        return index
    good = {one.id: one for one in bundle if one.good}
    own = {one.id for one in index.classes}
    marked = tuple(one.model_copy(update={"good": True}) if one.id in good else one for one in index.classes)
    return replace(index, classes=(*marked, *(one for name, one in good.items() if name not in own)))


def _left_out(index: Index, labelled: Index, split: str) -> int:
    """Images that a task's labels leave out, as far as the data say that they are of the split."""
    kept = set(labelled.column("path"))
    rows = zip(index.column("path"), index.column("split"), strict=True)
    return sum(path not in kept and split in ("all", own) for path, own in rows)


def _of_split(index: Index, split: str, file: Path | None) -> Index:
    if split == "all":
        # Quarantined images bridge two splits, or somebody has put them aside.
        return index.select(np.array([one != "quarantine" for one in index.column("split")], dtype=np.bool_))
    if file is not None:
        saved = SavedSplit.read(file)
        index = assign(index, test=saved.test, val=saved.val, seed=saved.seed, saved=saved)
    present = sorted({s for s in index.column("split") if s is not None})
    if split not in present:
        raise UsageError(
            f"--split {split}",
            expected=", ".join(["all", *present]),
            remedy="" if present else "Give a saved split with --split-file, such as a run's split.json.",
        )
    return index.in_split(split)
