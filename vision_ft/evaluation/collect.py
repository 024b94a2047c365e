"""Run a bundle over labelled images, from the files' raw bytes, as the service would."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.decision import Decision
from vision_ft.bundle.predictor import Predictor, Prepared
from vision_ft.bundle.results import Prediction
from vision_ft.bundle.threads import cpu_budget
from vision_ft.data.index import Sample
from vision_ft.errors import DataError, ImageError
from vision_ft.evaluation.renamed import bundle_ids, in_bundle_ids
from vision_ft.evaluation.table import PredictionTable

Progress = Callable[[int, int], None]
"""Called with the number of images done and the number of all."""
Each = Callable[[Sample, Prediction], None]
"""Called once an image is answered: the place to keep its boxes, embedding or heatmap."""
_DECODED = 256 * 2**20
"""Bytes of decoded images in a batch, but one at least; twice as many are decoded ahead. Of an image in tiles all
pixels are kept until it is answered."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is kept of a prediction: maps and embeddings of thousands of images would fill the memory."""

    decision: Decision
    distance: float | None
    probabilities: dict[str, float]


def collect(
    predictor: Predictor,
    samples: Iterable[Sample],
    classes: Sequence[ClassInfo],
    *,
    progress: Progress | None = None,
    each: Each | None = None,
    unreadable: Callable[[Sample, ImageError], None] | None = None,
    batch_size: int = 16,
    threads: int | None = None,
) -> PredictionTable:
    """Answer every sample with the bundle and keep labels and answers side by side.

    `classes` are those of the labels. Each label must be a class of the bundle: by id, or by
    a name that the bundle's class has or had. Which classes are good, the bundle says. Files
    are read and decoded in `threads` threads while the graph runs. Images whose digest is
    among the bundle's training images are marked `seen`. Nothing but the table is kept;
    `each` sees every answer as it comes, with the sample's labels in the bundle's ids.

    Raises DataError when a label is unknown to the bundle, or when a file cannot be read or
    decoded; with `unreadable`, that is called instead and the image is left out.
    """
    given = list(samples)
    ids = bundle_ids(predictor.manifest.classes, classes, given)
    wanted = [in_bundle_ids(sample, ids) for sample in given]
    largest = max((3 * sample.width * sample.height for sample in wanted), default=0)
    batch_size = max(1, min(batch_size, _DECODED // max(1, largest)))
    training = predictor.bundle.training_digests()
    kept: list[Sample] = []
    answers: list[_Answer] = []
    waiting: list[tuple[Sample, Prepared]] = []

    def flush() -> None:
        if not waiting:
            return
        predictions = predictor.answer([prepared for _, prepared in waiting])
        for (sample, _), prediction in zip(waiting, predictions, strict=True):
            kept.append(sample)
            answers.append(_answer(prediction))
            if each is not None:
                each(sample, prediction)
        waiting.clear()

    coming = _prepared(predictor, wanted, threads or cpu_budget(), 2 * batch_size)
    for done, (sample, prepared) in enumerate(coming, start=1):
        if isinstance(prepared, ImageError):
            if unreadable is None:
                raise DataError(
                    f"{sample.path} cannot be evaluated", got=str(prepared), remedy="Replace it or leave it out."
                ) from prepared
            unreadable(sample, prepared)
        else:
            waiting.append((sample, prepared))
        if len(waiting) == batch_size or done == len(wanted):
            flush()
            if progress is not None:
                progress(done, len(wanted))
    return _table(predictor, kept, answers, training)


def _prepared(
    predictor: Predictor, samples: Sequence[Sample], threads: int, ahead: int
) -> Iterator[tuple[Sample, Prepared | ImageError]]:
    """Each sample with its input, in order, decoded at most `ahead` images in advance."""

    def work(sample: Sample) -> Prepared | ImageError:
        try:
            data = sample.path.read_bytes()
        except OSError as error:
            return ImageError(f"{sample.path.name} cannot be read", got=str(error.strerror or error))
        try:
            return predictor.prepare(data)
        except ImageError as error:
            return error

    with ThreadPoolExecutor(threads) as pool:
        coming = iter(samples)
        running: list[tuple[Sample, Future[Prepared | ImageError]]] = []
        for sample in islice(coming, ahead):
            running.append((sample, pool.submit(work, sample)))
        try:
            while running:
                sample, future = running.pop(0)
                yield sample, future.result()
                for following in islice(coming, 1):
                    running.append((following, pool.submit(work, following)))
        finally:
            for _, future in running:
                future.cancel()


def _table(
    predictor: Predictor,
    samples: Sequence[Sample],
    answers: Sequence[_Answer],
    training: frozenset[str],
) -> PredictionTable:
    classes = predictor.manifest.classes
    number = {one.id: at for at, one in enumerate(classes)}
    names = list(dict.fromkeys(name for sample in samples for name in sample.slices))
    return PredictionTable(
        classes=classes,
        paths=np.array([sample.path.as_posix() for sample in samples], dtype=np.str_),
        targets=np.array([_worst([number[t] for t in sample.targets], classes) for sample in samples], dtype=np.int64),
        probabilities=_probabilities(answers, classes),
        decisions=tuple(answer.decision for answer in answers),
        distances=np.array(
            [np.nan if answer.distance is None else answer.distance for answer in answers], dtype=np.float64
        ),
        parts=np.array([sample.part for sample in samples], dtype=np.str_),
        groups=np.array([sample.group for sample in samples], dtype=np.str_),
        seen=np.array([sample.digest in training for sample in samples], dtype=np.bool_),
        slices={name: np.array([sample.slices.get(name, "") for sample in samples], dtype=np.str_) for name in names},
    )


def _worst(targets: Sequence[int], classes: Sequence[ClassInfo]) -> int:
    """The first class that is not good of those that an image shows: a part with a defect is no good one."""
    return next((one for one in targets if not classes[one].good), targets[0])


def _answer(prediction: Prediction) -> _Answer:
    return _Answer(prediction.decision, prediction.distance, prediction.probabilities)


def _probabilities(answers: Sequence[_Answer], classes: Sequence[ClassInfo]) -> NDArray[np.float64]:
    values = [[answer.probabilities[c.id] for c in classes] for answer in answers]
    return np.array(values, dtype=np.float64).reshape(len(answers), len(classes))
