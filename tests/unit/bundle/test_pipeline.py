"""Two stages at work: runs of both graphs are bounded and told, and both can be tried without an image."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tiny_finders import build_tiny_pipeline, quarters
from vision_ft.bundle import Predictor, load
from vision_ft.bundle.manifest import Manifest, read_manifest
from vision_ft.bundle.pipeline import CROP_BATCH, crops_at_once

RED, BLUE = (250, 0, 0), (0, 0, 200)


@pytest.fixture
def pipeline(tmp_path: Path) -> Predictor:
    return load(build_tiny_pipeline(tmp_path / "both"), device="cpu", threads=1)


def test_each_run_of_each_graph_is_told(pipeline: Predictor) -> None:
    images = [pipeline.prepare(quarters(RED, BLUE, RED)), pipeline.prepare(quarters())]
    whole, _ = pipeline.answer_timed(images)
    told: list[int] = []
    answers, _ = pipeline.answer_timed(images, most_views=1, before_run=told.append)
    # Two images, and the three crops of the first.
    assert told == [0, 0, 1, 1, 1]
    assert [(one.label, one.decision) for one in answers] == [(one.label, one.decision) for one in whole]
    for one, other in zip(answers, whole, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)


def test_without_a_find_the_second_graph_does_not_run_but_can_be_tried(pipeline: Predictor) -> None:
    told: list[int] = []
    pipeline.answer_timed([pipeline.prepare(quarters())], before_run=told.append)
    assert told == [0]
    pipeline.examine(4, before_run=told.append)
    assert told == [0, 0, 1]


@pytest.mark.parametrize(("most", "size"), [(None, CROP_BATCH), (3, 3), (10 * CROP_BATCH, CROP_BATCH)])
def test_crops_in_one_run(most: int | None, size: int) -> None:
    assert crops_at_once(most) == size


def test_images_are_kept_where_something_is_cut_from_them(pipeline: Predictor) -> None:
    assert pipeline.keeps_images
    assert pipeline.prepare(quarters(RED)).image is not None


def test_both_stages_see_the_same_intensities(tmp_path: Path) -> None:
    manifest = read_manifest(build_tiny_pipeline(tmp_path / "both"))
    first, second = manifest.stages
    other = second.model_copy(update={"input": second.input.model_copy(update={"window": (0.0, 4095.0)})})
    with pytest.raises(ValueError, match=r"the same input\.window"):
        Manifest.model_validate({**manifest.model_dump(), "stages": (first.model_dump(), other.model_dump())})
