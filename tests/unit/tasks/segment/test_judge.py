"""How answers are compared with labels, counted, calibrated and shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.decision import Decision
from vision_ft.bundle.label_views import Patch
from vision_ft.bundle.regions import Region, connected_regions
from vision_ft.data.index import Index
from vision_ft.data.object_masks import IGNORED
from vision_ft.errors import DataError
from vision_ft.evaluation.report.shown import Shown
from vision_ft.evaluation.table import PredictionTable
from vision_ft.tasks.segment.exhibits import exhibits
from vision_ft.tasks.segment.judge import JUDGE
from vision_ft.tasks.segment.overlap import LabelledDefect, Overlap, overlap
from vision_ft.tasks.segment.resampled import area_figures, area_share
from vision_ft.tasks.segment.sections import sections

Map = NDArray[np.uint8]
CLASSES = (ClassInfo(id="good", good=True, background=True), ClassInfo(id="crack"), ClassInfo(id="hole"))


def _regions(answer: Map) -> tuple[Region, ...]:
    return connected_regions([Patch(0, 0, answer, np.full_like(answer, 255))], min_area=1, one_class=True)


def _compare(truth: Map, answer: Map) -> Overlap:
    return overlap(truth, answer, _regions(answer), 2)


def _maps() -> tuple[Map, Map]:
    truth, answer = np.zeros((40, 40), np.uint8), np.zeros((40, 40), np.uint8)
    truth[5:15, 5:15] = 1
    answer[5:15, 10:20] = 1
    truth[30:34, 30:34] = 2
    return truth, answer


def test_areas_are_counted_by_class() -> None:
    found = _compare(*_maps())
    assert found.common.tolist() == [50, 0]
    assert found.answered.tolist() == [100, 0]
    assert found.labelled.tolist() == [100, 16]
    assert found.pixels == 1600
    assert found.iou == pytest.approx(50 / 166)


def test_ignored_pixels_count_nowhere() -> None:
    truth, answer = _maps()
    truth[:, 15:20] = IGNORED
    found = _compare(truth, answer)
    assert found.answered.tolist() == [50, 0]
    assert found.pixels == 1600 - 200
    (first, _) = found.defects
    assert first.answer == 0


def test_a_defect_is_met_from_a_tenth_of_overlap_on_whatever_the_class() -> None:
    truth, answer = _maps()
    assert [one.answer for one in _compare(truth, answer).defects] == [0, None]
    answer[answer == 1] = 2
    assert [one.answer for one in _compare(truth, answer).defects] == [1, None]
    shifted = np.roll(_maps()[1], 4, axis=1)  # 10 of 190 pixels
    assert [one.answer for one in _compare(truth, shifted).defects] == [None, None]


def test_the_best_of_several_answers_counts_and_specks_of_labels_do_not() -> None:
    truth, answer = np.zeros((40, 40), np.uint8), np.zeros((40, 40), np.uint8)
    truth[5:15, 5:15] = 1
    truth[30, 30] = 1
    answer[5:15, 5:8], answer[5:15, 10:15] = 2, 1
    (one,) = _compare(truth, answer).defects
    assert (one.answer, one.area) == (0, 100)


def test_nothing_labelled_and_nothing_answered_is_perfect() -> None:
    nothing = np.zeros((8, 8), np.uint8)
    assert _compare(nothing, nothing).iou == 1
    assert _compare(nothing, nothing + 1).iou == 0


def _image(common: int, answered: int, labelled: int, label: int = 0) -> Overlap:
    each = [np.zeros(2, np.int64) for _ in range(3)]
    for values, number in zip(each, (common, answered, labelled), strict=True):
        values[label] = number
    return Overlap(each[0], each[1], each[2], 1000, ())


def test_areas_are_summed_over_images_before_they_are_divided() -> None:
    images = [_image(10, 10, 100), _image(900, 1000, 900)]
    found = area_figures(images, np.array(["a", "b"]), 2, seed=0)
    assert found.iou[0].value == pytest.approx(910 / (1010 + 1000 - 910))
    assert found.dice[0].value == pytest.approx(2 * 910 / 2010)
    assert found.iou[1].value is None
    assert found.iou[1].reason == "no labelled pixel of this class"
    # A class that is not labelled leaves the mean.
    assert found.mean_iou.value == found.iou[0].value


def test_intervals_hold_their_value_and_narrow_with_groups() -> None:
    rng = np.random.default_rng(0)

    def width(groups: int) -> float:
        images = [_image(int(v), 100, 100, label=n % 2) for n, v in enumerate(rng.integers(20, 90, groups))]
        found = area_figures(images, np.array([f"g{n:03d}" for n in range(groups)]), 2, seed=1)
        for one in (*found.iou, *found.dice, found.mean_iou, found.mean_dice):
            assert one.low is not None
            assert one.value is not None
            assert one.high is not None
            assert 0 <= one.low <= one.value <= one.high <= 1
        assert found.mean_iou.high is not None
        assert found.mean_iou.low is not None
        return found.mean_iou.high - found.mean_iou.low

    assert width(80) < width(20) < width(6)


def test_a_class_of_one_part_widens_the_mean() -> None:
    """A part that was answered well is one part, however many images it has."""
    several = [_image(50 + n, 100, 100) for n in range(8)]
    groups = [f"g{n}" for n in range(8)]
    alone = area_figures([*several, _image(60, 100, 100, label=1)], np.array([*groups, "h"]), 2, seed=0)
    many = [_image(60 + n, 100, 100, label=1) for n in range(8)]
    known = area_figures([*several, *many], np.array([*groups, *(f"h{n}" for n in range(8))]), 2, seed=0)
    assert "widened for 1 of 2 classes" in alone.mean_iou.method
    assert alone.mean_iou.low is not None
    assert known.mean_iou.low is not None
    assert alone.mean_iou.low < known.mean_iou.low


def test_without_a_defective_image_there_is_no_figure() -> None:
    found = area_figures([], np.array([], dtype=np.str_), 2, seed=0)
    assert found.mean_iou.value is None
    assert found.iou[1].reason == "there is no defective image"


def test_false_alarms_are_a_share_of_area() -> None:
    groups = np.array(["a", "a", "b", "c"])
    found = area_share(np.array([10, 0, 0, 30]), np.array([100, 100, 100, 100]), groups, seed=0)
    assert found.value == pytest.approx(0.1)
    assert found.high is not None
    assert found.high > 0.1
    none = area_share(np.zeros(0, np.int64), np.zeros(0, np.int64), np.array([], dtype=np.str_), seed=0)
    assert none.reason == "there is no good part"


def _table(scores: list[float], labels: list[int], rivals: list[int] | None = None) -> PredictionTable:
    count = len(scores)
    probabilities = np.zeros((count, 3))
    for row, (score, rival) in enumerate(zip(scores, rivals or [1] * count, strict=True)):
        probabilities[row, rival], probabilities[row, 0] = score, 1 - score
    return PredictionTable(
        classes=CLASSES,
        paths=np.array([f"{n}.png" for n in range(count)]),
        targets=np.array(labels, dtype=np.int64),
        probabilities=probabilities,
        decisions=(Decision.PASS,) * count,
        distances=np.full(count, np.nan),
        parts=np.array([f"p{n}" for n in range(count)]),
        groups=np.array([f"p{n}" for n in range(count)]),
        seen=np.zeros(count, np.bool_),
    )


def test_calibration_puts_the_even_chance_at_one_half() -> None:
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 2, 300)
    bad = rng.random(300) < 1 / (1 + np.exp(-odds))
    scores = 1 / (1 + np.exp(-(odds * 2 - 3)))  # too sure of itself, and too low
    raw = _table(scores.tolist(), [int(rng.integers(1, 3)) if one else 0 for one in bad], [1, 2] * 150)
    fit, table = JUDGE.calibrate(raw, None, "validation")
    assert fit.temperature == pytest.approx(2.0, rel=0.3)
    assert fit.offset == pytest.approx(1.5, abs=0.4)
    assert fit.fitted_on == "validation"
    assert fit.nll_before is not None
    assert fit.nll_after is not None
    assert fit.nll_after < fit.nll_before
    np.testing.assert_allclose(table.probabilities.sum(axis=1), 1)
    assert table.bad_scores is not None
    assert raw.bad_scores is not None
    np.testing.assert_array_equal(np.argsort(table.bad_scores), np.argsort(raw.bad_scores))
    np.testing.assert_array_equal(table.probabilities > 0, raw.probabilities > 0)  # of the same classes


def test_each_group_is_scaled_by_the_others() -> None:
    raw = _table([0.1, 0.2, 0.8, 0.9, 0.3, 0.7], [0, 0, 1, 2, 0, 1], [1, 2, 1, 2, 1, 2])
    _, table = JUDGE.calibrate(raw, None, "validation")
    crossed = JUDGE.cross_fitted(table, raw)
    np.testing.assert_allclose(crossed.probabilities.sum(axis=1), 1)
    assert not np.allclose(crossed.probabilities, table.probabilities)
    alone = replace(raw, groups=np.full(6, "one"))
    assert JUDGE.cross_fitted(table, alone) is table


def test_labels_need_masks_and_training_needs_each_class(labelled: Index) -> None:
    assert JUDGE.labels(labelled).classes == labelled.classes
    bare = labelled.table.drop_columns(["mask"])
    nothing = labelled.table.schema.field("mask")
    import pyarrow as pa

    blind = replace(labelled, table=bare.append_column(nothing, pa.nulls(len(labelled), nothing.type)))
    with pytest.raises(DataError, match="no masks"):
        JUDGE.labels(blind)
    JUDGE.check_training(labelled, labelled)
    good = labelled.select([targets == ["good"] for targets in labelled.column("targets")])
    with pytest.raises(DataError, match="Class scratch has no training image"):
        JUDGE.check_training(good, labelled)


def _shown() -> list[Overlap]:
    def image(common: int, answered: int, labelled: int, *defects: LabelledDefect) -> Overlap:
        return replace(_image(common, answered, labelled), defects=defects)

    return [
        image(0, 0, 90, LabelledDefect(0, 90, None)),
        image(40, 50, 90, LabelledDefect(0, 50, 0), LabelledDefect(1, 40, None)),
        image(0, 70, 0),
        image(80, 100, 90, LabelledDefect(0, 90, 0)),
        image(30, 100, 90, LabelledDefect(0, 90, 0)),
        image(0, 100, 90, LabelledDefect(1, 90, 0)),
        image(0, 0, 0),
    ]


def test_exhibits_begin_with_misses_and_false_alarms() -> None:
    paths = [f"{n}.png" for n in range(7)]
    shown = exhibits(_shown(), paths, ["Crack", "Hole"])
    assert [(one.path, one.kind, one.bad) for one in shown] == [
        ("0.png", "missed", True),
        ("1.png", "missed", True),
        ("2.png", "false alarm", True),
        ("5.png", "wrong class", True),
        ("4.png", "found", False),
        ("3.png", "found", False),
    ]
    assert [one.caption for one in shown[:4]] == [
        "Crack missed",
        "Hole missed, 1 other found",
        "nothing is labelled, and 70 pixels are marked as Crack",
        "Hole taken for Crack",
    ]
    assert shown[5].caption == "Crack found with an IoU of 0.73"


def test_a_mark_on_a_speck_that_is_labelled_is_no_false_alarm() -> None:
    # What is labelled there is smaller than what counts as a defect, but it is labelled.
    assert exhibits([_image(2, 20, 3)], ["0.png"], ["Crack", "Hole"]) == ()


def test_at_most_two_dozen_are_shown() -> None:
    many = [_shown()[n % 7] for n in range(700)]
    assert len(exhibits(many, ["x"] * 700, ["Crack", "Hole"])) == 24


def test_sections_tell_sizes_and_confusions() -> None:
    defects = [(one, f"g{n}") for n, image in enumerate(_shown()) for one in image.defects]
    sizes, confusion = sections(defects, ["Crack", "Hole"])
    rows = sizes.tables[0].rows
    assert sum(row[1] for row in rows if isinstance(row[1], int)) == len(defects)
    assert all(isinstance(row[2], Shown) for row in rows)
    assert confusion.drawings
    assert sections([], ["Crack", "Hole"]) == ()
