"""Whether the graph still answers: what health and readiness are told by."""

from __future__ import annotations

from time import perf_counter

FAILED_RUNS = 5
"""So many failed runs of the graph in a row are the graph's fault and not an image's."""
HUNG_DEADLINES = 3.0
"""A run that takes so many deadlines will not come back: every image in it was given up long ago."""


class Pulse:
    """Runs of the graph, as they begin and end. Written by the inference thread, read by the event loop."""

    def __init__(self, deadline_s: float) -> None:
        self._hung_after_s = HUNG_DEADLINES * deadline_s
        self._began: float | None = None
        self._failed = 0
        self._cause = ""

    def begin(self) -> None:
        """A run begins."""
        self._began = perf_counter()

    def succeed(self) -> None:
        """The run answered: whatever was wrong is over."""
        self._began, self._failed = None, 0

    def fail(self, error: BaseException, *, alone: bool) -> None:
        """The run raised; `alone` where no other image was in it, whose fault it could have been."""
        self._began = None
        if alone:
            self._cause = type(error).__name__
            self._failed += 1

    @property
    def failing(self) -> bool:
        """Whether the last runs have all failed."""
        return self._failed >= FAILED_RUNS

    def complaint(self) -> str:
        """What is wrong, in one sentence; empty where nothing is."""
        began = self._began  # once: the other thread may end the run between two looks
        if began is not None and (age := perf_counter() - began) > self._hung_after_s:
            return f"The graph has not come back from a run for {age:.0f} s."
        if self.failing:
            return f"The last {self._failed} runs of the graph failed ({self._cause}); the log has the causes."
        return ""
