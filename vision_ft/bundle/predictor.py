"""Bytes in, predictions out: the one path of evaluation and service."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from vision_ft.bundle.decode import decode
from vision_ft.bundle.folder import Bundle, open_bundle
from vision_ft.bundle.novelty import distances, unit
from vision_ft.bundle.place import Geometry, place
from vision_ft.bundle.results import Prediction
from vision_ft.bundle.runtime import active_provider, open_session
from vision_ft.bundle.tasks import bundle_task
from vision_ft.errors import BundleError, ImageError, ManifestError


@dataclass(frozen=True, slots=True)
class Prepared:
    """One image, ready for the graph."""

    pixels: NDArray[np.uint8]
    """RGB at the input size [H, W, 3]."""
    geometry: Geometry
    """The way back to the original's pixels."""


class Predictor:
    """A bundle with its graph loaded. Safe to call from several threads.

    `prepare`, `infer` and `assemble` are the three stages that a service times and batches;
    `predict` is all of them.
    """

    def __init__(self, bundle: Bundle, *, device: str = "auto", threads: int | None = None) -> None:
        self.bundle = bundle
        self.manifest = bundle.manifest
        self.stage = bundle.manifest.stage
        self._task = bundle_task(self.stage.task)
        try:
            self._task.read_options(self.stage.options)
        except ValidationError as error:
            first = error.errors()[0]
            raise ManifestError(
                f"{bundle.path}, options of task {self.stage.task}",
                got=f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
                remedy="Update vision-ft on this machine, or export the bundle anew.",
            ) from None
        self._session = open_session(bundle.model_path(), device=device, threads=threads)
        self._input = self._session.get_inputs()[0].name
        reference = bundle.reference()
        self._reference = None if reference is None else reference.embeddings.astype(np.float32)
        self._check()

    def _check(self) -> None:
        """Run the graph once: what it takes and gives must be what the manifest says."""
        spec, stage, path = self.stage.input, self.stage, self.bundle.model_path()
        names = [output.name for output in self._session.get_outputs()]
        lacking = [name for name in stage.outputs if name not in names]
        if lacking:
            raise BundleError(f"{path}", expected=f"the output {lacking[0]}", got=", ".join(names))
        blank = np.zeros((1, spec.height, spec.width, 3), np.uint8)
        try:
            prediction = self.assemble(self.infer(blank), [place(blank[0], spec)[1]])
        except Exception as error:  # ONNX Runtime raises several unrelated types of its own
            raise BundleError(
                f"{path} does not answer as {self.bundle.path.name}'s manifest says",
                got=str(error).splitlines()[0],
                remedy="Export the bundle anew.",
            ) from error
        if len(prediction) != 1:
            raise BundleError(f"{path}", expected="one answer an image", got=str(len(prediction)))

    @property
    def device(self) -> str:
        """`cuda` or `cpu`: what the graph runs on."""
        return active_provider(self._session)

    def prepare(self, data: bytes | NDArray[np.uint8], *, max_pixels: int | None = None) -> Prepared:
        """Decode (or take a decoded RGB image, uint8 [H, W, 3]) and place one image.

        Raises `ImageError` and its kin for what is no usable image.
        """
        if isinstance(data, (bytes, bytearray, memoryview)):
            image = decode(bytes(data), window=self.stage.input.window, max_pixels=max_pixels)
        else:
            image = data
        pixels, geometry = place(image, self.stage.input)
        return Prepared(pixels, geometry)

    def infer(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """The graph's outputs by name on a uint8 batch [N, H, W, 3]."""
        values = self._session.run(list(self.stage.outputs), {self._input: pixels})
        return dict(zip(self.stage.outputs, values, strict=True))

    def assemble(self, outputs: dict[str, NDArray[Any]], geometries: Sequence[Geometry]) -> list[Prediction]:
        """Predictions from the graph's outputs, decided by the bundle's rule."""
        far = None
        if self._reference is not None and len(self._reference) and "embeddings" in outputs:
            far = distances(unit(outputs["embeddings"]), self._reference)
        return self._task.assemble(outputs, geometries, self.stage, self.manifest.decision, far, self.manifest.version)

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

        def flush() -> None:
            if waiting:
                outputs = self.infer(np.stack([p.pixels for p in waiting]))
                predictions.extend(self.assemble(outputs, [p.geometry for p in waiting]))
                waiting.clear()

        for image in images:
            waiting.append(self.prepare(image))
            if len(waiting) == batch_size:
                flush()
        flush()
        return predictions

    def metric_labels(self, prediction: Prediction) -> tuple[str, ...]:
        """Class ids under which monitoring counts the prediction."""
        return self._task.metric_labels(prediction)

    def __call__(self, image: bytes | NDArray[np.uint8]) -> Prediction:
        """The prediction on one image."""
        return self.predict([image])[0]


def load(path: Path | str, *, device: str = "auto", threads: int | None = None) -> Predictor:
    """Open, verify and load a bundle, ready to predict.

    Raises `BundleError` and its kin when the folder is not an intact bundle.
    """
    return Predictor(open_bundle(path), device=device, threads=threads)
