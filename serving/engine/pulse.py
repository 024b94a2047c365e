"""Whether the graphs still answer: what health and readiness are told by."""

from __future__ import annotations

from time import perf_counter

FAILED_RUNS = 5
"""So many failed runs of the graph in a row are the graph's fault and not an image's."""
HUNG_DEADLINES = 3.0
"""A run that takes so many deadlines will not come back: every image in it was given up long ago."""


class Pulse:
    """Runs of the graphs, as they begin and end. Written by the inference thread, read by the event loop.

    A batch of images may take many runs (tiles) of two graphs (stages): each run is timed for itself, and each
    graph's failures are counted for themselves. A part without a find says nothing of the graph that names finds.
    """

    def __init__(self, deadline_s: float) -> None:
        self._hung_after_s = HUNG_DEADLINES * deadline_s
        self._began: float | None = None
        self._failed = [0, 0]
        """By stage, runs in a row."""
        self._ran: set[int] = set()
        self._stage = 0
        self._cause = ""

    def begin(self, stage: int) -> None:
        """A run of a stage's graph begins; the one before has ended."""
        self._began = perf_counter()
        self._stage = stage
        self._ran.add(stage)

    def succeed(self) -> None:
        """The images were answered: whatever was wrong with the graphs that ran is over."""
        for stage in self._ran:
            self._failed[stage] = 0
        self.end()

    def fail(self, error: BaseException, *, alone: bool) -> None:
        """The last run raised; `alone` where no other image was in it, whose fault it could have been."""
        if alone:
            self._cause = type(error).__name__
            self._failed[self._stage] += 1
        self.end()

    def end(self) -> None:
        """Nothing runs."""
        self._began = None
        self._ran.clear()
        self._stage = 0

    @property
    def failing(self) -> bool:
        """Whether the last runs of a graph have all failed."""
        return max(self._failed) >= FAILED_RUNS

    def complaint(self) -> str:
        """What is wrong, in one sentence; empty where nothing is."""
        began = self._began  # once: the other thread may end the run between two looks
        if began is not None and (age := perf_counter() - began) > self._hung_after_s:
            return f"The graph has not come back from a run for {age:.0f} s."
        if self.failing:
            return f"The last {max(self._failed)} runs of the graph failed ({self._cause}); the log has the causes."
        return ""
