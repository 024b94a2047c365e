"""Ranking of images and of pixels, against plain ways to compute it; and what is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from vision_ft.bundle.decision import Decision
from vision_ft.bundle.manifest import DataInfo, InputSpec, Manifest, Stage, Weights
from vision_ft.bundle.place import geometry_of
from vision_ft.bundle.results import Prediction
from vision_ft.bundle.score_views import ScoreMap
from vision_ft.bundle.tasks.anomaly import AnomalyResult
from vision_ft.data.index import Index
from vision_ft.evaluation.decide import table_from_index
from vision_ft.tasks.anomaly.exhibits import exhibits
from vision_ft.tasks.anomaly.observer import AnomalyObserver
from vision_ft.tasks.anomaly.pixels import ALARMS, BINS, PixelTally, squashed
from vision_ft.tasks.anomaly.ranking import auroc, average_precision, ranked
from vision_ft.tasks.anomaly.sections import sections


@pytest.mark.parametrize("ties", [False, True])
def test_ranking_is_what_scikit_learn_says(ties: bool) -> None:
    rng = np.random.default_rng(0)
    bad = rng.random(80) < 0.4
    scores = rng.normal(size=80) + bad
    if ties:
        scores = np.round(scores)
    weights = rng.integers(0, 4, (5, 80)).astype(np.float64)
    for row, area, precision in zip(
        weights, auroc(scores, bad, weights), average_precision(scores, bad, weights), strict=True
    ):
        assert area == pytest.approx(roc_auc_score(bad, scores, sample_weight=row))
        assert precision == pytest.approx(average_precision_score(bad, scores, sample_weight=row))


def test_intervals_widen_where_images_come_in_groups() -> None:
    rng = np.random.default_rng(1)
    own = rng.normal(size=40)
    bad = np.repeat(np.arange(40) < 20, 6)
    scores = np.repeat(own, 6) + 1.2 * bad + 0.1 * rng.normal(size=240)
    alone, together = (
        ranked("auroc", scores, bad, groups.astype(np.str_), seed=0)
        for groups in (np.arange(240), np.repeat(np.arange(40), 6))
    )
    assert alone.value == together.value
    for one in (alone, together):
        assert one.low is not None
        assert one.high is not None
        assert one.value is not None
        assert one.low < one.value < one.high
    assert (together.high or 0) - (together.low or 0) > 1.5 * ((alone.high or 0) - (alone.low or 0))
    perfect = ranked("auroc", bad.astype(np.float64), bad, np.repeat(np.arange(40), 6).astype(np.str_), seed=0)
    assert (perfect.value, perfect.high) == (1.0, 1.0)
    assert perfect.low == pytest.approx(0.832, abs=0.01)


def test_squashing_keeps_the_order_and_puts_the_threshold_on_an_edge() -> None:
    values = np.array([-50.0, -1.0, 0.0, 0.5, 0.999, 1.0, 1.001, 2.0, 1e6], np.float32)
    bins = squashed(values)
    assert (np.diff(bins) >= 0).all()
    assert bins[2] == BINS // 2
    assert bins[4] < BINS * 3 // 4 <= bins[5]
    assert bins[0] >= 0
    assert bins[-1] == BINS - 1


def _scenes() -> list[tuple[str, NDArray[np.float32], NDArray[np.uint8], bool]]:
    rng = np.random.default_rng(3)
    found = []
    for number in range(12):
        good = number % 2 == 0
        truth = np.zeros((40, 50), np.uint8)
        if not good:
            cv2.circle(truth, (int(rng.integers(8, 40)), int(rng.integers(8, 30))), 5, 1, -1)
            truth[2:4, 2:4] = 1
            truth[36:, 46:] = 255
        scores = cv2.GaussianBlur(rng.normal(0, 0.6, truth.shape) + 0.8 * (truth == 1), (5, 5), 1.0)
        found.append((f"g{number // 3}", scores.astype(np.float32), truth, good))
    return found


def test_pixels_are_ranked_as_plain_code_does() -> None:
    tally = PixelTally()
    scenes = _scenes()
    for group, scores, truth, good in scenes:
        tally.add(group, scores, truth, good=good)
    found = tally.figures(seed=0)
    counted = [(s[t != 255], t[t != 255] == 1) for _, s, t, _ in scenes]
    scores, odd = (np.concatenate(one) for one in zip(*counted, strict=True))
    assert found["pixel_auroc"].value == pytest.approx(roc_auc_score(odd, scores), abs=1e-3)
    alarms, _, levels = roc_curve(odd, scores, drop_intermediate=False)
    regions = []
    for _, s, t, _ in scenes:
        count, labels = cv2.connectedComponents((t == 1).astype(np.uint8), connectivity=8)
        regions += [np.sort(s[labels == one]) for one in range(1, count)]
    overlap = np.mean([1.0 - np.searchsorted(one, levels, side="left") / len(one) for one in regions], axis=0)
    grid = np.linspace(0.0, ALARMS, 2000)
    assert found["aupro"].value == pytest.approx(
        np.trapezoid(np.interp(grid, alarms, overlap), grid) / ALARMS, abs=2e-3
    )
    on_good = np.concatenate([s.ravel() for _, s, _, one in scenes if one])
    assert found["false_alarm_area"].value == pytest.approx((on_good >= 1.0).mean(), abs=1e-9)
    for figure in found.values():
        assert figure.low is not None
        assert figure.high is not None


def test_a_good_exposure_of_a_defective_part_is_no_good_part() -> None:
    clean, odd = np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8)
    odd[2:4, 2:4] = 1
    tally = PixelTally()
    tally.add("g", np.full((8, 8), 2.0, np.float32), clean, good=True, part="a")
    tally.add("g", np.zeros((8, 8), np.float32), clean, good=True, part="b")
    tally.add("h", odd.astype(np.float32), odd, good=False)
    assert tally.figures(seed=0)["false_alarm_area"].value == 0.5
    assert tally.figures(seed=0, defective={"a"})["false_alarm_area"].value == 0.0
    assert "no good part" in tally.figures(seed=0, defective={"a", "b"})["false_alarm_area"].reason


def test_what_is_lacking_is_said() -> None:
    assert "no map" in PixelTally().figures(seed=0)["aupro"].reason
    only_good, only_bad = PixelTally(), PixelTally()
    for group, scores, truth, good in _scenes():
        (only_good if good else only_bad).add(group, scores, truth, good=good)
    found = only_good.figures(seed=0)
    assert found["pixel_auroc"].value is None
    assert "outlined" in found["pixel_auroc"].reason
    assert found["false_alarm_area"].value is not None
    assert only_bad.figures(seed=0)["false_alarm_area"].value is None
    assert only_bad.figures(seed=0)["pixel_auroc"].value is not None


def _observer(index: Index) -> tuple[AnomalyObserver, dict[str, Any], Any]:
    stage = Stage(
        task="anomaly",
        classes=index.classes,
        input=InputSpec(height=64, width=64),
        outputs=("scores",),
        weights=Weights(backbone="none", source="none"),
    )
    manifest = Manifest(
        name="m", version="1", created="", stages=(stage,), data=DataInfo(fingerprint="", images=0, parts=0)
    )
    observer = AnomalyObserver(manifest)
    bad_scores = []
    for number, sample in enumerate(index.samples()):
        good = sample.targets == ("good",)
        raw = (0.3 if good else 3.0) + 0.01 * number
        values = np.full((8, 8), 0.1, np.float32)
        values[number % 8, 3] = raw
        geometry = geometry_of(sample.width, sample.height, stage.input)
        result = AnomalyResult(raw, 1.0, ScoreMap(values, geometry), 1.0)
        bad = raw / (1.0 + raw)
        bad_scores.append(bad)
        observer.see(sample, Prediction("", "", bad, Decision.PASS, (), bad, None, result, 80, 72, "1"))
    scores = np.array(bad_scores)
    table = table_from_index(index, np.stack([1.0 - scores, scores], axis=1))
    return observer, observer.figures(table, seed=0), table


def test_the_figures_of_a_good_detector(labelled: Index) -> None:
    observer, figures, _ = _observer(labelled)
    assert figures["image_auroc"] == figures["image_ap"] == 1.0
    assert figures["image_auroc_low"] < 1.0
    assert 0.5 < figures["pixel_auroc"] <= 1.0
    assert figures["false_alarm_area"] == 0.0
    assert figures["per_class"]["good"]["recall"] == figures["per_class"]["anomaly"]["recall"] == 1.0
    assert figures["per_class"]["good"]["image_auroc"] is None
    assert figures["per_class"]["anomaly"]["parts"] == 3
    (section,) = observer.sections(figures)
    assert "threshold" in str(section.drawings[0])


def test_kinds_of_defects_have_figures_of_their_own(labelled: Index) -> None:
    names = ["good" if t == ["good"] else f"kind {n % 2}" for n, t in enumerate(labelled.column("targets"))]
    at = labelled.table.schema.get_field_index("slice.label")
    import pyarrow as pa

    named = replace(labelled, table=labelled.table.set_column(at, "slice.label", pa.array(names)))
    _, figures, _ = _observer(named)
    assert figures["per_class"]["anomaly/kind 0"]["image_auroc"] == 1.0
    assert figures["per_class"]["anomaly/kind 1"]["support"] == 3


def test_without_defective_images_ranks_are_missing(labelled: Index) -> None:
    good = labelled.select([targets == ["good"] for targets in labelled.column("targets")])
    _, figures, _ = _observer(good)
    assert figures["image_auroc"] is None
    assert "no defective" in figures["image_auroc_reason"]
    assert figures["pixel_auroc"] is None
    assert figures["false_alarm_area"] == 0.0
    assert figures["per_class"]["anomaly"]["recall"] is None


def test_misses_and_false_alarms_are_shown_first(labelled: Index) -> None:
    _, _, table = _observer(labelled)
    scores = np.arange(len(table), dtype=np.float64) + 1.0
    decisions = tuple(Decision.PASS if bad else Decision.REJECT for bad in table.is_bad)
    shown = exhibits(replace(table, decisions=decisions), scores, 5.0)
    assert [one.kind for one in shown] == ["missed"] * 6 + ["false alarm"] * 8
    assert "labelled scratch" in shown[0].caption
    assert all(one.bad for one in shown)
    turned = tuple(Decision.REJECT if bad else Decision.PASS for bad in table.is_bad)
    assert {(one.kind, one.bad) for one in exhibits(replace(table, decisions=turned), scores, 5.0)} == {
        ("found", False)
    }
    assert exhibits(table, scores, None) == ()
    assert sections(np.array([np.nan]), np.array([True]), 1.0) == ()


@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_a_thin_defect_of_a_large_image_is_one_defect_however_small_its_map(slope: float) -> None:
    truth = np.zeros((2048, 2048), np.uint8)
    end = (1900, round(100 + 1800 * slope))
    cv2.line(truth, (100, 101), end, 1, 1)
    field = np.zeros((256, 256), np.float32)
    small = np.zeros(truth.shape, np.uint8)
    cv2.line(small, (100, 101), end, 1, 16)
    field[cv2.resize(small, (256, 256), interpolation=cv2.INTER_AREA) > 0] = 3.0
    tally = PixelTally()
    tally.add("a", field, truth, good=False)
    tally.add("b", np.zeros((256, 256), np.float32), np.zeros((256, 256), np.uint8), good=True)
    assert sum(one.regions for one in tally._counts) == 1
    found = tally.figures(seed=0)
    assert found["pixel_auroc"].value is not None
    assert found["pixel_auroc"].value > 0.99
    assert found["aupro"].value is not None
    assert found["aupro"].value > 0.9


def test_ignored_pixels_count_nowhere_in_a_smaller_map() -> None:
    truth = np.zeros((1024, 1024), np.uint8)
    truth[500:504] = 255
    truth[100:200, 100:200] = 1
    field = np.zeros((128, 128), np.float32)
    field[12:26, 12:26] = 2.0
    field[62:64] = 9.0
    tally = PixelTally()
    tally.add("a", field, truth, good=False)
    tally.add("b", np.zeros((128, 128), np.float32), np.zeros((128, 128), np.uint8), good=True)
    value = tally.figures(seed=0)["pixel_auroc"].value
    assert value == pytest.approx(1.0, abs=0.01)
