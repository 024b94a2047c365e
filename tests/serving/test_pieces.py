"""Bundles that look at an image in pieces (tiles, or crops of what was found): bounded, timed and tried run by run."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from serving.engine import pulse
from serving.engine.pulse import HUNG_DEADLINES, Pulse
from serving.engine.warm_up import largest_run, warm_up
from serving.settings import Batching, Limits, Settings
from tests.serving.conftest import Gated, Running, png, running, wait_for
from tests.support.tiny_bundle import SIZE, build_tiny_bundle
from tests.support.tiny_finders import build_tiny_pipeline, quarters
from vision_ft.bundle import InputSpec, Predictor, load
from vision_ft.bundle.manifest import TileSpec
from vision_ft.errors import BundleError

TILED = InputSpec(height=SIZE, width=SIZE, tile=TileSpec(size=SIZE, overlap=0.0))
LARGE = png(200, width=10 * SIZE, height=SIZE)
"""Ten tiles."""


@pytest.fixture(scope="module")
def tiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_bundle(tmp_path_factory.mktemp("tiled") / "bundle", spec=TILED)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_pipeline(tmp_path_factory.mktemp("pipeline") / "bundle")


@pytest.fixture
def gated_tiles(tiled: Path) -> Gated:
    return Gated(tiled)


def test_large_images_are_answered_one_by_one(tiled: Path, gated_tiles: Gated) -> None:
    with running(Settings(bundle=tiled, batching=Batching(max_images=4)), gated_tiles) as service:
        with ThreadPoolExecutor(4) as pool, gated_tiles.held():
            asked = [pool.submit(service.predict, LARGE) for _ in range(3)]
            asked.append(pool.submit(service.predict, png(0, 200, width=SIZE, height=SIZE)))
            wait_for(lambda: service.service.engine.waiting == 3)
            gated_tiles.batches.clear()
            gated_tiles.gate.set()
            assert sorted(one.result().json()["label"] for one in asked) == ["green", "red", "red", "red"]
        assert max(gated_tiles.batches) <= 4
        # In batches of their own: none waits for the tiles of another.
        assert service.metric("vision_ft_batch_size_sum") == 4
        assert service.metric("vision_ft_batch_size_count") == 4


def test_the_runs_of_a_large_image_are_not_one_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(pulse, "perf_counter", lambda: now)
    watched = Pulse(deadline_s=1.0)
    for _ in range(20):
        watched.begin(0)
        now += HUNG_DEADLINES / 2
        assert watched.complaint() == ""
    now += HUNG_DEADLINES
    assert "has not come back" in watched.complaint()
    watched.succeed()
    assert watched.complaint() == ""


def test_what_nobody_waits_for_any_more_is_not_finished(tiled: Path, gated_tiles: Gated) -> None:
    settings = Settings(bundle=tiled, deadline_s=1.5, batching=Batching(max_images=2))
    with running(settings, gated_tiles) as service, ThreadPoolExecutor(1) as pool:
        gated_tiles.batches.clear()
        with gated_tiles.held():
            asked = pool.submit(service.predict, LARGE)
            wait_for(gated_tiles.entered.is_set)
            assert asked.result().status_code == 504
        wait_for(lambda: service.service.engine.depth == 0)
        assert gated_tiles.batches == [2]
        assert service.client.get("/healthz").status_code == 200


def test_a_failed_image_is_let_go(tiled: Path) -> None:
    """An error's frames hold the images that were answered together."""

    class Failing(Gated):
        def infer(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
            if self.gate.is_set() and self.entered.is_set():
                raise RuntimeError("out of memory")
            return super().infer(pixels)

    predictor = Failing(tiled)
    kept: list[weakref.ref[NDArray[np.uint8]]] = []
    prepare = predictor.prepare

    def noted(data: Any, *, max_pixels: int | None = None) -> Any:
        prepared = prepare(data, max_pixels=max_pixels)
        assert prepared.image is not None
        kept.append(weakref.ref(prepared.image))
        return prepared

    predictor.prepare = noted  # type: ignore[method-assign]
    with running(Settings(bundle=tiled), predictor) as service:
        predictor.entered.set()
        gc.disable()
        try:
            assert service.predict(LARGE).status_code == 500
            wait_for(lambda: service.service.engine.depth == 0)
            wait_for(lambda: kept[0]() is None)
        finally:
            gc.enable()
        assert service.service.engine.decoded_bytes == 0


def test_decoded_images_wait_within_their_bound(tiled: Path, gated_tiles: Gated) -> None:
    each = 3 * 10 * SIZE * SIZE
    limits = Limits(max_decoded_mb=2.5 * each / 1e6)
    with running(Settings(bundle=tiled, limits=limits), gated_tiles) as service:
        engine = service.service.engine
        with ThreadPoolExecutor(6) as pool, gated_tiles.held():
            asked = [pool.submit(service.predict, LARGE) for _ in range(6)]
            wait_for(lambda: engine.depth == 6)
            wait_for(lambda: engine.waiting == 1)
            time.sleep(0.3)
            # One is in the graph, one waits: a third would be over the bound.
            assert engine.waiting == 1
            assert engine.decoded_bytes == 2 * each
            gated_tiles.gate.set()
            assert [one.result().status_code for one in asked] == [200] * 6
        wait_for(lambda: engine.decoded_bytes == 0)


class BreakingSecond(Predictor):
    """A pipeline whose second graph fails while it is broken."""

    broken = False

    def mend_or_break(self) -> None:
        assert self._pipeline is not None
        second = self._pipeline.second
        infer = second.infer

        def run(pixels: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
            if self.broken:
                raise RuntimeError("CUDA error: unspecified launch failure")
            return infer(pixels)

        second.infer = run  # type: ignore[method-assign]


@pytest.fixture
def half_broken(pipeline: Path) -> Iterator[tuple[BreakingSecond, Running]]:
    predictor = BreakingSecond(load(pipeline, device="cpu", threads=1).bundle, device="cpu", threads=1)
    predictor.mend_or_break()
    with running(Settings(bundle=pipeline), predictor) as service:
        yield predictor, service


def encoded(image: NDArray[np.uint8]) -> bytes:
    import cv2

    return bytes(cv2.imencode(".png", image[:, :, ::-1])[1])


def test_parts_without_a_find_do_not_hide_a_broken_second_graph(half_broken: tuple[BreakingSecond, Running]) -> None:
    predictor, service = half_broken
    find, clean = encoded(quarters((250, 0, 0))), encoded(quarters())
    predictor.broken = True
    for _ in range(5):
        assert service.predict(find).status_code == 500
        assert service.predict(clean).status_code == 200
    for _ in range(3):
        # Each look tries a blank image, on which nothing is found.
        assert service.client.get("/readyz").status_code == 503
        wait_for(lambda: service.service.engine.depth == 0)
    predictor.broken = False
    wait_for(lambda: service.client.get("/readyz").status_code == 200)


def test_starting_tries_every_graph_with_its_largest_batch(pipeline: Path) -> None:
    predictor = load(pipeline, device="cpu", threads=1)
    assert largest_run(predictor, Settings(bundle=pipeline)) == 8
    settings = Settings(bundle=pipeline, batching=Batching(max_images=2))
    assert largest_run(predictor, settings) == 2
    warm_up(predictor, settings)
    broken = BreakingSecond(predictor.bundle, device="cpu", threads=1)
    broken.mend_or_break()
    broken.broken = True
    with pytest.raises(BundleError, match="does not answer a batch of 1"):
        warm_up(broken, settings)
