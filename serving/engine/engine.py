"""The engine: takes encoded images from the event loop and answers them from threads of its own.

    event loop --submit--> decode pool --Collector--> inference thread --one call a batch--> event loop

Decoding of the next images overlaps the inference of this one. The number of images inside is
bounded; each has a deadline; one that fails does not take its batch with it.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from time import perf_counter
from typing import TypeVar

import numpy as np

from serving.engine.collector import Collector
from serving.engine.work import Answer, Work, answer_of
from serving.errors import DeadlineError, OverloadedError, ShuttingDownError
from serving.settings import Settings
from vision_ft.bundle import Prediction, Predictor
from vision_ft.bundle.threads import cpu_budget, limit_cv2

T = TypeVar("T")
Outcome = tuple[Work, Answer | BaseException]

log = logging.getLogger("vision_ft.serving")


class Engine:
    """Answers encoded images with one loaded bundle. `submit`, `run` and `close` belong to the event loop."""

    def __init__(self, predictor: Predictor, settings: Settings, on_batch: Callable[[int], None]) -> None:
        gpu = predictor.device != "cpu"
        batching = settings.batching
        self.predictor = predictor
        self.max_images = batching.max_images or (32 if gpu else 4)
        self.decode_threads = batching.decode_threads or cpu_budget()
        wait_ms = batching.max_wait_ms if batching.max_wait_ms is not None else (2.0 if gpu else 0.0)
        self._queue = batching.queue
        self._deadline_s = settings.deadline_s
        self._max_pixels = int(settings.limits.max_megapixels * 1e6)
        self._on_batch = on_batch
        self._pool = ThreadPoolExecutor(self.decode_threads, thread_name_prefix="decode")
        self._collector = Collector(self.max_images, wait_ms / 1000)
        self._thread = Thread(target=self._infer_forever, name="infer", daemon=True)
        self._held = 0
        self._seconds_per_image = 0.01
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def depth(self) -> int:
        """Images inside, waiting or being worked on."""
        return self._held

    @property
    def waiting(self) -> int:
        """Images that are decoded and wait for the graph."""
        return len(self._collector)

    @property
    def alive(self) -> bool:
        """Whether the inference thread runs."""
        return self._thread.is_alive()

    @property
    def ready(self) -> bool:
        """Whether images are taken."""
        return self.alive and not self._closing

    async def start(self) -> None:
        """Run the graph once with the smallest and the largest batch, and begin to take images."""
        self._loop = asyncio.get_running_loop()
        limit_cv2(1)  # images are decoded side by side; threads inside of one would only compete
        await asyncio.to_thread(self._warm_up)
        self._thread.start()

    def stop_taking(self) -> None:
        """Refuse new images from now on; those inside are still answered."""
        self._closing = True

    async def close(self, timeout_s: float) -> None:
        """Take nothing new, answer what is inside (for `timeout_s` at most), and end the threads."""
        self.stop_taking()
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("stopped with %d images unanswered after %g s", self._held, timeout_s)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._collector.close()
        await asyncio.to_thread(self._thread.join, 1.0)

    def submit(self, data: bytes) -> asyncio.Future[Answer]:
        """The future answer to one encoded image.

        Raises `OverloadedError` when the queue is full and `ShuttingDownError` while stopping.
        The future ends in an `ImageError` for what is no usable image, and in a
        `DeadlineError` when the answer is not ready in time.
        """
        self.check_room(1)
        work = Work(data, self._loop.create_future())
        timer = self._loop.call_later(self._deadline_s, self._expire, work)
        work.future.add_done_callback(lambda _: timer.cancel())
        self._held += 1
        self._idle.clear()
        self._collector.announce()
        self._pool.submit(self._decode, work)
        return work.future

    def check_room(self, images: int) -> None:
        """Raise `OverloadedError` or `ShuttingDownError` where so many images would not be taken now."""
        if self._closing:
            raise ShuttingDownError("The service is stopping and takes no new images", retry_after_s=5)
        if self._held + images > self._queue:
            retry_after_s = max(1, math.ceil(self._held * self._seconds_per_image))
            raise OverloadedError(f"The service is busy with {self._held} images", retry_after_s=retry_after_s)

    async def run(self, job: Callable[[], T]) -> T:
        """Run a job on pixels (drawing, compressing) in the decode pool. Raises `DeadlineError`."""
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._loop.run_in_executor(self._pool, job)
        except TimeoutError:
            raise self._too_late() from None

    def _expire(self, work: Work) -> None:
        if not work.future.done():
            work.future.set_exception(self._too_late())

    def _too_late(self) -> DeadlineError:
        return DeadlineError(
            "The answer was not ready in time",
            expected=f"an answer within {self._deadline_s:g} s",
            remedy="Send fewer images at once, or raise deadline_s.",
        )

    # In the decode pool's threads.

    def _decode(self, work: Work) -> None:
        if work.given_up:
            self._withdraw(work, asyncio.CancelledError())
            return
        try:
            work.decode_start = perf_counter()
            work.prepared = self.predictor.prepare(work.data, max_pixels=self._max_pixels)
            work.decode_end = perf_counter()
        except BaseException as error:
            self._withdraw(work, error)
        else:
            self._collector.put(work)

    def _withdraw(self, work: Work, error: BaseException) -> None:
        self._collector.withdraw()
        self._report([(work, error)])

    # In the inference thread.

    def _warm_up(self) -> None:
        spec = self.predictor.stage.input
        for images in sorted({1, self.max_images}):
            self.predictor.infer(np.zeros((images, spec.height, spec.width, 3), np.uint8))

    def _infer_forever(self) -> None:
        while batch := self._collector.take():
            wanted = [work for work in batch if not work.given_up]
            outcomes: list[Outcome] = [(work, asyncio.CancelledError()) for work in batch if work.given_up]
            started = perf_counter()
            if wanted:
                outcomes += self._answer(wanted)
            self._report(outcomes, images=len(wanted), seconds=perf_counter() - started)

    def _answer(self, batch: list[Work]) -> list[Outcome]:
        """Each image's answer; where the batch as a whole fails, each image is tried alone."""
        try:
            return [
                (work, answer_of(work, prediction, len(batch)))
                for work, prediction in zip(batch, self._predict(batch), strict=True)
            ]
        except Exception as error:
            if len(batch) == 1:
                return [(batch[0], error)]
            log.warning("a batch of %d images failed and is repeated one by one: %s", len(batch), error)
            return [outcome for work in batch for outcome in self._answer([work])]

    def _predict(self, batch: list[Work]) -> list[Prediction]:
        prepared = [work.prepared for work in batch if work.prepared is not None]
        started = perf_counter()
        pixels = prepared[0].pixels[None] if len(prepared) == 1 else np.stack([p.pixels for p in prepared])
        outputs = self.predictor.infer(pixels)
        inferred = perf_counter()
        predictions = self.predictor.assemble(outputs, [p.geometry for p in prepared])
        assembled = perf_counter()
        for work in batch:
            work.infer_start, work.infer_end, work.assemble_end = started, inferred, assembled
        return predictions

    def _report(self, outcomes: list[Outcome], *, images: int = 0, seconds: float = 0.0) -> None:
        try:
            self._loop.call_soon_threadsafe(self._settle, outcomes, images, seconds)
        except RuntimeError:
            log.warning("%d answers came after the service had stopped", len(outcomes))

    # Back in the event loop.

    def _settle(self, outcomes: list[Outcome], images: int, seconds: float) -> None:
        self._held -= len(outcomes)
        if images:
            self._seconds_per_image += 0.1 * (seconds / images - self._seconds_per_image)
            self._on_batch(images)
        for work, outcome in outcomes:
            if work.future.done():
                continue
            if isinstance(outcome, BaseException):
                work.future.set_exception(outcome)
            else:
                work.future.set_result(outcome)
        if self._held == 0:
            self._idle.set()
