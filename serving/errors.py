"""What a request can be refused for: RFC 9457 problems, and the only place that knows status codes."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from vision_ft.errors import (
    DataError,
    ImageError,
    ImageTooLargeError,
    NotAnImageError,
    TruncatedImageError,
    VisionFTError,
)

PROBLEM_JSON = "application/problem+json"

log = logging.getLogger("vision_ft.serving")


class RequestError(VisionFTError):
    """Base of what is wrong with a request rather than with its image."""


class EmptyBodyError(RequestError):
    """The request carries no image."""


class UnsupportedMediaTypeError(RequestError):
    """The body's content type is none that is read here."""


class BodyTooLargeError(RequestError):
    """The body has more bytes than the limit allows."""


class TooManyImagesError(RequestError):
    """The request has more images than the limit allows."""


class HeatmapsTooLargeError(RequestError):
    """The heatmaps that are asked for have more pixels together than the limit allows."""


class IncompleteBodyError(RequestError):
    """The connection was closed before the body was complete."""


class SlowBodyError(RequestError):
    """The body did not arrive in time."""


class MalformedFormError(RequestError):
    """The multipart form cannot be read."""


class MissingFieldError(RequestError):
    """The multipart form lacks the image."""


class ParameterError(RequestError):
    """A parameter is unknown or has a wrong value."""


class NoHeatmapError(RequestError):
    """A picture was asked for that this bundle or image cannot give."""


class OverloadedError(RequestError):
    """The service has as much to do as it may hold."""

    def __init__(self, subject: str, *, retry_after_s: int = 1, remedy: str = "") -> None:
        self.retry_after_s = retry_after_s
        super().__init__(subject, remedy=remedy or f"Send it again in {retry_after_s} s.")


class ShuttingDownError(OverloadedError):
    """The service is about to stop and takes nothing new."""


class DeadlineError(RequestError):
    """The answer was not ready in time."""


class ClientLeftError(RequestError):
    """The client closed the connection before its answer was ready."""


class UnexpectedError(RequestError):
    """A fault of the service itself."""


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of problem: its name in `type` and in the metrics, and the status it is answered with."""

    slug: str
    status: int
    title: str

    @property
    def uri(self) -> str:
        """The problem's `type`: a place on the page that describes it."""
        return f"/problems#{self.slug}"


# The first class of an error's ancestry that is listed decides.
PROBLEMS: Mapping[type[Exception], ProblemType] = {
    EmptyBodyError: ProblemType("empty-body", 400, "The request carries no image"),
    IncompleteBodyError: ProblemType("incomplete-body", 400, "The body ended early"),
    MalformedFormError: ProblemType("malformed-form", 400, "The multipart form cannot be read"),
    SlowBodyError: ProblemType("slow-body", 408, "The body did not arrive in time"),
    NoHeatmapError: ProblemType("no-heatmap", 406, "There is no heatmap to answer with"),
    BodyTooLargeError: ProblemType("body-too-large", 413, "The body is too large"),
    TooManyImagesError: ProblemType("too-many-images", 413, "The request has too many images"),
    ImageTooLargeError: ProblemType("image-too-large", 413, "The image has too many pixels"),
    HeatmapsTooLargeError: ProblemType("heatmaps-too-large", 413, "The heatmaps have too many pixels together"),
    UnsupportedMediaTypeError: ProblemType("unsupported-media-type", 415, "The content type is not an image's"),
    NotAnImageError: ProblemType("not-an-image", 422, "The body is not an image"),
    TruncatedImageError: ProblemType("truncated-image", 422, "The image is cut off or damaged"),
    ImageError: ProblemType("unusable-image", 422, "The image cannot be used"),
    DataError: ProblemType("unusable-image", 422, "The image cannot be used"),
    MissingFieldError: ProblemType("missing-field", 422, "The form lacks the image"),
    ParameterError: ProblemType("invalid-parameter", 422, "A parameter is unknown or has a wrong value"),
    # Nobody reads the answer; the status is the one that proxies log for it.
    ClientLeftError: ProblemType("client-left", 499, "The client left before its answer was ready"),
    UnexpectedError: ProblemType("internal-error", 500, "The service failed"),
    ShuttingDownError: ProblemType("shutting-down", 503, "The service is stopping"),
    OverloadedError: ProblemType("overloaded", 503, "The service is busy"),
    DeadlineError: ProblemType("deadline-exceeded", 504, "The answer was not ready in time"),
}

_INTERNAL = PROBLEMS[UnexpectedError]
# Problems that the framework raises by status code alone.
_BY_STATUS: Mapping[int, ProblemType] = {
    404: ProblemType("not-found", 404, "There is nothing at this address"),
    405: ProblemType("method-not-allowed", 405, "The address does not answer to this method"),
}
ALL_PROBLEMS: tuple[ProblemType, ...] = tuple(
    sorted({*PROBLEMS.values(), *_BY_STATUS.values()}, key=lambda problem: (problem.status, problem.slug))
)


def problem_type(error: Exception) -> ProblemType:
    """The kind of problem that an error is; errors nobody expected are the service's own fault."""
    for kind in type(error).__mro__:
        if kind in PROBLEMS:
            return PROBLEMS[kind]
    return _INTERNAL


def problem_body(kind: ProblemType, detail: str, *, instance: str, request_id: str) -> dict[str, Any]:
    """The members of a problem document (RFC 9457), and the request's id."""
    return {
        "type": kind.uri,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": instance,
        "request_id": request_id,
    }


def describe(error: Exception, *, instance: str, request_id: str) -> dict[str, Any]:
    """The problem document of an error; one nobody expected is logged and not shown."""
    kind = problem_type(error)
    if kind is _INTERNAL:
        log.error("request %s to %s failed", request_id, instance, exc_info=error)
        detail = f"The service failed on this request; its log has the cause under {request_id}."
    else:
        detail = str(error)
        detail = detail[:1].upper() + detail[1:]
    return problem_body(kind, detail, instance=instance, request_id=request_id)


def respond(error: Exception, *, instance: str, request_id: str) -> Response:
    """The problem response to an error."""
    body = describe(error, instance=instance, request_id=request_id)
    headers = {}
    if isinstance(error, OverloadedError):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, (BodyTooLargeError, SlowBodyError)):
        headers["Connection"] = "close"  # what is left of the body is not read
    return _problem_response(body, headers)


def install(app: FastAPI) -> None:
    """Answer every error of an app with a problem document."""
    app.add_exception_handler(VisionFTError, _on_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)


def _problem_response(body: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), body["status"], dict(headers or {}), media_type=PROBLEM_JSON)


async def _on_error(request: Request, error: Exception) -> Response:
    request.state.problem = problem_type(error).slug
    return respond(error, instance=request.url.path, request_id=request.state.request_id)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return await _on_error(request, ParameterError(f"parameter {where}", expected=first["msg"]))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    kind = _BY_STATUS.get(status)
    if kind is None:
        phrase = HTTPStatus(status).phrase
        kind = ProblemType(phrase.lower().replace(" ", "-"), status, phrase)
    path = request.url.path
    detail = {
        404: f"There is nothing at {path}; the addresses are listed at /docs.",
        405: f"{request.method} is not answered at {path}; use {(error.headers or {}).get('Allow', 'another method')}.",
    }.get(status, f"{error.detail}.")
    request.state.problem = kind.slug
    body = problem_body(kind, detail, instance=path, request_id=request.state.request_id)
    return _problem_response(body, error.headers)
