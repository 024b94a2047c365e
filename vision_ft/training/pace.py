"""Keeping a fit within its time: fewer epochs where they are slower than planned, and a last moment to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import lightning.pytorch as pl

_SPARE = 0.97
"""Share of the time left that is planned with: no two epochs take the same time."""
_LATEST = 3
"""Epochs whose median says how long the next ones take."""
_EARLY = 0.25
"""Share of the time in which epochs may be added: later the rate has begun to fall."""
_GAIN = 1.05
"""A few more among many epochs are not worth a new schedule."""
_WORTH = 2
"""Epochs that must fit in yet for the first one not to be believed: kernels, processes and files are warmed up in it,
which on a GPU can take as long as ten epochs."""


class Pace(pl.Callback):
    """Fits the number of epochs to the time that is left, as soon as it is known how long one really takes.

    The schedule follows (see `tasks.contract.TorchTask`), so that the rate has fallen when the time
    is up: a fit that is cut short with its rate still high has worse weights than one of fewer epochs.
    `until` is a time of the monotonic clock, `most` the epochs that are wanted where time allows.
    What was settled is kept in the checkpoint, and a resumed fit keeps to it as long as time allows.
    """

    def __init__(self, until: float, most: int, say: Callable[[str], None]) -> None:
        self.until = until
        self.most = most
        self.say = say
        self.settled: int | None = None
        self._kept = False
        self._started = self._began = 0.0
        self._took: list[float] = []

    def state_dict(self) -> dict[str, Any]:
        """The number of epochs that was settled, if it is not the plan's."""
        return {"settled": self.settled}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what was settled."""
        self.settled = state_dict["settled"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Go on with what was settled before an interruption."""
        if self.settled is not None:
            self._kept = True
            _set_epochs(trainer, pl_module, self.settled)
        self._started = self._began = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Settle how many epochs there are to be, from what the last ones took, validation included."""
        now = time.monotonic()
        self._took.append(now - self._began)
        self._began = now
        done, planned = trainer.current_epoch + 1, trainer.max_epochs or 0
        each = median(self._took[1:][-_LATEST:] or self._took)
        more = int(max(0.0, self.until - now) * _SPARE / max(1e-6, each))
        if len(self._took) == 1 and more >= _WORTH:
            return
        # Of a few long epochs the first one that is believed may end late.
        first = len(self._took) == 2
        early = not self._kept and (first or now - self._started <= _EARLY * (self.until - self._started))
        epochs = min(done + more, self.most if early else planned)
        if planned <= epochs < max(planned + 1, _GAIN * planned):
            return
        self.settled = epochs
        _set_epochs(trainer, pl_module, epochs)
        self.say(f"an epoch takes {each:.1f} s: {epochs} epochs instead of {planned} fit into the time")


class Deadline(pl.Callback):
    """Stops a fit at the end of the step that passes `until` on the monotonic clock, and says so."""

    def __init__(self, until: float, say: Callable[[str], None]) -> None:
        self.until = until
        self.say = say

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Look at the clock."""
        if time.monotonic() > self.until and not trainer.should_stop:
            trainer.should_stop = True
            self.say("the machine is slower than measured: this fit ends here to keep within trainer.max_time")


def _set_epochs(trainer: pl.Trainer, module: Any, epochs: int) -> None:
    trainer.fit_loop.max_epochs = epochs
    module.steps = max(1, epochs * int(trainer.num_training_batches))
