"""A graph over whole images and tiles: one answer an image, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper

from vision_ft.bundle import Decision, DecisionRule, InputSpec, Predictor, load
from vision_ft.bundle.folder import file_digests
from vision_ft.bundle.manifest import Region, TileSpec, read_manifest, write_manifest
from vision_ft.bundle.stage import TILE_BATCH
from vision_ft.errors import BundleError, ManifestError

MakeBundle = Callable[..., Path]
TILES = InputSpec(height=16, width=16, tile=TileSpec(size=32, overlap=0.25))
GREEN, RED = (20, 200, 20), (255, 0, 0)


def plain(width: int, height: int, colour: tuple[int, int, int] = GREEN) -> NDArray[np.uint8]:
    return np.full((height, width, 3), colour, np.uint8)


def stained(width: int, height: int, left: int, top: int) -> NDArray[np.uint8]:
    """Green with a red square of a tile's size."""
    image = plain(width, height)
    image[top : top + 32, left : left + 32] = RED
    return image


@pytest.fixture
def tiled(make_bundle: MakeBundle) -> Predictor:
    return load(make_bundle("tiled", input=TILES), device="cpu", threads=1)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Fills with the number of views in each run of the graph."""
    sizes: list[int] = []
    infer = Predictor.infer

    def watched(self: Predictor, pixels: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        sizes.append(len(pixels))
        return infer(self, pixels)

    monkeypatch.setattr(Predictor, "infer", watched)
    return sizes


def test_one_small_defect_on_a_large_image_is_found_in_its_tile(tiled: Predictor, make_bundle: MakeBundle) -> None:
    image = stained(200, 150, 168, 118)
    whole = load(make_bundle("whole"), device="cpu", threads=1)(image)
    assert (whole.label, whole.decision) == ("green", Decision.PASS)
    found = tiled(image)
    assert (found.label, found.decision) == ("red", Decision.REJECT)
    assert (found.width, found.height) == (200, 150)
    assert found.bad_score is not None
    assert found.bad_score > 0.9


def test_the_worst_tile_s_evidence_lies_in_the_original_s_pixels(tiled: Predictor) -> None:
    heat = tiled(stained(200, 150, 168, 118)).result.heatmap()
    assert heat is not None
    assert heat.shape == (150, 200)
    y, x = np.unravel_index(heat.argmax(), heat.shape)
    assert x >= 168
    assert y >= 118
    assert not heat[:100].any()
    assert not heat[:, :150].any()


def test_without_a_good_class_the_least_sure_tile_speaks(make_bundle: MakeBundle) -> None:
    classes = tuple(one.model_copy(update={"good": False}) for one in load(make_bundle("base")).manifest.classes)
    predictor = load(make_bundle("none good", input=TILES, classes=classes), device="cpu", threads=1)
    image = plain(80, 32, (0, 255, 0))
    image[:, 48:] = (100, 120, 100)
    found = predictor(image)
    assert found.bad_score is None
    assert found.label == "green"
    assert found.probability < 0.6 < predictor(plain(32, 32, (0, 255, 0))).probability


def test_images_keep_their_own_answers_whatever_their_size_and_company(tiled: Predictor) -> None:
    images = [plain(20, 20, RED), plain(150, 90), stained(100, 100, 40, 60), plain(32, 32), plain(70, 33, (0, 0, 255))]
    together = tiled.predict(images)
    assert [one.label for one in together] == ["red", "green", "red", "green", "blue"]
    assert [(one.width, one.height) for one in together] == [(i.shape[1], i.shape[0]) for i in images]
    for image, answer in zip(images, together, strict=True):
        alone = tiled(image)
        assert alone.probability == pytest.approx(answer.probability, abs=1e-6)
        assert alone.label == answer.label
        assert alone.distance == pytest.approx(answer.distance, abs=1e-5)


def test_a_run_of_the_graph_sees_a_few_tiles_at_most(tiled: Predictor, batches: list[int]) -> None:
    images = [plain(400, 300), plain(30, 30), plain(100, 300)]
    views = [len(tiled.prepare(image).views) for image in images]
    assert views[0] > 10 * TILE_BATCH
    tiled.predict(images)
    assert sum(batches) == sum(views)
    assert max(batches) == TILE_BATCH
    # Only the last run may be smaller: tiles of one image fill up what another one left.
    assert set(batches[:-1]) == {TILE_BATCH}


def test_how_much_a_run_sees_can_be_bounded_and_each_is_told(tiled: Predictor, batches: list[int]) -> None:
    images = [tiled.prepare(plain(150, 90)), tiled.prepare(plain(30, 30))]
    told: list[int] = []
    answers, _ = tiled.answer_timed(images, most_views=3, before_run=told.append)
    assert [one.label for one in answers] == ["green", "green"]
    assert max(batches) == 3
    assert sum(batches) == sum(len(one.views) for one in images)
    assert told == [0] * len(batches)

    def leave(_: int) -> None:
        raise TimeoutError

    batches.clear()
    with pytest.raises(TimeoutError):
        tiled.answer_timed(images, before_run=leave)
    assert batches == []


def test_whole_images_go_through_the_graph_together(make_bundle: MakeBundle, batches: list[int]) -> None:
    predictor = load(make_bundle(), device="cpu", threads=1)
    predictor.predict([plain(30, 20)] * 27, batch_size=12)
    assert batches == [12, 12, 3]


def test_an_image_of_one_tile_is_answered_as_a_whole_one(tiled: Predictor, make_bundle: MakeBundle) -> None:
    whole = load(make_bundle("whole"), device="cpu", threads=1)
    image = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert tiled(image).to_json() == whole(image).to_json()


def test_the_image_is_kept_only_while_tiles_are_cut_from_it(tiled: Predictor) -> None:
    small, large = tiled.prepare(plain(32, 32)), tiled.prepare(plain(64, 32))
    assert small.image is None
    assert small.placed is not None
    assert small.pixels.shape == (16, 16, 3)
    assert large.placed is None
    assert large.image is not None
    assert large.view(1).shape == (16, 16, 3)
    assert large.geometry == large.views[0]


def test_what_an_image_is_like_is_the_mean_of_its_tiles(make_bundle: MakeBundle) -> None:
    spec = TILES.model_copy(update={"tile": TileSpec(size=32, overlap=0.0)})
    half = plain(64, 32, (0, 255, 0))
    half[:, 32:] = RED
    whole = load(make_bundle("whole"), device="cpu", threads=1)(half)
    found = load(make_bundle("halves", input=spec), device="cpu", threads=1)(half)
    assert found.embedding is not None
    np.testing.assert_allclose(found.embedding, [2**-0.5, 2**-0.5, 0], atol=1e-6)
    assert found.distance is not None
    assert found.distance == pytest.approx(whole.distance, abs=1e-6)
    limit = DecisionRule(distance_limit=found.distance - 0.01)
    beyond = load(make_bundle("limit", input=spec, decision=limit), device="cpu", threads=1)(half)
    assert beyond.decision is Decision.REVIEW


def test_what_lies_outside_of_the_region_is_no_tile(make_bundle: MakeBundle) -> None:
    spec = TILES.model_copy(update={"region": Region(left=0.0, right=0.5)})
    predictor = load(make_bundle("half", input=spec), device="cpu", threads=1)
    assert predictor(stained(200, 64, 168, 0)).label == "green"
    assert predictor(stained(200, 64, 40, 0)).label == "red"


def test_a_number_that_is_none_in_one_tile_passes_nothing(tiled: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    infer = Predictor.infer

    def broken(self: Predictor, pixels: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        outputs = infer(self, pixels)
        stains = pixels[:, :, :, 0].mean(axis=(1, 2)) > 200
        outputs["probabilities"][stains] = np.nan
        return outputs

    monkeypatch.setattr(Predictor, "infer", broken)
    for left in (0, 48, 96):
        found = tiled(stained(128, 32, left, 0))
        assert found.decision is Decision.REVIEW
        assert found.reasons == ("the model gave no number",)
    assert tiled(plain(128, 32)).decision is Decision.PASS


def _doubled(model: onnx.ModelProto) -> onnx.ModelProto:
    """Each output twice over: two answers for one image."""
    for output in [one.name for one in model.graph.output]:
        for node in model.graph.node:
            node.output[:] = [f"{output}_once" if one == output else one for one in node.output]
            node.input[:] = [f"{output}_once" if one == output else one for one in node.input]
        model.graph.node.append(helper.make_node("Concat", [f"{output}_once"] * 2, [output], axis=0))
    return model


def test_a_graph_with_two_answers_an_image_is_refused(make_bundle: MakeBundle) -> None:
    folder = make_bundle()
    onnx.save(_doubled(onnx.load(folder / "model.onnx")), folder / "model.onnx")
    write_manifest(folder, read_manifest(folder).model_copy(update={"files": file_digests(folder)}))
    with pytest.raises(BundleError, match="expected one answer an image, got 2"):
        load(folder, device="cpu", threads=1)


def test_options_of_another_version_are_told_by_name(make_bundle: MakeBundle) -> None:
    with pytest.raises(ManifestError, match="options of task classify: got tapz"):
        load(make_bundle(options={"tapz": 3}), device="cpu", threads=1)
