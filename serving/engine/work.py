"""One image on its way through the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

from vision_ft.bundle import Prediction
from vision_ft.bundle.predictor import Prepared


@dataclass(slots=True, eq=False)
class Work:
    """An encoded image, the future of its answer, and when each stage began (seconds of `perf_counter`)."""

    data: bytes
    """Emptied once it is decoded, or nobody waits any more: a queue of given-up work holds no images."""
    future: asyncio.Future[Answer]
    submitted: float = field(default_factory=perf_counter)
    decode_start: float = 0.0
    decode_end: float = 0.0
    infer_start: float = 0.0
    infer_end: float = 0.0
    assemble_end: float = 0.0
    prepared: Prepared | None = None
    room: int = 0
    """Bytes of room for decoded images that it has taken."""
    trial: bool = False
    """Whether it only tries the graphs, where they have failed."""
    on_settled: Callable[[], None] | None = None
    """Called in the event loop once the work holds nothing any more."""

    @property
    def views(self) -> int:
        """In how many pieces it is looked at."""
        return 1 if self.prepared is None else len(self.prepared.views)

    @property
    def given_up(self) -> bool:
        """Whether nobody waits for the answer any more: its deadline passed, or its request was cancelled."""
        return self.future.done()


@dataclass(frozen=True, slots=True)
class Answer:
    """A prediction and the seconds that each stage took."""

    prediction: Prediction
    seconds: dict[str, float]
    """`decode`, `queue` (all waiting), `infer` (of the whole batch) and `assemble`."""
    batch: int
    """Images in the batch that this one was part of."""


def answer_of(work: Work, prediction: Prediction, batch: int) -> Answer:
    """The answer to work whose stages are all timed."""
    return Answer(
        prediction,
        {
            "decode": work.decode_end - work.decode_start,
            "queue": work.decode_start - work.submitted + work.infer_start - work.decode_end,
            "infer": work.infer_end - work.infer_start,
            "assemble": work.assemble_end - work.infer_end,
        },
        batch,
    )
