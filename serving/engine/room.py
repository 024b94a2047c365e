"""Room for decoded images that wait for the graph: encoded they are small, decoded they are not."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Condition

_LOOK_AGAIN_S = 0.1
"""How often a thread that waits for room looks whether its image is still wanted."""


class DecodedRoom:
    """Counts bytes up to a bound. Belongs to the decoding threads; `give` may come from any."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._closed = False
        self._queue: deque[object] = deque()
        self._changed = Condition()

    @property
    def held(self) -> int:
        """Bytes that are taken."""
        return self._held

    def take(self, size: int, given_up: Callable[[], bool]) -> bool:
        """Wait until so many bytes have room, and take them; False where nobody wants them any more.

        Whoever came first is let in first: small images would keep a large one out for ever. What is larger than
        all the room is let in alone.
        """
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            try:
                while self._queue[0] is not ticket or (self._held and self._held + size > self._most):
                    if self._closed or given_up():
                        return False
                    self._changed.wait(_LOOK_AGAIN_S)
                self._held += size
                return True
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()

    def give(self, size: int) -> None:
        """Give bytes back."""
        with self._changed:
            self._held -= size
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
