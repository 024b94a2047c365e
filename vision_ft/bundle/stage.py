"""One graph of a bundle at work: views of images in, the task's answers out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from vision_ft.bundle.decision import DecisionRule
from vision_ft.bundle.folder import Bundle
from vision_ft.bundle.manifest import Stage
from vision_ft.bundle.novelty import distances, unit
from vision_ft.bundle.place import Geometry, check_image, place_view
from vision_ft.bundle.results import Prediction
from vision_ft.bundle.runtime import active_provider, open_session
from vision_ft.bundle.tasks import Context, bundle_task
from vision_ft.bundle.tiles import views_of
from vision_ft.errors import BundleError, ManifestError

Infer = Callable[[NDArray[np.uint8]], dict[str, NDArray[Any]]]
"""From a uint8 batch [N, H, W, 3] to a graph's outputs by name."""

TILE_BATCH = 8
"""Tiles in one run of the graph: what bounds the memory that a large image needs beyond its own pixels."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """One image, ready for the graph."""

    views: tuple[Geometry, ...]
    """How it is looked at; the way back to the original's pixels."""
    placed: NDArray[np.uint8] | None
    """The only view at the input size, RGB [H, W, 3]; None where views are cut out as they are needed."""
    image: NDArray[np.uint8] | None
    """The decoded image, RGB; None where nothing needs it any more."""
    pad: int

    @property
    def geometry(self) -> Geometry:
        """The first view."""
        return self.views[0]

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The first view at the input size, RGB [H, W, 3]."""
        return self.view(0)

    def view(self, number: int) -> NDArray[np.uint8]:
        """A view at the input size, RGB [H, W, 3]."""
        if self.placed is not None:
            return self.placed
        assert self.image is not None, "kept where there are several views"
        return place_view(self.image, self.views[number], pad=self.pad)


class StageRunner:
    """A stage with its graph loaded. Safe to call from several threads."""

    def __init__(
        self, bundle: Bundle, number: int, *, rule: DecisionRule, device: str = "auto", threads: int | None = None
    ) -> None:
        self.stage: Stage = bundle.manifest.stages[number]
        self.task = bundle_task(self.stage.task)
        self._path = bundle.model_path(number)
        self._name = bundle.path.name
        try:
            self.task.read_options(self.stage.options)
        except ValidationError as error:
            first = error.errors()[0]
            raise ManifestError(
                f"{bundle.path}, options of task {self.stage.task}",
                got=f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
                remedy="Update vision-ft on this machine, or export the bundle anew.",
            ) from None
        self._session = open_session(self._path, device=device, threads=threads)
        self._input = self._session.get_inputs()[0].name
        self._context = Context(self.stage, rule, bundle.manifest.version)

    def check(self, reference: NDArray[np.float32] | None) -> None:
        """Run the graph once: what it takes and gives must be what the manifest says; raises `BundleError`."""
        spec, path = self.stage.input, self._path
        names = [output.name for output in self._session.get_outputs()]
        lacking = [name for name in self.stage.outputs if name not in names]
        if lacking:
            raise BundleError(f"{path}", expected=f"the output {lacking[0]}", got=", ".join(names))
        blank = np.zeros((1, spec.height, spec.width, 3), np.uint8)
        try:
            outputs = self.infer(blank)
            rows = {len(value) for value in outputs.values()}
            if rows == {1}:
                self.assemble(outputs, [self.prepare(blank[0], keep_image=False).views], reference)
        except Exception as error:  # ONNX Runtime raises several unrelated types of its own
            raise BundleError(
                f"{path} does not answer as {self._name}'s manifest says",
                got=(str(error).splitlines() or [type(error).__name__])[0],
                remedy="Export the bundle anew.",
            ) from error
        if rows != {1}:
            raise BundleError(f"{path}", expected="one answer an image", got=", ".join(map(str, sorted(rows))))

    @property
    def device(self) -> str:
        """`cuda` or `cpu`: what the graph runs on."""
        return active_provider(self._session)

    def prepare(self, image: NDArray[np.uint8], *, keep_image: bool) -> Prepared:
        """Views of a decoded RGB image, uint8 [H, W, 3]; raises `ImageError` for another array."""
        check_image(image)
        spec = self.stage.input
        views = views_of(image.shape[1], image.shape[0], spec)
        placed = place_view(image, views[0], pad=spec.pad) if len(views) == 1 else None
        return Prepared(views, placed, image if keep_image or placed is None else None, spec.pad)

    def infer(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """The graph's outputs by name on a uint8 batch [N, H, W, 3]."""
        values = self._session.run(list(self.stage.outputs), {self._input: pixels})
        return dict(zip(self.stage.outputs, values, strict=True))

    def assemble(
        self,
        outputs: dict[str, NDArray[Any]],
        views: Sequence[Sequence[Geometry]],
        reference: NDArray[np.float32] | None,
    ) -> list[Prediction]:
        """Predictions on images from the graph's outputs on all of their views, in order."""
        batches = iter([outputs])
        return self._gather(views, batches, reference)

    def answer(
        self,
        images: Sequence[Prepared],
        reference: NDArray[np.float32] | None,
        infer: Infer | None = None,
        *,
        most_views: int | None = None,
    ) -> tuple[list[Prediction], float]:
        """Predictions on prepared images, and the seconds that the graph (or `infer` in its place) took.

        A run of the graph has `most_views` views at most; without a value the images' number, or `TILE_BATCH`.
        """
        run = infer or self.infer
        seconds = 0.0
        views = [(image, number) for image in images for number in range(len(image.views))]
        size = max(TILE_BATCH, len(images)) if len(views) > len(images) else len(images)
        size = max(1, min(size, most_views or size))

        # Handed in: a generator's frame, which an error keeps, lets go of its arguments and not of what it closes over.
        def batches(views: Sequence[tuple[Prepared, int]]) -> Iterator[dict[str, NDArray[Any]]]:
            nonlocal seconds
            for start in range(0, len(views), size):
                some = [image.view(number) for image, number in views[start : start + size]]
                pixels = some[0][None] if len(some) == 1 else np.stack(some)
                began = perf_counter()
                outputs = run(pixels)
                seconds += perf_counter() - began
                yield outputs

        return self._gather([image.views for image in images], batches(views), reference), seconds

    def _gather(
        self,
        views: Sequence[Sequence[Geometry]],
        batches: Iterator[dict[str, NDArray[Any]]],
        reference: NDArray[np.float32] | None,
    ) -> list[Prediction]:
        gatherings = [self.task.gather(self._context, own[0].width, own[0].height) for own in views]
        vectors: list[NDArray[np.float64] | None] = [None] * len(views)
        rows = ((number, geometry) for number, own in enumerate(views) for geometry in own)
        for outputs in batches:
            embeddings = outputs.get("embeddings")
            for row in range(len(next(iter(outputs.values())))):
                number, geometry = next(rows)
                gatherings[number].add({name: value[row] for name, value in outputs.items()}, geometry)
                if embeddings is not None:
                    before = vectors[number]
                    # Of tiles the mean direction: it says what kind of picture this is.
                    own = unit(embeddings[row : row + 1])[0].astype(np.float64)
                    vectors[number] = own if before is None else before + own
        units: list[NDArray[np.float32] | None] = [
            None if vector is None else unit(vector[None].astype(np.float32))[0] for vector in vectors
        ]
        far: list[float | None] = [None] * len(views)
        if reference is not None and len(reference) and units and units[0] is not None:
            found = distances(np.stack([one for one in units if one is not None]), reference)
            far = [float(one) for one in found]
        return [
            gathering.finish(vector if vector is not None and np.isfinite(vector).all() else None, distance)
            for gathering, vector, distance in zip(gatherings, units, far, strict=True)
        ]
