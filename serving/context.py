"""Around every request: its id, the count of open requests, and the last net for errors."""

from __future__ import annotations

import logging
import re
import time
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import problem_type, respond
from serving.monitoring.metrics import ServiceMetrics

REQUEST_ID = "x-request-id"
# Anything else could forge lines of a log.
_SANE_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")

log = logging.getLogger("vision_ft.serving")


class RequestContext:
    """ASGI middleware: gives each request an id, counts it, and answers what nobody caught with a problem.

    The id is the client's `X-Request-ID` where it is made of letters, digits and `._:-`
    (at most 128), else a new one; it is in the answer's header, in its body and in the log.
    """

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics) -> None:
        self._app = app
        self._metrics = metrics

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
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        with self._metrics.open_request():
            try:
                await self._app(scope, receive, send_with_id)
            except Exception as error:
                state["problem"] = problem_type(error).slug
                response = respond(error, instance=scope["path"], request_id=request_id)
                if status == 0:
                    await response(scope, receive, send_with_id)
        self._finish(scope, status, time.perf_counter() - started)

    def _finish(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        problem = scope["state"].get("problem")
        self._metrics.count_request(route, status)
        if problem is not None:
            self._metrics.count_rejected(problem)
        level = logging.DEBUG if problem is None else logging.INFO
        if log.isEnabledFor(level):
            # Neither the query nor the body: both may describe a customer's part.
            log.log(
                level,
                "%s %s %d %s %.1f ms request_id=%s",
                scope["method"],
                route,
                status,
                problem or "ok",
                seconds * 1000,
                scope["state"]["request_id"],
            )


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            if _SANE_ID.fullmatch(value):
                return str(value.decode("ascii"))
            break
    return uuid4().hex
