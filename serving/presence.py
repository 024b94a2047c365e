"""Whether the client still waits: nothing is computed for one that has left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request

from serving.errors import ClientLeftError


@asynccontextmanager
async def while_connected(request: Request) -> AsyncIterator[None]:
    """Cancel what is awaited inside as soon as the client leaves; the body must have been read before.

    Raises `ClientLeftError`, which nobody will read and the metrics count.
    """
    task = asyncio.current_task()
    assert task is not None
    left = False

    async def watch() -> None:
        nonlocal left
        while (await request.receive())["type"] != "http.disconnect":
            pass
        left = True
        task.cancel()

    watcher = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        # A cancellation by somebody else, such as the server's when it stops, goes its way.
        if left and task.uncancel() == 0:
            raise ClientLeftError("The client left before its answer was ready") from None
        raise
    finally:
        watcher.cancel()
