"""A detector and a classifier as one bundle: whole, honest about what it rests on, and refused in the wrong order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.tiny_bundle import CLASSES, build_tiny_bundle
from tests.support.tiny_finders import FINDERS, RULE, build_tiny_detector, build_tiny_pipeline, quarters
from vision_ft.bundle import Decision, load
from vision_ft.bundle.decision import DecisionRule
from vision_ft.bundle.folder import TRAINING_IMAGES, file_digests, open_bundle
from vision_ft.bundle.manifest import CropSpec, DataInfo, read_manifest, write_manifest
from vision_ft.bundle.reference import Reference
from vision_ft.errors import BundleError
from vision_ft.export.join import join_bundles

RED, BLUE = (255, 0, 0), (0, 0, 255)
NAMES = tuple(
    one.model_copy(update={"id": f"deep_{one.id}", "name": f"Deep {one.id}", "good": False}) for one in CLASSES
)
"""Of the classifier: whatever the detector finds gets one of these."""


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    return build_tiny_detector(tmp_path / "detector")


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    return build_tiny_bundle(tmp_path / "classifier", classes=NAMES)


def _sealed(folder: Path, **changes: Any) -> Path:
    """The bundle after its files or its manifest were changed."""
    manifest = read_manifest(folder)
    write_manifest(folder, manifest.model_copy(update={**changes, "files": file_digests(folder)}))
    return folder


def test_what_is_found_by_the_first_is_named_by_the_second(detector: Path, classifier: Path, tmp_path: Path) -> None:
    bundle = join_bundles(detector, classifier, tmp_path / "both", crop=CropSpec(margin=0.0, square=False))
    image = quarters(RED, (0, 0, 200))
    answer = load(bundle, device="cpu", threads=1)(image).to_json()
    named = {one["detected"]: one for one in answer["detections"]}
    assert set(named) == {"red", "blue"}
    alone = load(classifier, device="cpu", threads=1)
    for target, piece in (("red", image[:24, :32]), ("blue", image[:24, 32:])):
        one, seen = named[target], alone(np.ascontiguousarray(piece))
        assert (one["label"], one["name"]) == (f"deep_{target}", f"Deep {target}") == (seen.label, seen.name)
        assert one["class_probability"] == pytest.approx(seen.probability, abs=1e-6)
        assert one["score"] == pytest.approx(one["detection_score"] * one["class_probability"])
    nothing = load(bundle, device="cpu", threads=1)(quarters())
    assert (nothing.label, nothing.decision) == ("clean", Decision.PASS)


def test_the_bundle_is_whole_and_says_what_it_was_made_of(detector: Path, classifier: Path, tmp_path: Path) -> None:
    for folder, digest in ((detector, "a" * 64), (classifier, "b" * 64)):
        (folder / TRAINING_IMAGES).write_text(f"{digest}\n{'c' * 64}\n", "ascii")
    _sealed(detector, data=DataInfo(card="scenes", fingerprint="1" * 64, images=7, parts=5), recipe={"seed": 1})
    _sealed(classifier, data=DataInfo(card="crops", fingerprint="2" * 64, images=4, parts=3), recipe={"seed": 2})
    target = join_bundles(detector, classifier, tmp_path / "both")
    bundle = open_bundle(target)
    manifest = bundle.manifest
    assert set(manifest.files) == {"first.onnx", "second.onnx", TRAINING_IMAGES, "card.md"}
    assert [stage.task for stage in manifest.stages] == ["detect", "classify"]
    assert manifest.name == "both"
    assert bundle.training_digests() == {"a" * 64, "b" * 64, "c" * 64}
    assert (manifest.data.card, manifest.data.images, manifest.data.parts) == ("scenes + crops", 11, 8)
    assert manifest.data.fingerprint == "1" * 32 + "2" * 32
    assert manifest.recipe == {"first": {"seed": 1}, "second": {"seed": 2}}
    assert (target / "card.md").read_text("utf-8").startswith(f"# both {manifest.version}")
    assert join_bundles(detector, classifier, tmp_path / "third", name="signs").name == "third"
    assert read_manifest(tmp_path / "third").name == "signs"


def test_its_classes_are_the_second_s_and_the_background_of_the_first(
    detector: Path, classifier: Path, tmp_path: Path
) -> None:
    manifest = read_manifest(join_bundles(detector, classifier, tmp_path / "both"))
    assert manifest.classes == (*NAMES, FINDERS[-1])


def test_thresholds_of_the_parts_do_not_hold_for_the_whole(detector: Path, classifier: Path, tmp_path: Path) -> None:
    limited = RULE.model_copy(update={"distance_limit": 1.5})
    rule = read_manifest(join_bundles(_sealed(detector, decision=limited), classifier, tmp_path / "both")).decision
    assert (rule.pass_below, rule.reject_from, rule.abstain_below) == (None, None, 0.5)
    # What is unlike the detector's training images still is.
    assert rule.distance_limit == 1.5
    assert "no thresholds were set" in rule.basis


def test_the_detector_s_reference_comes_along_and_the_classifier_s_does_not(
    detector: Path, classifier: Path, tmp_path: Path
) -> None:
    assert open_bundle(classifier).reference() is not None
    assert open_bundle(join_bundles(detector, classifier, tmp_path / "without")).reference() is None
    Reference(
        embeddings=np.eye(3, dtype=np.float16),
        targets=np.arange(3, dtype=np.int32),
        scores=np.eye(3, dtype=np.float32),
        score_targets=np.arange(3, dtype=np.int32),
        confusion=np.eye(3, dtype=np.int64),
        quality=np.zeros((3, 3), np.float32),
        slices=np.array(["", "", ""]),
    ).write(detector)
    bundle = join_bundles(_sealed(detector, decision=DecisionRule(distance_limit=0.2)), classifier, tmp_path / "with")
    assert open_bundle(bundle).reference() is not None
    found = load(bundle, device="cpu", threads=1)(quarters(*[(120, 120, 120)] * 4))
    assert (found.decision, found.distance is not None and found.distance > 0.2) == (Decision.REVIEW, True)


def test_what_no_detector_rejects_no_name_makes_a_defect(tmp_path: Path, classifier: Path) -> None:
    detector = build_tiny_detector(tmp_path / "harmless")
    (stage,) = read_manifest(detector).stages
    good = tuple(one.model_copy(update={"good": True}) for one in stage.classes)
    _sealed(detector, stages=(stage.model_copy(update={"classes": good}),))
    bundle = join_bundles(detector, classifier, tmp_path / "both")
    assert all(one.good for one in read_manifest(bundle).classes)
    found = load(bundle, device="cpu", threads=1)(quarters(RED, BLUE))
    assert (found.bad_score, found.decision) == (0.0, Decision.PASS)


def test_good_classes_of_the_classifier_stay_good(detector: Path, tmp_path: Path) -> None:
    classifier = build_tiny_bundle(tmp_path / "classifier")
    manifest = read_manifest(join_bundles(detector, classifier, tmp_path / "both"))
    assert [(one.id, one.good) for one in manifest.classes] == [
        ("red", False),
        ("green", True),
        ("blue", False),
        ("clean", True),
    ]


@pytest.mark.parametrize("score_from", [0.1, 0.9])
def test_how_it_is_cut_out_is_kept(detector: Path, classifier: Path, tmp_path: Path, score_from: float) -> None:
    crop = CropSpec(margin=0.25, square=False, score_from=score_from, most=3)
    bundle = join_bundles(detector, classifier, tmp_path / "both", crop=crop)
    assert [stage.crop for stage in read_manifest(bundle).stages] == [None, crop]
    found = load(bundle, device="cpu", threads=1)(quarters(RED, (0, 0, 200)))
    # The second quarter's score is 200/255.
    assert len(found.result.every) == (2 if score_from < 0.5 else 1)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("classifier", "detector", "a bundle that finds boxes, got classify. Give the detector first."),
        ("classifier", "classifier", "a bundle that finds boxes, got classify. Give the detector first."),
        ("detector", "detector", "a bundle that names whole images, got detect. Give the classifier last."),
        ("pipeline", "classifier", "a bundle of one stage, got two."),
        ("detector", "pipeline", "a bundle of one stage, got two."),
        ("detector", "nowhere", "is not a bundle"),
    ],
)
def test_parts_that_do_not_fit_are_refused_and_nothing_is_touched(
    detector: Path, classifier: Path, tmp_path: Path, first: str, second: str, expected: str
) -> None:
    build_tiny_pipeline(tmp_path / "pipeline")
    (tmp_path / "out").mkdir()
    there = join_bundles(detector, classifier, tmp_path / "out" / "both")
    before = (there / "manifest.json").read_bytes()
    with pytest.raises(BundleError) as caught:
        join_bundles(tmp_path / first, tmp_path / second, there)
    assert expected in str(caught.value)
    assert (there / "manifest.json").read_bytes() == before
    assert [one.name for one in there.parent.iterdir()] == ["both"]


def test_stages_that_read_other_intensities_are_refused(detector: Path, classifier: Path, tmp_path: Path) -> None:
    (stage,) = read_manifest(classifier).stages
    narrow = stage.model_copy(update={"input": stage.input.model_copy(update={"window": (0.0, 4095.0)})})
    with pytest.raises(BundleError) as caught:
        join_bundles(detector, _sealed(classifier, stages=(narrow,)), tmp_path / "both")
    assert "decoded once: none, got 0 to 4095. Train both with the same input.window." in str(caught.value)
    assert not (tmp_path / "both").exists()


def test_an_older_bundle_is_replaced(detector: Path, classifier: Path, tmp_path: Path) -> None:
    target = join_bundles(detector, classifier, tmp_path / "both", name="older")
    (target / "left_over").write_text("x")
    join_bundles(detector, classifier, target, name="newer")
    assert open_bundle(target).manifest.name == "newer"
    assert not (target / "left_over").exists()
