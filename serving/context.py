"""Around every request: its id, the count of open requests, and the last net for errors."""

from __future__ import annotations

import itertools
import logging
import re
import secrets
import time
from contextlib import ExitStack

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import problem_type, respond
from serving.monitoring.metrics import ServiceMetrics

REQUEST_ID = "x-request-id"
# Anything else could forge lines of a log.
_SANE_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
# Made-up ids: the process's random half and a count. A call of the system's random source for each
# request would give up the interpreter lock each time, and wait for the decoding threads to return it.
_PROCESS = secrets.token_hex(8)
_COUNT = itertools.count(1)

log = logging.getLogger("vision_ft.serving")


class RequestContext:
    """ASGI middleware: gives each request an id, counts it, and answers what nobody caught with a problem.

    The id is the client's `X-Request-ID` where it is made of letters, digits and `._:-`
    (at most 128), else a new one; it is in the answer's header, in its body and in the log.
    `at_end` in the request's state takes what is to happen once the answer is sent. `root_path`
    is the path prefix under which a proxy offers the service.
    """

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics, root_path: str = "") -> None:
        self._app = app
        self._metrics = metrics
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["started"] = started
        if self._root_path:
            scope["root_path"] = self._root_path
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._count(scope, status)
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        with self._metrics.open_request(), ExitStack() as state["at_end"]:
            try:
                await self._app(scope, receive, send_with_id)
            except Exception as error:
                state["problem"] = problem_type(error).slug
                response = respond(error, instance=scope["path"], request_id=request_id)
                if status == 0:
                    await response(scope, receive, send_with_id)
        self._log(scope, status, time.perf_counter() - started)

    def _count(self, scope: Scope, status: int) -> None:
        """Before the answer leaves: who has it may look at the metrics next."""
        self._metrics.count_request(_route(scope), status)
        problem = scope["state"].get("problem")
        if problem is not None:
            self._metrics.count_rejected(problem)

    def _log(self, scope: Scope, status: int, seconds: float) -> None:
        problem = scope["state"].get("problem")
        level = logging.DEBUG if problem is None else logging.INFO
        if log.isEnabledFor(level):
            # Neither the query nor the body: both may describe a customer's part.
            log.log(
                level,
                "%s %s %d %s %.1f ms request_id=%s",
                scope["method"],
                _route(scope),
                status,
                problem or "ok",
                seconds * 1000,
                scope["state"]["request_id"],
            )


def _route(scope: Scope) -> str:
    """The address's pattern; addresses that nobody foresaw share one name, so that a scan fills no registry."""
    return str(getattr(scope.get("route"), "path", "unmatched"))


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            if _SANE_ID.fullmatch(value):
                return str(value.decode("ascii"))
            break
    return f"{_PROCESS}{next(_COUNT):016x}"
