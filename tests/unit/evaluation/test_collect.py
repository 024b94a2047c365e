"""From raw bytes through a bundle into the table."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.tiny_bundle import build_tiny_bundle
from vision_ft.bundle import ClassInfo, Decision, DecisionRule, Prediction, Predictor, load
from vision_ft.bundle.folder import TRAINING_IMAGES, file_digests
from vision_ft.bundle.manifest import read_manifest, write_manifest
from vision_ft.data.index import Sample
from vision_ft.errors import DataError, ImageError
from vision_ft.evaluation.collect import collect
from vision_ft.evaluation.decide import decided
from vision_ft.evaluation.pictures import Pictures

RGB = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200)}
CLASSES = tuple(ClassInfo(id=name) for name in RGB)
MakeSample = Callable[..., Sample]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return build_tiny_bundle(tmp_path / "bundle")


@pytest.fixture
def predictor(bundle: Path) -> Predictor:
    return load(bundle, device="cpu", threads=1)


@pytest.fixture
def sample(tmp_path: Path) -> MakeSample:
    def make(
        name: str, colour: str, *, label: str = "", part: str = "", slices: Mapping[str, str] | None = None
    ) -> Sample:
        path = tmp_path / name
        assert cv2.imwrite(str(path), np.full((40, 48, 3), RGB[colour][::-1], np.uint8))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return Sample(path, (label or colour,), part or name, part or name, None, None, slices or {}, digest)

    return make


def test_labels_and_answers_stay_together(predictor: Predictor, sample: MakeSample) -> None:
    colours = ["red", "green", "blue", "green", "red"]
    samples = [sample(f"{i}.png", colour, slices={"line": "a"} if i else {}) for i, colour in enumerate(colours)]
    steps: list[tuple[int, int]] = []
    table = collect(predictor, samples, CLASSES, batch_size=2, threads=2, progress=lambda *at: steps.append(at))
    assert [table.class_ids[i] for i in table.labels] == colours
    assert [table.class_ids[i] for i in table.targets] == colours
    assert table.paths.tolist() == [one.path.as_posix() for one in samples]
    assert table.slices["line"].tolist() == ["", "a", "a", "a", "a"]
    assert steps == [(2, 5), (4, 5), (5, 5)]
    assert table.classes == predictor.manifest.classes
    assert table.origin == "bundle"
    assert not table.seen.any()


def test_answers_are_those_of_the_bundle(predictor: Predictor, sample: MakeSample) -> None:
    one = sample("a.png", "green")
    alone = predictor(one.path.read_bytes())
    table = collect(predictor, [one], CLASSES)
    assert table.decisions == (alone.decision,)
    assert table.confidence[0] == alone.probability
    assert table.distances[0] == alone.distance
    assert table.bad_scores is not None
    assert table.bad_scores[0] == alone.bad_score
    assert decided(table, predictor.manifest.decision).decisions == table.decisions


def test_training_images_are_marked(bundle: Path, sample: MakeSample) -> None:
    known, new = sample("known.png", "red"), sample("new.png", "blue")
    (bundle / TRAINING_IMAGES).write_text(known.digest + "\n", encoding="ascii")
    write_manifest(bundle, read_manifest(bundle).model_copy(update={"files": file_digests(bundle)}))
    table = collect(load(bundle, device="cpu", threads=1), [known, new], CLASSES)
    assert table.seen.tolist() == [True, False]


def test_a_label_that_the_bundle_does_not_know(predictor: Predictor, sample: MakeSample) -> None:
    with pytest.raises(DataError, match=r"'gren' of 1 images is unknown.*Did you mean 'green'\?"):
        collect(predictor, [sample("a.png", "green", label="gren")], (ClassInfo(id="gren"),))


def test_a_class_may_be_called_by_a_name_it_has_or_had(tmp_path: Path, sample: MakeSample) -> None:
    classes = (
        ClassInfo(id="red", name="Red scratch"),
        ClassInfo(id="green", name="Fine", good=True, renamed_from=("okay",)),
        ClassInfo(id="blue"),
    )
    predictor = load(build_tiny_bundle(tmp_path / "renamed", classes=classes), device="cpu", threads=1)
    samples = [sample("a.png", "green", label="okay"), sample("b.png", "red", label="Red scratch")]
    assert collect(predictor, samples, ()).targets.tolist() == [1, 0]


def test_an_unreadable_file_stops_or_is_handed_over(predictor: Predictor, sample: MakeSample, tmp_path: Path) -> None:
    fine, broken, gone = sample("a.png", "red"), sample("b.png", "red"), sample("c.png", "blue")
    broken.path.write_bytes(b"no image at all")
    gone.path.unlink()
    with pytest.raises(DataError, match=r"b\.png cannot be evaluated"):
        collect(predictor, [fine, broken], CLASSES)
    lost: list[tuple[str, ImageError]] = []
    table = collect(
        predictor, [broken, fine, gone], CLASSES, unreadable=lambda one, error: lost.append((one.path.name, error))
    )
    assert [name for name, _ in lost] == ["b.png", "c.png"]
    assert table.paths.tolist() == [fine.path.as_posix()]


def test_each_answer_can_be_watched(predictor: Predictor, sample: MakeSample) -> None:
    seen: list[tuple[str, tuple[int, int], str]] = []

    def watch(one: Sample, prediction: Prediction) -> None:
        seen.append((one.path.name, (prediction.width, prediction.height), prediction.label))

    collect(predictor, [sample("a.png", "red"), sample("b.png", "blue")], CLASSES, each=watch)
    assert seen == [("a.png", (48, 40), "red"), ("b.png", (48, 40), "blue")]


def test_no_samples_no_rows(predictor: Predictor) -> None:
    table = collect(predictor, [], CLASSES)
    assert len(table) == 0
    assert table.probabilities.shape == (0, 3)


def test_another_rule_decides_the_same_scores_anew(predictor: Predictor, sample: MakeSample) -> None:
    table = collect(predictor, [sample("a.png", "green"), sample("b.png", "red")], CLASSES)
    strict = decided(table, DecisionRule(pass_below=0.0, reject_from=0.0))
    assert strict.decisions == (Decision.REJECT, Decision.REJECT)
    far = decided(table, DecisionRule(distance_limit=0.0))
    assert set(far.decisions) == {Decision.REVIEW}


def test_pictures_show_the_image_and_the_evidence(tmp_path: Path, predictor: Predictor, sample: MakeSample) -> None:
    one = sample("a.png", "red")
    pictures = Pictures(predictor)
    plain, drawn = pictures.image(str(one.path)), pictures.overlay(str(one.path))
    assert plain.shape == (40, 48, 3)
    assert tuple(plain[0, 0]) == RGB["red"]
    assert drawn is not None
    assert drawn.shape == plain.shape
    assert np.any(drawn != plain)
    blind = load(build_tiny_bundle(tmp_path / "blind", heatmap=False), device="cpu", threads=1)
    assert Pictures(blind).overlay(str(one.path)) is None


def test_large_images_are_answered_one_by_one(
    predictor: Predictor, sample: MakeSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("vision_ft.evaluation.collect")

    samples = [replace(sample(f"{n}.png", "red"), width=48, height=40) for n in range(4)]
    steps: list[int] = []
    monkeypatch.setattr(module, "_DECODED", 3 * 48 * 40 * 2)
    collect(predictor, samples, CLASSES, progress=lambda done, _: steps.append(done))
    assert steps == [2, 4]
    monkeypatch.setattr(module, "_DECODED", 1)
    steps.clear()
    collect(predictor, samples, CLASSES, progress=lambda done, _: steps.append(done))
    assert steps == [1, 2, 3, 4]
