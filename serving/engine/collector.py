"""Where decoded images wait for the graph, and are taken as batches."""

from __future__ import annotations

from collections import deque
from threading import Condition
from time import perf_counter

from serving.engine.work import Work


class Collector:
    """A queue that gives whatever waits, up to a batch.

    A batch is full at `max_images`, or where the views (tiles) of one more image would make more than
    `max_views`: large images are answered one by one, and each as soon as it can be. Below that it waits at most
    `max_wait_s`, and only while more images are announced (being decoded): a lone image is never delayed.
    """

    def __init__(self, max_images: int, max_wait_s: float, max_views: int | None = None) -> None:
        self._max_images = max_images
        self._max_views = max_images if max_views is None else max_views
        self._max_wait_s = max_wait_s
        self._arriving = 0
        self._waiting: deque[Work] = deque()
        self._changed = Condition()
        self._closed = False

    def __len__(self) -> int:
        """Images that wait."""
        return len(self._waiting)

    def announce(self) -> None:
        """Say that an image is on its way: `put` or `withdraw` follows."""
        with self._changed:
            self._arriving += 1

    def put(self, work: Work) -> None:
        """Add an announced image, decoded."""
        with self._changed:
            self._arriving -= 1
            self._waiting.append(work)
            self._changed.notify()

    def withdraw(self) -> None:
        """Say that an announced image will not come."""
        with self._changed:
            self._arriving -= 1
            self._changed.notify()

    def close(self) -> None:
        """Let `take` give what is left and then nothing."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self) -> list[Work]:
        """The next batch, in order of arrival; empty once closed and emptied."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if self._max_wait_s:
                self._wait_for_more()
            batch: list[Work] = []
            views = 0
            while self._waiting and len(batch) < self._max_images:
                views += self._waiting[0].views
                if batch and views > self._max_views:
                    break
                batch.append(self._waiting.popleft())
            return batch

    def _wait_for_more(self) -> None:
        until = perf_counter() + self._max_wait_s
        while (
            0 < len(self._waiting) < self._max_images
            and sum(work.views for work in self._waiting) < self._max_views
            and not self._closed
            and self._arriving
        ):
            left = until - perf_counter()
            if left <= 0 or not self._changed.wait(left):
                return
