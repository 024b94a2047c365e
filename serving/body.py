"""Reading request bodies: counted while they arrive, so that no body takes more memory than it may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from starlette.requests import Request

from serving.errors import BodyTooLargeError, IncompleteBodyError, OverloadedError, SlowBodyError
from serving.settings import MEGABYTE

# A client that is still sending reads no answer, and sees a reset connection if it is closed
# at once: so this much more is read and thrown away before a body is refused.
_LINGER_BYTES = 64 * MEGABYTE
_LINGER_S = 5.0


class BodyBudget:
    """Bytes of request bodies that the service may hold at once. Used from the event loop's thread alone."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    @contextmanager
    def lease(self) -> Iterator[Lease]:
        """A share of the budget for the time of one request, and of what works on for it."""
        lease = Lease(self)
        try:
            yield lease
        finally:
            lease.drop()


class Lease:
    """What one request holds of the budget: its body, and the pictures of its answer.

    Given back once everybody who shares it has dropped it: a thread that decodes an image
    goes on holding its bytes when the request has already been answered with a 504.
    """

    def __init__(self, budget: BodyBudget) -> None:
        self._budget = budget
        self._users = 1
        self.taken = 0

    @property
    def limit(self) -> int:
        """Bytes that the whole budget has."""
        return self._budget.limit

    def share(self) -> None:
        """Hold it for one more user; `drop` follows."""
        self._users += 1

    def drop(self) -> None:
        """One user less; the last one gives the bytes back."""
        self._users -= 1
        if not self._users:
            self._budget.held -= self.taken
            self.taken = 0

    def take(self, size: int) -> None:
        """Hold more bytes.

        Raises `OverloadedError` when the budget does not allow it.
        """
        if self._budget.held + size > self._budget.limit:
            raise OverloadedError("The service holds as many bodies and pictures as its memory limit allows")
        self._budget.held += size
        self.taken += size


class BodyReader:
    """One request's body under its limits: bytes in all, seconds in all, and the service's budget."""

    def __init__(self, request: Request, lease: Lease, *, limit: int, limit_name: str, timeout_s: float) -> None:
        self._request = request
        self._lease = lease
        if lease.limit < limit:  # what can never fit is too large, not too much for now
            limit, limit_name = lease.limit, "limits.max_pending_mb"
        self._limit = limit
        self._limit_name = limit_name
        self._timeout_s = timeout_s
        self._total = 0

    async def read(self) -> bytes:
        """The whole body.

        Raises `BodyTooLargeError`, `SlowBodyError`, `IncompleteBodyError` or `OverloadedError`.
        """
        async with self.in_time():
            chunks = [chunk async for chunk in self.stream()]
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Bound the time in which the body is read inside. Raises `SlowBodyError`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except TimeoutError:
            raise SlowBodyError(
                "The body did not arrive in time",
                expected=f"all of it within {self._timeout_s:g} s",
                got=f"{self._total} bytes",
                remedy="Send it again over a faster connection.",
            ) from None

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body's chunks as they arrive, to be used inside `in_time`. Raises as `read` does."""
        declared = self._request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._limit:
            await self._refuse(f"{int(declared) / MEGABYTE:.1f} MB", int(declared))
        more = True
        while more:
            message = await self._request.receive()
            if message["type"] == "http.disconnect":
                raise IncompleteBodyError("The connection was closed before the body was complete")
            chunk, more = message.get("body", b""), message.get("more_body", False)
            self._total += len(chunk)
            if self._total > self._limit:
                await self._refuse("more", None, ended=not more)
            if chunk:
                self._lease.take(len(chunk))
                yield chunk

    async def _refuse(self, got: str, declared: int | None, *, ended: bool = False) -> None:
        # A client that asked beforehand has sent nothing yet, and none of it is asked for.
        asked = self._request.headers.get("expect", "").lower() == "100-continue" and self._total == 0
        if not asked and not ended and (declared is None or declared <= _LINGER_BYTES + self._limit):
            await self._linger()
        raise BodyTooLargeError(
            "The body is too large",
            expected=f"at most {self._limit / MEGABYTE:g} MB",
            got=got,
            remedy=f"Send a smaller file, or raise {self._limit_name}.",
        )

    async def _linger(self) -> None:
        thrown_away = 0
        try:
            async with asyncio.timeout(_LINGER_S):
                while thrown_away < _LINGER_BYTES:
                    message = await self._request.receive()
                    thrown_away += len(message.get("body", b""))
                    if message["type"] == "http.disconnect" or not message.get("more_body", False):
                        return
        except TimeoutError:
            return
