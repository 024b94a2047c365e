"""Drawing beside the line: one thread of its own, so that pictures never stand in an image's way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from serving.errors import DeadlineError, OverloadedError

T = TypeVar("T")


class Drawer:
    """Runs drawing jobs one after the other. Used from the event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="draw")
        self._held = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def depth(self) -> int:
        """Jobs inside, waiting or being drawn; also one that runs on after its client was answered."""
        return self._held

    async def run(self, job: Callable[[], T], timeout_s: float, on_settled: Callable[[], None]) -> T:
        """What a job returns, within `timeout_s`.

        `on_settled` is called once the job has ended, or will never begin: until then it
        holds its memory. A job that is given up while it waits is never begun.
        Raises `OverloadedError` where too many jobs wait, and `DeadlineError`; in both
        cases the job is settled as promised.
        """
        if self._held >= self._most or timeout_s <= 0:
            on_settled()
            if timeout_s <= 0:
                raise _too_late()
            raise OverloadedError(f"The service is busy with {self._held} heatmaps")
        loop = asyncio.get_running_loop()
        self._held += 1
        self._idle.clear()

        def settle() -> None:
            self._held -= 1
            if not self._held:
                self._idle.set()
            on_settled()

        def ended(_: Future[T]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody counts any more
                loop.call_soon_threadsafe(settle)

        future = self._pool.submit(job)
        future.add_done_callback(ended)
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise _too_late() from None

    async def wait_idle(self) -> None:
        """Wait until nothing is inside."""
        await self._idle.wait()

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _too_late() -> DeadlineError:
    return DeadlineError(
        "The heatmap was not ready in time", remedy="Ask for fewer heatmaps at once, or raise deadline_s."
    )
