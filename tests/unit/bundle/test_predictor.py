"""Bytes in, predictions out, through a bundle that names the strongest colour."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vision_ft.bundle import Decision, DecisionRule, InputSpec, Predictor, load
from vision_ft.bundle.manifest import Region
from vision_ft.errors import BundleError, ImageError, ImageTooLargeError, NotAnImageError, TruncatedImageError

MakeBundle = Callable[..., Path]
RGB = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200)}


def plain(colour: tuple[int, int, int], width: int = 30, height: int = 20) -> NDArray[np.uint8]:
    return np.full((height, width, 3), colour, np.uint8)


def png(image: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def predictor(make_bundle: MakeBundle) -> Predictor:
    return load(make_bundle(), device="cpu", threads=1)


@pytest.mark.parametrize("colour", RGB)
def test_the_strongest_colour_is_named(predictor: Predictor, colour: str) -> None:
    found = predictor(png(plain(RGB[colour])))
    assert found.label == colour
    assert found.name == ("Green part" if colour == "green" else colour)
    assert found.decision is (Decision.PASS if colour == "green" else Decision.REJECT)
    assert 0.9 < found.probability < 1
    assert found.bad_score is not None
    assert (found.bad_score < 0.1) == (colour == "green")
    assert found.distance is not None
    assert found.distance < 0.6
    assert (found.width, found.height) == (30, 20)
    assert found.model_version == "7"
    assert found.embedding is not None
    np.testing.assert_allclose(np.linalg.norm(found.embedding), 1, atol=1e-6)
    assert found.scores() == {colour: found.probability}
    assert found.found() == ()


def test_bytes_and_pixels_give_the_same(predictor: Predictor) -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    for encoded in (png(image), bytearray(png(image)), memoryview(png(image))):
        from_bytes, from_pixels = predictor.predict([encoded, image])  # type: ignore[list-item]
        assert from_bytes.to_json() == from_pixels.to_json()


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 100])
def test_order_is_kept_whatever_the_batch(predictor: Predictor, batch_size: int) -> None:
    wanted = ["red", "green", "blue", "blue", "green", "red", "red"]
    found = predictor.predict((plain(RGB[name]) for name in wanted), batch_size=batch_size)
    assert [p.label for p in found] == wanted


def test_no_images_no_predictions(predictor: Predictor) -> None:
    assert predictor.predict([]) == []


def test_one_image_is_no_sequence_of_images(predictor: Predictor) -> None:
    image = np.zeros((8, 8, 3), dtype=np.uint8)
    for one in (png(image), image):
        with pytest.raises(ImageError, match=r"predictor\(image\)"):
            predictor.predict(one)  # type: ignore[arg-type]


def test_the_answer_is_plain_json(predictor: Predictor) -> None:
    answer = json.loads(json.dumps(predictor(plain(RGB["blue"])).to_json(), allow_nan=False))
    assert list(answer["probabilities"]) == ["red", "green", "blue"]
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert predictor(plain(RGB["blue"])).probabilities == answer["probabilities"]
    assert answer["decision"] == "reject"
    assert answer["label"] == "blue"
    assert "embedding" not in answer


def test_heat_lies_on_the_evidence_in_the_originals_pixels(make_bundle: MakeBundle) -> None:
    image = plain((0, 0, 0), width=320, height=160)
    image[40:80, 160:200] = (255, 0, 0)
    image[:, :80] = (0, 0, 255)  # outside of the region
    spec = InputSpec(height=16, width=16, placement="letterbox", region=Region(left=0.25, right=0.75), pad=0)
    predictor = load(make_bundle(input=spec), device="cpu", threads=1)
    found = predictor(image)
    assert found.label == "red"
    heat = found.result.heatmap()
    assert heat is not None
    assert heat.shape == (160, 320)
    assert 0.9 < heat.max() <= 1
    y, x = np.unravel_index(heat.argmax(), heat.shape)
    assert 40 <= y < 80
    assert 160 <= x < 200
    assert not heat[:, :80].any()
    assert not heat[:, 240:].any()
    overlay = found.result.overlay(image)
    assert overlay.shape == image.shape
    assert overlay.dtype == np.uint8
    np.testing.assert_array_equal(overlay[:, :80], image[:, :80])
    assert (overlay[60, 180] != image[60, 180]).any()


def test_unlike_the_training_images_is_reviewed(make_bundle: MakeBundle) -> None:
    rule = DecisionRule(pass_below=0.3, reject_from=0.6, distance_limit=0.4)
    predictor = load(make_bundle(decision=rule), device="cpu", threads=1)
    like, unlike = predictor.predict([plain((0, 255, 0)), plain((255, 255, 255))])
    assert like.decision is Decision.PASS
    assert unlike.decision is Decision.REVIEW
    assert "unlike the training images" in unlike.reasons[0]


def test_without_reference_there_is_no_distance(make_bundle: MakeBundle) -> None:
    rule = DecisionRule(distance_limit=0.1)
    found = load(make_bundle(reference=False, decision=rule), device="cpu", threads=1)(plain((255, 255, 255)))
    assert found.distance is None


def test_without_heatmap_the_overlay_is_the_image(make_bundle: MakeBundle) -> None:
    image = plain(RGB["red"])
    found = load(make_bundle(heatmap=False), device="cpu", threads=1)(image)
    assert found.result.heatmap() is None
    overlay = found.result.overlay(image)
    np.testing.assert_array_equal(overlay, image)
    assert overlay is not image


def test_the_window_of_the_manifest_counts(make_bundle: MakeBundle) -> None:
    deep = np.zeros((8, 8), np.uint16) + 1000
    buffer = io.BytesIO()
    Image.fromarray(deep).save(buffer, "PNG")
    for window, expected in ((None, 4), ((0.0, 2000.0), 128)):
        spec = InputSpec(height=16, width=16, window=window)
        predictor = load(make_bundle(f"bundle {expected}", input=spec), device="cpu", threads=1)
        assert (predictor.prepare(buffer.getvalue()).pixels == expected).all()


def test_images_that_cannot_be_used(predictor: Predictor) -> None:
    with pytest.raises(NotAnImageError):
        predictor(b"no image")
    with pytest.raises(TruncatedImageError):
        predictor(png(plain(RGB["red"]))[:-20])
    with pytest.raises(ImageTooLargeError):
        predictor.prepare(png(plain(RGB["red"])), max_pixels=599)
    assert predictor.prepare(png(plain(RGB["red"])), max_pixels=600).pixels.shape == (16, 16, 3)


def test_many_threads_get_their_own_answers(predictor: Predictor) -> None:
    wanted = list(RGB) * 20
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda name: predictor(png(plain(RGB[name]))).label, wanted))
    assert found == wanted


def test_loading_names_what_runs(predictor: Predictor, make_bundle: MakeBundle) -> None:
    assert predictor.device == "cpu"
    with pytest.raises(BundleError, match="task 'divine': expected one of classify"):
        load(make_bundle("other", task="divine"), device="cpu", threads=1)
