"""uvicorn's server, which announces itself once it answers, and goes on listening for a moment when it must stop."""

from __future__ import annotations

import socket
from collections.abc import Callable
from time import perf_counter
from types import FrameType

import uvicorn

from serving.settings import Settings


class Server(uvicorn.Server):
    """A server of an app from `create_app`.

    On the first signal it says at /readyz that it stops, and answers on for `drain_delay_s`, so
    that a load balancer can look elsewhere before an image is refused; then it takes no more,
    closes the port and answers what is open. A second signal does so at once.
    """

    def __init__(self, config: uvicorn.Config, settings: Settings, *, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._settings = settings
        self._on_started = on_started
        self._close_at: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Load the app and listen."""
        await super().startup(sockets=sockets)
        self._on_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take note of a signal."""
        settings = self._settings
        if self._close_at is None and self.started:
            self._close_at = perf_counter() + settings.drain_delay_s
            service = self.config.app.state.service  # type: ignore[union-attr]
            service.engine.announce_stop()
            if settings.drain_delay_s:
                return
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop; asked ten times a second."""
        if self._close_at is not None and perf_counter() >= self._close_at:
            self.should_exit = True
        if self.should_exit:
            self.config.app.state.service.engine.stop_taking()  # type: ignore[union-attr]
        return await super().on_tick(counter)
