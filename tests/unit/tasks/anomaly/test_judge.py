"""Thresholds from good parts, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.decision import Decision
from vision_ft.bundle.tasks.anomaly import raw_at
from vision_ft.errors import DataError
from vision_ft.evaluation.decide import decided
from vision_ft.evaluation.parts import parts_of
from vision_ft.evaluation.table import PredictionTable
from vision_ft.recipe.objective import Objective
from vision_ft.tasks.anomaly.judge import JUDGE
from vision_ft.tasks.anomaly.threshold import fewest, limit_at

CLASSES = (ClassInfo(id="good", good=True, background=True), ClassInfo(id="anomaly"))


def table(logs: NDArray[np.float64], *, shots: int = 2, bad: int = 0, a_group: int = 1) -> PredictionTable:
    """Uncalibrated answers on parts with these logarithms of their raw scores; the last `bad` are defective."""
    count = len(logs) * shots
    each = np.repeat(logs, shots) - np.tile(np.arange(shots), len(logs)) * 0.7
    scores = expit(each)
    parts = np.repeat([f"p{k:03d}" for k in range(len(logs))], shots)
    targets = np.repeat(np.arange(len(logs)) >= len(logs) - bad, shots).astype(np.int64)
    return PredictionTable(
        classes=CLASSES,
        paths=np.array([f"{k}.png" for k in range(count)]),
        targets=targets,
        probabilities=np.stack([1.0 - scores, scores], axis=1),
        decisions=(Decision.PASS,) * count,
        distances=np.full(count, np.nan),
        parts=parts,
        groups=np.repeat([f"g{k // a_group:03d}" for k in range(len(logs))], shots),
        seen=np.zeros(count, dtype=np.bool_),
        origin="out-of-fold",
    )


@pytest.fixture
def logs() -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(0.3, 0.4, 100)


@pytest.mark.parametrize(("count", "rate"), [(19, 0.05), (100, 0.05), (40, 0.2), (7, 0.5), (3, 0.9)])
def test_a_counted_limit_holds_its_rate(count: int, rate: float) -> None:
    rng = np.random.default_rng(1)
    shares = []
    for _ in range(400):
        found = limit_at(rng.normal(size=count), rate)
        assert found.counted
        shares.append((rng.normal(size=200) >= found.at).mean())
    assert np.mean(shares) <= rate + 0.01
    assert np.mean(shares) >= rate - 1.0 / (count + 1) - 0.02


def test_too_few_parts_are_taken_to_be_normal() -> None:
    rng = np.random.default_rng(2)
    shares = []
    for _ in range(600):
        scores = rng.normal(size=8)
        found = limit_at(scores, 0.05)
        assert not found.counted
        assert found.at > scores.max()
        shares.append((rng.normal(size=200) >= found.at).mean())
    assert np.mean(shares) < 0.06
    assert fewest(0.05) == 19
    assert limit_at(np.array([1.0]), 0.05).at > 1.0
    with pytest.raises(ValueError, match="good parts"):
        limit_at(np.zeros(0), 0.05)


def test_a_half_is_where_one_in_twenty_is_rejected(logs: NDArray[np.float64]) -> None:
    raw = table(logs)
    calibration, calibrated = JUDGE.calibrate(raw, None, "out-of-fold")
    scores = parts_of(calibrated).scores
    assert (scores >= 0.5).sum() == 4
    assert raw_at(0.5, calibration) == pytest.approx(np.exp(np.sort(logs)[-5]), rel=0.02)
    assert (calibration.images, calibration.parts, calibration.fitted_on) == (200, 100, "out-of-fold")
    # The order of all scores stays, also of those far above the threshold.
    assert (np.argsort(scores) == np.argsort(logs)).all()
    far = [expit(np.log(k * raw_at(0.5, calibration)) / calibration.temperature + calibration.offset) for k in (40, 44)]
    assert np.float32(far[0]) < np.float32(far[1]) < 1.0
    assert JUDGE.cross_fitted(calibrated, raw) is calibrated


def test_without_defective_parts_nothing_is_said_about_escapes(logs: NDArray[np.float64]) -> None:
    _, calibrated = JUDGE.calibrate(table(logs), None, "validation")
    point = JUDGE.choose(calibrated, Objective())
    assert point.verdict == "no objective"
    assert point.rule.pass_below == point.rule.reject_from == pytest.approx(0.5)
    assert point.findings[0].startswith("Threshold set for 5 % false rejects on 100 good parts: ")
    assert "are to be expected" in point.findings[0]
    assert "Nothing can be said about escapes" in point.findings[-1]
    assert point.figures["escape_rate"].value is None
    assert point.figures["overkill_rate"].value is not None
    assert point.judged == "cross-fitted"
    assert point.decisions is not None
    rejected = {p for p, d in zip(calibrated.parts, point.decisions, strict=True) if d is Decision.REJECT}
    assert len(rejected) == point.figures["overkill_rate"].numerator
    assert 2 <= len(rejected) <= 7


def test_an_objective_about_escapes_is_undecidable(logs: NDArray[np.float64]) -> None:
    _, calibrated = JUDGE.calibrate(table(logs), None, "validation")
    point = JUDGE.choose(calibrated, Objective(max_escape_rate=0.02))
    assert point.verdict == "undecidable"
    assert any("no defective part" in one for one in point.findings)


def test_the_objective_moves_the_threshold(logs: NDArray[np.float64]) -> None:
    _, calibrated = JUDGE.calibrate(table(logs), None, "validation")
    loose = JUDGE.choose(calibrated, Objective(max_overkill_rate=0.3))
    assert loose.rule.reject_from is not None
    assert loose.rule.reject_from < 0.5
    # 29 of 100 do not show that 30 % hold.
    assert loose.verdict == "undecidable"
    reviewed = JUDGE.choose(calibrated, Objective(max_overkill_rate=0.05, max_review_share=0.2))
    assert reviewed.rule.pass_below is not None
    assert reviewed.rule.reject_from is not None
    assert reviewed.rule.pass_below < reviewed.rule.reject_from
    decisions = decided(calibrated, reviewed.rule)
    shares = np.bincount(parts_of(decisions).severity, minlength=3) / 100
    assert shares[1] == pytest.approx(0.2, abs=0.03)
    assert shares[2] <= 0.05


def test_defective_parts_do_not_move_the_threshold(logs: NDArray[np.float64]) -> None:
    with_bad = table(np.append(logs, np.full(10, 3.0)), bad=10)
    calibration, calibrated = JUDGE.calibrate(with_bad, None, "validation")
    assert calibration.offset == JUDGE.calibrate(table(logs), None, "validation")[0].offset
    point = JUDGE.choose(calibrated, Objective())
    assert point.rule.reject_from == pytest.approx(0.5)
    assert point.figures["escape_rate"].value == 0.0


def test_few_parts_are_said_to_be_few() -> None:
    _, calibrated = JUDGE.calibrate(table(np.array([0.1, 0.5, -0.2])), None, "validation")
    point = JUDGE.choose(calibrated, Objective())
    assert any("At least 19 good parts" in one for one in point.findings)
    assert "3 good parts: 0 of them" in point.findings[0]
    alone = table(np.array([0.1, 0.5, -0.2]), a_group=3)
    assert JUDGE.choose(JUDGE.calibrate(alone, None, "validation")[1], Objective()).judged == "observed"


def test_a_threshold_needs_a_good_part(logs: NDArray[np.float64]) -> None:
    raw = table(logs)
    with pytest.raises(DataError, match="good part"):
        JUDGE.calibrate(replace(raw, targets=np.ones_like(raw.targets)), None, "validation")
