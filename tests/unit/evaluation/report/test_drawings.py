"""The drawings: where things lie, and that nothing falls out of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from vision_ft.bundle.decision import DecisionRule
from vision_ft.evaluation.figures import Figure
from vision_ft.evaluation.metrics import reliability
from vision_ft.evaluation.parts import parts_of
from vision_ft.evaluation.report.bars import interval_bar
from vision_ft.evaluation.report.confusion_matrix import confusion_matrix, frequent_confusions
from vision_ft.evaluation.report.curves import learning_curves, overfitting
from vision_ft.evaluation.report.reliability import reliability_diagram
from vision_ft.evaluation.report.scores import score_chart
from vision_ft.evaluation.report.shown import shown
from vision_ft.evaluation.report.svg import nice_ticks
from vision_ft.evaluation.table import PredictionTable

MakeTable = Callable[..., PredictionTable]


def parsed(drawing: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(str(drawing))


def test_an_interval_bar_is_drawn_to_scale() -> None:
    root = parsed(interval_bar(Figure(0.5, 0.25, 1.0), width=110))
    bar = next(one for one in root.iter("line") if "interval" in one.attrib["class"])
    assert (float(bar.attrib["x1"]), float(bar.attrib["x2"])) == (30.0, 105.0)
    assert float(next(root.iter("circle")).attrib["cx"]) == 55.0
    assert interval_bar(Figure(None)) == ""


def test_the_confusion_matrix_shows_counts_and_shares() -> None:
    counts = np.array([[3, 1], [0, 4]])
    texts = [one.text for one in parsed(confusion_matrix(counts, ["good", "crack"])).iter("text")]
    for expected in ("3", "75 %", "1", "25 %", "4", "100 %", "good", "crack", "labelled", "answered"):
        assert expected in texts
    assert "0" not in texts
    assert frequent_confusions(counts, ["good", "crack"]) == [("good", "crack", 1)]


def test_many_classes_leave_out_the_figures_but_not_the_cells() -> None:
    root = parsed(confusion_matrix(np.eye(40, dtype=np.int64), [f"a class with a long name {i}" for i in range(40)]))
    assert sum(one.attrib["class"] == "right" for one in root.iter("rect")) == 40
    assert sum(one.attrib["class"] == "cell" for one in root.iter("rect")) == 1600
    titles = [one.text for one in root.iter("title")]
    assert "a class with a long name 0 answered as a class with a long name 0: 1 images, 100.0 % of" in titles[0]  # type: ignore[operator]


def test_reliability_has_a_point_for_each_bin_in_use(make_table: MakeTable) -> None:
    table = make_table([0, 1, 0, 0], [[0.62, 0.38], [0.66, 0.34], [0.9, 0.1], [0.9, 0.1]])
    root = parsed(reliability_diagram(reliability(table)))
    assert len(list(root.iter("circle"))) == 2
    assert [one.text for one in root.iter("title")] == ["2 images", "2 images"]


def test_parts_are_drawn_by_score_with_the_thresholds(make_table: MakeTable) -> None:
    table = make_table([0, 0, 1], [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]])
    root = parsed(score_chart(parts_of(table), DecisionRule(pass_below=0.4, reject_from=0.6)))
    classes = [one.attrib.get("class") for one in root.iter("rect")]
    assert classes.count("column good") == 2
    assert classes.count("column bad") == 1
    assert classes.count("band") == 1
    assert {"pass", "review", "reject"} <= {one.text for one in root.iter("text")}
    single = parsed(score_chart(parts_of(table), DecisionRule(pass_below=0.5, reject_from=0.5)))
    assert sum(one.attrib["class"] == "mark" for one in single.iter("line")) == 1


def test_one_panel_a_measure_with_both_sides() -> None:
    rows = [{"epoch": e, "train_loss": 1 / e, "val_loss": 1.0, "val/accuracy": 0.5, "lr": 1e-3} for e in (1, 2, 3)]
    rows[1]["kept"] = True
    panels = [parsed(panel) for panel in learning_curves(rows)]
    assert [next(panel.iter("text")).text for panel in panels] == ["loss", "accuracy"]
    assert [one.attrib["class"] for one in panels[0].iter("polyline")] == ["curve train", "curve val"]
    assert sum(one.attrib["class"] == "mark" for one in panels[0].iter("line")) == 1
    assert learning_curves([]) == []
    assert learning_curves([{"train_loss": 1.0}]) == []
    assert (
        len(learning_curves([{"train_loss": 1.0, "val_loss": float("nan")}, {"train_loss": 0.5, "val_loss": None}]))
        == 1
    )


def test_each_fit_has_lines_of_its_own_and_the_final_one_stands_out() -> None:
    rows = [
        {"fit": fit, "epoch": e, "train/loss": 1 / e, "val/loss": 1.0 + 0.3 * e * (fit == "fold-1")}
        for fit in ("fold-0", "fold-1", "final")
        for e in (1, 2, 3, 4)
    ]
    (panel,) = learning_curves(rows)
    kinds = [one.attrib["class"] for one in parsed(panel).iter("polyline")]
    assert kinds.count("curve val faint") == 2
    assert kinds.count("curve val") == 1
    found = overfitting(rows)
    assert found is not None
    assert "(fold-1)" in found


def test_learning_by_heart_is_said() -> None:
    falling = [{"train_loss": 1 / e, "val_loss": 1 / e} for e in range(1, 8)]
    rising = [{"train_loss": 1 / e, "val_loss": 1.0 + 0.2 * abs(e - 2)} for e in range(1, 8)]
    assert overfitting(falling) is None
    assert overfitting(rising[:2]) is None
    found = overfitting(rising)
    assert found is not None
    assert "after epoch 2 of 7" in found
    assert "rose by 100 %" in found


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 8))
def test_ticks_are_round_and_inside(low: float, span: float, about: int) -> None:
    high = low + span
    if not high > low:
        return
    ticks = nice_ticks(low, high, about)
    assert len(ticks) <= about + 2
    slack = 1e-6 * span + 1e-9 * abs(low)
    assert all(low - slack <= tick <= high + slack for tick in ticks)


@pytest.mark.parametrize(
    ("figure", "as_percent", "value", "span"),
    [
        (Figure(0.123, 0.1, 0.2), False, "0.12", "0.10 to 0.20"),
        (Figure(0.9972, 0.99, 1.0), False, "0.997", "0.99 to 1.00"),
        (Figure(0.99999, 0.99, 1.0), False, "0.999", "0.99 to 1.00"),
        (Figure(0.0, 0.0, 0.148), True, "0 %", "0 to 15 %"),
        (Figure(0.3), False, "0.30", ""),
        (Figure(None, reason="why"), False, "–", ""),
    ],
)
def test_figures_for_people(figure: Figure, as_percent: bool, value: str, span: str) -> None:
    found = shown(figure, as_percent=as_percent)
    assert (found.value, found.span) == (value, span)


def test_nothing_is_drawn_outside_of_the_axis() -> None:
    root = parsed(interval_bar(Figure(1.4, -0.2, 2.0), width=100))
    xs = [float(x) for one in root.iter() for name, x in one.attrib.items() if re.fullmatch("x1|x2|cx", name)]
    assert min(xs) >= 0
    assert max(xs) <= 100
