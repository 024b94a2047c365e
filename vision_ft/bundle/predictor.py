"""Bytes in, predictions out: the one path of evaluation and service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.decode import decode
from vision_ft.bundle.folder import Bundle, open_bundle
from vision_ft.bundle.pipeline import Pipeline, crops_at_once
from vision_ft.bundle.place import Geometry
from vision_ft.bundle.results import Listing, PixelLabels, Prediction, Summarising
from vision_ft.bundle.stage import Infer, Prepared, StageRunner
from vision_ft.errors import ImageError

__all__ = ["Predictor", "Prepared", "load"]


class Predictor:
    """A bundle with its graph loaded. Safe to call from several threads.

    `prepare` and `answer` are the two steps that a service times and batches; `predict` is both.
    """

    def __init__(self, bundle: Bundle, *, device: str = "auto", threads: int | None = None) -> None:
        self.bundle = bundle
        self.manifest = bundle.manifest
        self.stage = bundle.manifest.stage
        """What it answers as; its input is that of the first graph."""
        reference = bundle.reference()
        self._reference = None if reference is None else reference.embeddings.astype(np.float32)
        self._pipeline: Pipeline | None = None
        if len(self.manifest.stages) > 1:
            self._pipeline = Pipeline(bundle, device=device, threads=threads)
            self._pipeline.second.check(None)
            self._runner = self._pipeline.first
        else:
            self._runner = StageRunner(bundle, 0, rule=self.manifest.decision, device=device, threads=threads)
        self._runner.check(self._reference)

    @property
    def device(self) -> str:
        """`cuda` or `cpu`: what the graph runs on."""
        return self._runner.device

    def prepare(self, data: bytes | NDArray[np.uint8], *, max_pixels: int | None = None) -> Prepared:
        """Decode (or take a decoded RGB image, uint8 [H, W, 3]) and place one image.

        Raises `ImageError` and its kin for what is no usable image.
        """
        if isinstance(data, (bytes, bytearray, memoryview)):
            image = decode(bytes(data), window=self.stage.input.window, max_pixels=max_pixels)
        else:
            image = data
        return self._runner.prepare(image, keep_image=self._pipeline is not None)

    def infer(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """The first graph's outputs by name on a uint8 batch [N, H, W, 3]."""
        return self._runner.infer(pixels)

    def assemble(self, outputs: dict[str, NDArray[Any]], geometries: Sequence[Geometry]) -> list[Prediction]:
        """Predictions from the first graph's outputs on one view of each image, decided by the bundle's rule."""
        return self._runner.assemble(outputs, [[one] for one in geometries], self._reference)

    def answer(self, images: Sequence[Prepared]) -> list[Prediction]:
        """Predictions on prepared images, in order."""
        return self.answer_timed(images)[0]

    def answer_timed(
        self,
        images: Sequence[Prepared],
        *,
        most_views: int | None = None,
        before_run: Callable[[int], None] | None = None,
    ) -> tuple[list[Prediction], float]:
        """The same, and the seconds that the graphs took.

        No run of a graph has more than `most_views` views of images, or crops of what was found. `before_run` is
        called before each of them with the number of its stage, from 0; what it raises ends the work.
        """
        first = _told(self.infer, before_run, 0)
        if self._pipeline is None:
            return self._runner.answer(images, self._reference, first, most_views=most_views)
        second = _told(self._pipeline.second.infer, before_run, 1)
        return self._pipeline.answer(images, self._reference, first, second, most_views=most_views)

    def examine(self, images: int = 1, *, before_run: Callable[[int], None] | None = None) -> None:
        """Run every graph once on a batch of blank images, as large as `answer_timed` makes it of so many views.

        Raises what ONNX Runtime does where a graph does not answer.
        """
        spec = self.stage.input
        _told(self.infer, before_run, 0)(np.zeros((images, spec.height, spec.width, 3), np.uint8))
        if self._pipeline is not None:
            spec, crops = self._pipeline.second.stage.input, crops_at_once(images)
            blank = np.zeros((crops, spec.height, spec.width, 3), np.uint8)
            _told(self._pipeline.second.infer, before_run, 1)(blank)

    @property
    def keeps_images(self) -> bool:
        """Whether a prepared image holds its decoded pixels until it is answered: to cut tiles or crops from them."""
        return self._pipeline is not None or self.stage.input.tile is not None

    def predict(self, images: Iterable[bytes | NDArray[np.uint8]], *, batch_size: int = 16) -> list[Prediction]:
        """Predictions on encoded images or RGB arrays, in order.

        Raises `ImageError` for one image that is not in a sequence: call the predictor itself with it.
        """
        if isinstance(images, (bytes, bytearray, memoryview, str)) or getattr(images, "ndim", 4) < 4:
            raise ImageError(
                "predict takes several images",
                got=type(images).__name__,
                remedy="For one image, call the predictor itself: predictor(image).",
            )
        predictions: list[Prediction] = []
        waiting: list[Prepared] = []
        for image in images:
            waiting.append(self.prepare(image))
            if len(waiting) == batch_size:
                predictions += self.answer(waiting)
                waiting.clear()
        return predictions + (self.answer(waiting) if waiting else [])

    @property
    def no_overlay(self) -> str:
        """Why an answer cannot be drawn on its image, "" where it can."""
        return self._runner.task.no_overlay(self.stage)

    @property
    def no_mask(self) -> str:
        """Why an answer gives the pixels no classes, "" where it does."""
        mapped = issubclass(self._runner.task.RESULT, PixelLabels)
        return "" if mapped else f"the task {self.stage.task} gives an image's pixels no classes"

    @property
    def lists_objects(self) -> bool:
        """Whether an answer lists any number of things that were found."""
        return issubclass(self._runner.task.RESULT, Listing)

    @property
    def summarises(self) -> bool:
        """Whether there is more to say of an answer in short than its label."""
        return issubclass(self._runner.task.RESULT, (Listing, Summarising))

    @property
    def describes_pixels(self) -> bool:
        """Whether an answer's JSON is made of maps as large as the image, which takes its time."""
        return issubclass(self._runner.task.RESULT, (PixelLabels, Summarising))

    def __call__(self, image: bytes | NDArray[np.uint8]) -> Prediction:
        """The prediction on one image."""
        return self.predict([image])[0]


def _told(infer: Infer, before_run: Callable[[int], None] | None, stage: int) -> Infer:
    """`infer`, announced."""
    if before_run is None:
        return infer

    def run(pixels: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        before_run(stage)
        return infer(pixels)

    return run


def load(path: Path | str, *, device: str = "auto", threads: int | None = None) -> Predictor:
    """Open, verify and load a bundle, ready to predict.

    Raises `BundleError` and its kin when the folder is not an intact bundle.
    """
    return Predictor(open_bundle(path), device=device, threads=threads)
