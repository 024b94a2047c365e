"""The page: whole, self-contained, and honest about what it lacks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.page import Page
from vision_ft.bundle.decision import Decision, DecisionRule
from vision_ft.bundle.manifest import Manifest
from vision_ft.errors import NotAnImageError
from vision_ft.evaluation.decide import decided
from vision_ft.evaluation.figures import Figure
from vision_ft.evaluation.flattery import Flattery
from vision_ft.evaluation.judging import Exhibit
from vision_ft.evaluation.operating_point import choose
from vision_ft.evaluation.report import write_report
from vision_ft.evaluation.report.gallery import mistakes
from vision_ft.evaluation.summary import summarise
from vision_ft.evaluation.table import PredictionTable
from vision_ft.recipe.objective import Objective

MakeTable = Callable[..., PredictionTable]
CURVES = [
    {"epoch": e, "train_loss": 1.0 / e, "val_loss": 0.5 + 0.1 * abs(e - 3), "val_macro_f1": 0.1 * e, "lr": 0.1}
    for e in range(1, 7)
]
FLATTERY = Flattery(
    Figure(0.98, 0.97, 0.99), Figure(0.51, 0.44, 0.58), ("c0", "c1"), ("c9",), "a split by image would have flattered"
)


def picture(path: str) -> NDArray[np.uint8]:
    return np.full((300, 400, 3), 90, np.uint8)


def render(folder: Path, manifest: Manifest, table: PredictionTable, **more: object) -> tuple[Page, str]:
    path = write_report(folder, manifest=manifest, table=table, summary=summarise(table, manifest), **more)  # type: ignore[arg-type]
    assert path == folder / "report.html"
    html = path.read_text(encoding="utf-8")
    return Page(html), html


@pytest.fixture
def judged(random_table: MakeTable, manifest: Manifest) -> tuple[Manifest, PredictionTable]:
    objective = Objective(max_escape_rate=0.05, max_review_share=0.1)
    table = random_table(parts=36, images=6, skill=2.5)
    point = choose(table, objective)
    changed = {"decision": point.rule, "objective": objective.model_dump(mode="json"), "findings": point.findings}
    return manifest.model_copy(update=changed), decided(table, point.rule)


def test_the_whole_page(judged: tuple[Manifest, PredictionTable], tmp_path: Path) -> None:
    manifest, table = judged
    table.slices["camera"] = np.where(np.arange(len(table)) % 2 == 0, "left", "right").astype(np.str_)
    page, html = render(
        tmp_path,
        manifest,
        table,
        images=picture,
        overlay=picture,
        curves=CURVES,
        flattery=FLATTERY,
        title="Tiles, spring",
    )
    assert page.ids >= {
        "verdict", "figures", "escapes", "classes", "confusion", "calibration", "curves", "slices", "flattery",
        "mistakes", "unknown", "card",
    }  # fmt: skip
    for expected in (
        "Tiles, spring", "Not decidable with so few parts", "At most 5 % of the defective parts may pass",
        "defective parts", "When the thresholds were set", "Overkill rate", "Balanced accuracy", "camera", "left",
        "a split by image would have flattered", "0.51", "test_backbone", "Apache-2.0", "fewer than 10 parts",
        "by heart", "macro f1",
    ):  # fmt: skip
        assert expected in page.text, expected
    wrong = int((table.labels != table.targets).sum())
    assert page.tags.count("article") == wrong
    assert page.tags.count("img") == 2 * wrong
    assert not re.search(r"\b(nan|inf|None)\b", re.sub(r"base64,[^\"]*", "", html))


def test_nothing_is_loaded_from_elsewhere(judged: tuple[Manifest, PredictionTable], tmp_path: Path) -> None:
    manifest, table = judged
    page, html = render(tmp_path, manifest, table, images=picture, curves=CURVES, flattery=FLATTERY)
    assert page.loads
    assert all(load.startswith("data:image/jpeg;base64,") for load in page.loads)
    assert not {"script", "link", "iframe", "object", "embed"} & set(page.tags)
    assert not re.search(r"https?://|@import|url\(", html)


def test_escapes_come_first_then_overkill_then_the_most_confident(
    judged: tuple[Manifest, PredictionTable], tmp_path: Path
) -> None:
    manifest, table = judged
    # Every second part of each class passes, and the others are rejected: all kinds of mistakes occur.
    turn = np.unique(table.parts, return_inverse=True)[1] // len(table.classes) % 2
    table = replace(table, decisions=tuple(Decision.REJECT if one else Decision.PASS for one in turn))
    wrong = table.labels != table.targets
    page, html = render(tmp_path, manifest, table, most_mistakes=5)
    assert page.tags.count("article") == 5
    assert f"{wrong.sum()} of 216 images are misclassified; 5 are shown. Escapes come first" in " ".join(
        page.text.split()
    )
    every = mistakes(table, None, None, most=1000)
    assert len(every) == wrong.sum()
    order = [(("escape", "overkill", "").index(one.kind), -one.probability) for one in every]
    assert order == sorted(order)
    assert {one.kind for one in every} == {"escape", "overkill", ""}
    shown = [float(found) for found in re.findall(r'class="answer"><b>[^<]*</b> ([0-9.]+)', html)]
    assert shown == pytest.approx([one.probability for one in every[:5]], abs=0.006)


def test_right_answers_come_after_the_mistakes(judged: tuple[Manifest, PredictionTable], tmp_path: Path) -> None:
    manifest, table = judged
    shown = (Exhibit(str(table.paths[0]), "right", "Good, answered with 0.99", bad=False),)
    page, html = render(tmp_path, manifest, table, exhibits=shown, images=picture, overlay=picture)
    assert "Good, answered with 0.99" in page.text
    assert html.index('id="mistakes"') < html.index('id="exhibits"') < html.index('id="unknown"')


def test_an_image_that_is_gone_is_named_without_a_picture(
    judged: tuple[Manifest, PredictionTable], tmp_path: Path
) -> None:
    def missing(path: str) -> NDArray[np.uint8]:
        if path.endswith("0.png"):
            raise FileNotFoundError(path)
        raise NotAnImageError(path)

    manifest, table = judged
    page, _ = render(tmp_path, manifest, table, images=missing, overlay=lambda path: None)
    assert "img" not in page.tags
    assert "no picture" in page.text


def test_without_good_class_objective_curves_or_mistakes(
    manifest: Manifest, make_table: MakeTable, tmp_path: Path
) -> None:
    table = make_table([0, 1, 2, 3], np.eye(4).tolist(), good=())
    page, _ = render(tmp_path, manifest, table)
    assert not {"escapes", "curves", "slices", "flattery"} & page.ids
    assert "No objective was stated" in page.text
    assert "None of 4 images is misclassified" in page.text
    assert "nothing is said about escapes" in page.text
    assert "No slices" in page.text


def test_an_empty_table_still_makes_a_page(manifest: Manifest, make_table: MakeTable, tmp_path: Path) -> None:
    page, _ = render(tmp_path, manifest, make_table([0], [[1.0, 0, 0, 0]]).select(np.zeros(1, dtype=np.bool_)))
    assert "There are no images." in page.text


def test_training_images_are_warned_of_at_the_top(manifest: Manifest, make_table: MakeTable, tmp_path: Path) -> None:
    page, _ = render(tmp_path, manifest, make_table([0, 1], np.eye(4)[:2].tolist(), seen=[True, False]))
    assert "1 of 2 images were used to train this model." in page.text
    assert page.text.index("were used to train") < page.text.index("Key figures")


def test_the_flattery_that_the_bundle_keeps_is_shown(manifest: Manifest, make_table: MakeTable, tmp_path: Path) -> None:
    kept = manifest.model_copy(update={"metrics": {"flattery": FLATTERY.to_json()}})
    page, _ = render(tmp_path, kept, make_table([0, 1], np.eye(4)[:2].tolist()))
    assert "flattery" in page.ids
    assert "Left out, for they have a single group: c9" in page.text


def test_names_cannot_break_the_page(manifest: Manifest, make_table: MakeTable, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    names = [evil, "a & b", '"quoted"', "plain"]
    table = make_table([0, 1, 2, 3], np.eye(4)[[1, 0, 3, 2]].tolist(), names=names, parts=[evil, "b", "c", "d"])
    page, _ = render(tmp_path, manifest.model_copy(update={"name": evil}), table, title=evil)
    assert "script" not in page.tags
    assert evil in page.text


def test_where_thresholds_were_set_on_these_parts_the_cross_fitted_verdict_is_shown(
    random_table: MakeTable, manifest: Manifest, tmp_path: Path
) -> None:
    table = random_table(parts=200, skill=4.0, origin="out-of-fold")
    objective = Objective(max_escape_rate=0.1)
    point = choose(table, objective)
    changed = manifest.model_copy(
        update={"decision": point.rule, "objective": objective.model_dump(mode="json"), "findings": point.findings}
    )
    summary = {**summarise(table, changed), "operating_point": {**point.to_json(), "verdict": "not met"}}
    html = write_report(tmp_path, manifest=changed, table=decided(table, point.rule), summary=summary).read_text(
        "utf-8"
    )
    assert "The objective is not met" in html
    assert "out-of-fold predictions" in html
    assert "When the thresholds were set" not in html


def test_a_bundle_with_many_classes(manifest: Manifest, tmp_path: Path, random_table: MakeTable) -> None:
    table = random_table(parts=120, images=1, classes=60, skill=3.0, good=())
    page, html = render(tmp_path, manifest.model_copy(update={"decision": DecisionRule(abstain_below=0.5)}), table)
    assert "Most frequent confusions" in page.text
    assert len(html) < 5_000_000
