"""The engine: takes encoded images from the event loop and answers them from threads of its own.

    event loop --submit--> decode pool --Collector--> inference thread --one call a batch--> event loop
    event loop --drawer.run--> drawing thread --> event loop

Decoding of the next images overlaps the inference of this one. The number of images inside is
bounded; each has a deadline; one that fails does not take its batch with it. Pictures are
drawn apart from all that: they never delay an image.
"""

from __future__ import annotations

import asyncio
import logging
import math
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from time import perf_counter

import numpy as np

from serving.engine.collector import Collector
from serving.engine.drawing import Drawer
from serving.engine.pulse import Pulse
from serving.engine.room import DecodedRoom
from serving.engine.warm_up import largest_batch, largest_run
from serving.engine.work import Answer, Work, answer_of
from serving.errors import DeadlineError, OverloadedError, ShuttingDownError, TooManyImagesError
from serving.settings import MEGABYTE, Settings
from vision_ft.bundle import Prediction, Predictor
from vision_ft.bundle.decode import read_size
from vision_ft.bundle.threads import cpu_budget, limit_cv2

Outcome = tuple[Work, Answer | BaseException]

log = logging.getLogger("vision_ft.serving")


class Engine:
    """Answers encoded images with one loaded bundle. `submit`, `examine` and `close` belong to the event loop."""

    def __init__(self, predictor: Predictor, settings: Settings, on_batch: Callable[[int], None]) -> None:
        gpu = predictor.device != "cpu"
        batching = settings.batching
        self.predictor = predictor
        self.max_images = largest_batch(predictor, settings)
        self.decode_threads = batching.decode_threads or cpu_budget()
        wait_ms = batching.max_wait_ms if batching.max_wait_ms is not None else (2.0 if gpu else 0.0)
        self._queue = batching.queue
        self._deadline_s = settings.deadline_s
        self._drain_s = settings.drain_s
        self._max_pixels = int(settings.limits.max_megapixels * 1e6)
        self._on_batch = on_batch
        self._pool = ThreadPoolExecutor(self.decode_threads, thread_name_prefix="decode")
        self.drawer = Drawer(batching.queue)
        self._max_views = largest_run(predictor, settings)
        self._collector = Collector(self.max_images, wait_ms / 1000, self._max_views)
        self._room = DecodedRoom(int(settings.limits.max_decoded_mb * MEGABYTE))
        self._pulse = Pulse(settings.deadline_s)
        self._thread = Thread(target=self._infer_forever, name="infer", daemon=True)
        self._held = 0
        self._seconds_per_image = 0.01
        self._trial: asyncio.Future[Answer] | None = None
        self._leaving = False
        self._closing = False
        self._stop_by = 0.0
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
    def decoded_bytes(self) -> int:
        """Bytes of decoded images that are kept for their tiles or crops."""
        return self._room.held

    @property
    def stopping(self) -> bool:
        """Whether the service is about to end: whoever sends traffic is to send it elsewhere."""
        return self._leaving or self._closing

    def examine(self) -> str:
        """Why images are not answered, in one sentence; empty where they are.

        Whoever sends traffic by this answer would send none to a graph that has failed: so
        while it fails, each look sends a blank image through it, one at a time.
        """
        if self._closing:
            return ""
        if not self._thread.is_alive():
            return "The inference thread has ended."
        if self._pulse.failing and (self._trial is None or self._trial.done()) and not self._held:
            self._trial = self._try_blank()
        return self._pulse.complaint()

    async def start(self) -> None:
        """Begin to take images."""
        self._loop = asyncio.get_running_loop()
        limit_cv2(1)  # images are decoded side by side; threads inside of one would only compete
        self._thread.start()

    def announce_stop(self) -> None:
        """Say from now on that the service stops, while images are still taken. Safe within a signal's handler."""
        self._leaving = True

    def stop_taking(self, answer_within_s: float | None = None) -> None:
        """Refuse new images from now on; those inside are still answered, for so long (or `drain_s`) at most.

        The first call counts: there is one deadline for stopping, whoever notices it first.
        Safe within a signal's handler.
        """
        if not self._closing:
            self._stop_by = perf_counter() + (self._drain_s if answer_within_s is None else answer_within_s)
            self._closing = True

    async def close(self, timeout_s: float) -> None:
        """Take nothing new, answer what is inside, and end the threads.

        Waits for `timeout_s` at most, or for what `stop_taking` has left of its time.
        """
        self.stop_taking(timeout_s)
        try:
            async with asyncio.timeout(max(0.0, self._stop_by - perf_counter())):
                await self._idle.wait()
                await self.drawer.wait_idle()
        except TimeoutError:
            log.warning("stopped with %d images unanswered and %d heatmaps undrawn", self._held, self.drawer.depth)
        self._room.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.drawer.close()
        self._collector.close()
        await asyncio.to_thread(self._thread.join, 1.0)

    def submit(self, data: bytes, on_settled: Callable[[], None] | None = None) -> asyncio.Future[Answer]:
        """The future answer to one encoded image.

        `on_settled` is called once the image's bytes are held no longer, which may be after
        the future is done: an image whose deadline passes while it is decoded is decoded on.
        Raises `OverloadedError` when the queue is full and `ShuttingDownError` while stopping;
        `on_settled` is then not called.
        The future ends in an `ImageError` for what is no usable image, and in a
        `DeadlineError` when the answer is not ready in time.
        """
        self.check_room(1)
        work = Work(data, self._loop.create_future(), on_settled=on_settled)
        timer = self._loop.call_later(self._deadline_s, self._expire, work)
        work.future.add_done_callback(lambda _: _let_go(work, timer))
        self._held += 1
        self._idle.clear()
        self._collector.announce()
        self._pool.submit(self._decode, work)
        return work.future

    def check_room(self, images: int) -> None:
        """See whether so many images would be taken now.

        Raises `ShuttingDownError`, `OverloadedError` where they would be later, and
        `TooManyImagesError` where they never would.
        """
        if self._closing:
            raise ShuttingDownError("The service is stopping and takes no new images", retry_after_s=5)
        if images > self._queue:
            raise TooManyImagesError(
                "The request has more images than the service holds at once",
                expected=f"at most {self._queue}",
                got=str(images),
                remedy="Send them in several requests, or raise batching.queue.",
            )
        if self._held + images > self._queue:
            retry_after_s = max(1, math.ceil(self._held * self._seconds_per_image))
            raise OverloadedError(f"The service is busy with {self._held} images", retry_after_s=retry_after_s)

    def _try_blank(self) -> asyncio.Future[Answer]:
        spec = self.predictor.stage.input
        blank = self.predictor.prepare(np.zeros((spec.height, spec.width, 3), np.uint8))
        work = Work(b"", self._loop.create_future(), prepared=blank, trial=True)
        work.future.add_done_callback(lambda future: future.cancelled() or future.exception())
        self._held += 1
        self._idle.clear()
        self._collector.announce()
        self._collector.put(work)
        return work.future

    def _expire(self, work: Work) -> None:
        if not work.future.done():
            work.future.set_exception(
                DeadlineError(
                    "The answer was not ready in time",
                    expected=f"an answer within {self._deadline_s:g} s",
                    remedy="Send fewer images at once, or raise deadline_s.",
                )
            )

    # In the decode pool's threads.

    def _decode(self, work: Work) -> None:
        data, work.data = work.data, b""
        if work.given_up:  # looked at after its data were taken: they are emptied once it is given up
            self._withdraw(work, asyncio.CancelledError())
            return
        try:
            if not self._has_room(work, data):
                self._withdraw(work, asyncio.CancelledError())
                return
            work.decode_start = perf_counter()
            work.prepared = self.predictor.prepare(data, max_pixels=self._max_pixels)
            work.decode_end = perf_counter()
        except BaseException as error:
            self._withdraw(work, error)
        else:
            self._collector.put(work)

    def _has_room(self, work: Work, data: bytes) -> bool:
        """Wait for the room that the decoded image needs until it is answered; False where it was given up before.

        Raises `ImageError` for what is no image.
        """
        if not self.predictor.keeps_images:
            return True
        width, height = read_size(data)
        if width * height > self._max_pixels:
            return True  # decoding refuses it
        needed = 3 * width * height
        if not self._room.take(needed, lambda: work.given_up):
            return False
        work.room = needed
        return True

    def _withdraw(self, work: Work, error: BaseException) -> None:
        self._collector.withdraw()
        self._report([(work, error)])

    # In the inference thread.

    def _infer_forever(self) -> None:
        while batch := self._collector.take():
            wanted = [work for work in batch if not work.given_up]
            outcomes: list[Outcome] = [(work, asyncio.CancelledError()) for work in batch if work.given_up]
            started = perf_counter()
            if wanted:
                outcomes += self._answer(wanted)
            self._report(outcomes, images=len(wanted), seconds=perf_counter() - started)
            # Or the images would stay in memory while the next ones are waited for.
            del batch, wanted, outcomes

    def _answer(self, batch: list[Work]) -> list[Outcome]:
        """Each image's answer; where the batch as a whole fails, each image is tried alone."""
        try:
            answers: list[Outcome] = [
                (work, answer_of(work, prediction, len(batch)))
                for work, prediction in zip(batch, self._predict(batch), strict=True)
            ]
            self._pulse.succeed()
            return answers
        except _AbandonedError as error:
            self._pulse.end()
            return [(work, error) for work in batch]
        except Exception as error:
            self._pulse.fail(error, alone=len(batch) == 1)
            if len(batch) == 1:
                return [(batch[0], error)]
            log.warning("a batch of %d images failed and is repeated one by one: %s", len(batch), error)
            return [outcome for work in batch for outcome in self._answer([work])]

    def _predict(self, batch: list[Work]) -> list[Prediction]:
        prepared = [work.prepared for work in batch if work.prepared is not None]

        def before_run(stage: int) -> None:
            # A large image takes many runs: it is not worth another one where nobody waits any more.
            if all(work.given_up for work in batch):
                raise _AbandonedError
            self._pulse.begin(stage)

        if any(work.trial for work in batch):
            # On a blank image nothing is found: the second graph would not be tried.
            self.predictor.examine(before_run=before_run)
        started = perf_counter()
        predictions, seconds = self.predictor.answer_timed(prepared, most_views=self._max_views, before_run=before_run)
        assembled = perf_counter()
        inferred = started + seconds
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
            work.prepared = None
            if isinstance(outcome, BaseException):
                # Its frames hold the images that were answered together, and it is held by whoever asked.
                traceback.clear_frames(outcome.__traceback__)
            if work.room:
                self._room.give(work.room)
            if work.on_settled is not None:
                work.on_settled()
            if work.future.done():
                continue
            if isinstance(outcome, BaseException):
                work.future.set_exception(outcome)
            else:
                work.future.set_result(outcome)
        if self._held == 0:
            self._idle.set()


class _AbandonedError(Exception):
    """Nobody waits for any of the images that are being answered."""


def _let_go(work: Work, timer: asyncio.TimerHandle) -> None:
    """Nobody waits for the work any more: it was answered or given up."""
    timer.cancel()
    work.data = b""
