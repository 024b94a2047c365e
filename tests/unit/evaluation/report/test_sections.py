"""What a task adds to the page, and what the page leaves out where an image has no one label."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markupsafe import Markup
from numpy.typing import NDArray

from tests.support.page import Page
from vision_ft.bundle.manifest import Manifest
from vision_ft.bundle.results import Prediction
from vision_ft.data.index import Sample
from vision_ft.errors import NotAnImageError
from vision_ft.evaluation.figures import Figure, missing
from vision_ft.evaluation.judging import Exhibit
from vision_ft.evaluation.report import write_report
from vision_ft.evaluation.report.sections import Section, Table
from vision_ft.evaluation.report.shown import shown
from vision_ft.evaluation.summary import summarise
from vision_ft.evaluation.table import PredictionTable
from vision_ft.tasks.classify.judge import ClassifyJudge

MakeTable = Callable[..., PredictionTable]

TABLE = Table(
    ("size", "AP50", "objects"),
    (
        ("small <32 px", shown(Figure(0.25, 0.125, 0.5, "by group & image")), 7),
        ("large", shown(missing("no such object")), 0),
    ),
    title="By size & class",
)
SECTION = Section(
    "sizes",
    "Small & large",
    text="Objects <b>by size</b>, at 50 %.",
    tables=(TABLE,),
    drawings=(Markup('<svg id="drawn" viewBox="0 0 10 10"><text>a & drawing</text></svg>'.replace("&", "&amp;")),),
    note="Sides <in> pixels.",
)


class FoundObjects:
    """An observer of a task that looks for objects."""

    def see(self, sample: Sample, prediction: Prediction) -> None:
        """Nothing is needed."""

    def figures(self, table: PredictionTable, *, seed: int) -> dict[str, Any]:
        known = {"support": 5, "parts": 3, **Figure(0.75, 0.5, 1.0).to_json("ap_50")}
        classes = {one.id: {"name": one.title, "good": one.good, **known} for one in table.classes}
        return {**Figure(0.625, 0.5, 0.75).to_json("map_50"), "per_class": classes}

    def sections(self, summary: dict[str, Any]) -> tuple[Section, ...]:
        return (SECTION,)

    def exhibits(self, table: PredictionTable) -> tuple[Exhibit, ...]:
        return ()


class ObjectJudge(ClassifyJudge):
    """Where an image may show several things, or none."""

    image_level = False
    headline: tuple[str, ...] = ("escape_rate", "map_50")
    per_class: tuple[str, ...] = ("ap_50",)


def render(folder: Path, manifest: Manifest, table: PredictionTable, **more: Any) -> tuple[Page, str]:
    summary = more.pop("summary", None) or summarise(table, manifest)
    path = write_report(folder, manifest=manifest, table=table, summary=summary, **more)
    html = path.read_text(encoding="utf-8")
    return Page(html), html


def test_a_section_is_on_the_page_with_its_table_and_drawing(
    manifest: Manifest, random_table: MakeTable, tmp_path: Path
) -> None:
    page, html = render(tmp_path, manifest, random_table(), sections=(SECTION,))
    assert {"sizes", "drawn"} <= page.ids
    for expected in (
        "Small & large", "Objects <b>by size</b>, at 50 %.", "By size & class", "small <32 px", "0.25",
        "0.12 to 0.50", "large", "–", "a & drawing", "Sides <in> pixels.", "AP50",
    ):  # fmt: skip
        assert expected in page.text, expected
    own = html[html.index('id="sizes"') :]
    own = own[: own.index("</section>")]
    assert "<b>by size" not in own
    assert "<32" not in own
    assert 'title="by group &amp; image"' in own
    assert 'title="no such object"' in own
    # The drawing of the one interval, beside the section's own; what is missing has none.
    assert own.count("<svg") == 2
    assert html.index('id="classes"') < html.index('id="sizes"') < html.index('id="confusion"')


def test_without_sections_and_exhibits_the_page_has_none(
    manifest: Manifest, random_table: MakeTable, tmp_path: Path
) -> None:
    page, _ = render(tmp_path, manifest, random_table())
    assert "exhibits" not in page.ids
    assert "sizes" not in page.ids


def test_exhibits_come_in_the_task_s_order_and_escaped(
    manifest: Manifest, random_table: MakeTable, tmp_path: Path
) -> None:
    def picture(path: str) -> NDArray[np.uint8]:
        if "gone" in path:
            raise NotAnImageError(path)
        return np.full((60, 80, 3), 90, np.uint8)

    exhibits = (
        Exhibit("b/second.png", "missed", "a <dent> at 50 %", True),
        Exhibit("gone.png", "false alarm", "found where nothing is", True),
        Exhibit("a/first.png", "best", "all is right", False),
    )
    page, html = render(
        tmp_path, manifest, random_table(), exhibits=exhibits, images=picture, overlay=picture, most_mistakes=0
    )
    own = html[html.index('id="exhibits"') :]
    own = own[: own.index("</section>")]
    assert own.count("<article>") == 3
    assert own.index("second.png") < own.index("gone.png") < own.index("first.png")
    assert own.count("<img") == 4
    assert own.count("no picture") == 1
    assert own.count('class="tag wrong"') == 2
    assert "a &lt;dent&gt; at 50 %" in own
    assert all(load.startswith("data:image/jpeg;base64,") for load in page.loads)


def test_where_an_image_has_no_one_label_the_task_s_figures_are_shown(
    manifest: Manifest, random_table: MakeTable, tmp_path: Path
) -> None:
    table = random_table()
    summary = summarise(table, manifest, judge=ObjectJudge(), observer=FoundObjects())
    assert summary["headline"] == ["escape_rate", "map_50"]
    assert summary["per_class_figures"] == ["ap_50"]
    assert not {"accuracy", "balanced_accuracy", "ece"} & set(summary)
    assert summary["map_50"] == 0.625
    page, _ = render(tmp_path, manifest, table, summary=summary)
    assert not {"confusion", "calibration", "mistakes"} & page.ids
    assert {"figures", "classes", "escapes", "unknown", "card"} <= page.ids
    for expected in ("mAP50", "0.62", "AP50", "0.75", "0.50 to 1.00", "Escape rate"):
        assert expected in page.text, expected
    assert "Recall" not in page.text
    assert "Balanced accuracy" not in page.text


@pytest.mark.parametrize("by_label", [True, False])
def test_slices_show_what_there_is(manifest: Manifest, random_table: MakeTable, tmp_path: Path, by_label: bool) -> None:
    table = random_table()
    table.slices["camera"] = np.where(np.arange(len(table)) % 2 == 0, "left", "right").astype(np.str_)
    judge = None if by_label else ObjectJudge()
    summary = summarise(table, manifest, judge=judge, observer=None if by_label else FoundObjects())
    assert ("accuracy" in summary["slices"]["camera"]["left"]) == by_label
    _, html = render(tmp_path, manifest, table, summary=summary)
    own = html[html.index('id="slices"') :]
    own = own[: own.index("</section>")]
    assert ("Balanced accuracy" in own) == by_label
    assert "Escape rate" in own
