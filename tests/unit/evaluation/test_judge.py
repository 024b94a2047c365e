"""A bundle judged as its task says: labels read, every answer seen, figures in summary and report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support.page import Page
from tests.support.tiny_bundle import build_tiny_bundle
from vision_ft.bundle.manifest import Manifest
from vision_ft.bundle.results import Prediction
from vision_ft.data.index import Index, Sample
from vision_ft.data.load import load_index
from vision_ft.errors import DataError
from vision_ft.evaluation.judge import judge_bundle
from vision_ft.evaluation.judging import Exhibit
from vision_ft.evaluation.report.sections import Section
from vision_ft.evaluation.table import PredictionTable
from vision_ft.tasks.classify.judge import ClassifyJudge

BGR = {"red": (20, 20, 200), "green": (20, 200, 20), "blue": (200, 20, 20)}


class Watching:
    """Keeps what it sees, and shows that it did."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def see(self, sample: Sample, prediction: Prediction) -> None:
        self.seen.append((sample.path.name, prediction.label))

    def figures(self, table: PredictionTable, *, seed: int) -> dict[str, Any]:
        assert [name for name, _ in self.seen] == [Path(path).name for path in table.paths.tolist()]
        return {"watched": len(self.seen)}

    def sections(self, summary: dict[str, Any]) -> tuple[Section, ...]:
        return (Section("watched", f"{summary['watched']} answers were watched"),)

    def exhibits(self, table: PredictionTable) -> tuple[Exhibit, ...]:
        return (Exhibit(str(table.paths[0]), "worst", "the first of all", True),)


class WatchingJudge(ClassifyJudge):
    def __init__(self) -> None:
        self.observers: list[Watching] = []

    def labels(self, index: Index) -> Index:
        if len(index) < 2:
            raise DataError("The labels", expected="two images")
        return index

    def observer(self, manifest: Manifest) -> Any:
        self.observers.append(Watching())
        return self.observers[-1]


@pytest.fixture
def index(tmp_path: Path) -> Index:
    for colour, bgr in BGR.items():
        folder = tmp_path / "images" / colour
        folder.mkdir(parents=True)
        for number in range(2):
            picture = np.full((40, 48, 3), bgr, np.uint8)
            picture[0, number] = 0
            assert cv2.imwrite(str(folder / f"{colour}{number}.png"), picture)
    return load_index(root=tmp_path / "images", good=("green",))


def test_the_task_s_judge_sees_every_answer_and_speaks_in_the_report(index: Index, tmp_path: Path) -> None:
    judge, asked = WatchingJudge(), []

    def judge_of(name: str) -> WatchingJudge:
        asked.append(name)
        return judge

    bundle, report = build_tiny_bundle(tmp_path / "bundle"), tmp_path / "report"
    summary = judge_bundle(bundle, index, judge_of=judge_of, report=report, device="cpu")
    assert asked == ["classify"]
    (observer,) = judge.observers
    assert sorted(observer.seen) == [(f"{c}{n}.png", c) for c in sorted(BGR) for n in range(2)]
    assert summary["watched"] == summary["images"] == 6
    assert summary["accuracy"] == 1.0
    assert summary["headline"] == list(judge.headline)
    assert json.loads((report / "metrics.json").read_text(encoding="utf-8")) == summary
    page = Page((report / "report.html").read_text(encoding="utf-8"))
    assert {"watched", "exhibits"} <= page.ids
    assert "6 answers were watched" in page.text
    assert "the first of all" in page.text
    # The labelled image on the left, the answer on the right.
    assert page.tags.count("img") == 2


def test_labels_that_the_task_cannot_read_are_refused_before_anything_is_judged(index: Index, tmp_path: Path) -> None:
    judge = WatchingJudge()
    one = index.select(np.arange(len(index)) == 0)
    with pytest.raises(DataError, match="The labels: expected two images"):
        judge_bundle(build_tiny_bundle(tmp_path / "bundle"), one, judge_of=lambda _: judge, device="cpu")
    assert not judge.observers
