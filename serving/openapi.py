"""What the API's description says about each address beyond its docstring."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from fastapi import FastAPI

from serving.complete import answers_of, describe_answers, every_answer
from serving.errors import PROBLEM_JSON
from serving.schemas import Health, ModelAnswer, Problem, Readiness

DESCRIPTION = """
Send an image, get a verdict: the class that it is taken for with its calibrated probability, the
decision `pass`, `reject` or `review`, and what the model's task adds: probabilities, boxes, masks.

    curl --data-binary @part.jpg -H 'Content-Type: image/jpeg' http://HOST:PORT/v1/predict

JPEG, PNG, TIFF, WebP, BMP and PNM are read, 8 or 16 bits, grey or colour. Every refusal is a
problem document (RFC 9457) whose `detail` says in one sentence what to change; `/problems`
lists the kinds. Every answer carries its `X-Request-ID`.
"""

TAGS = [
    {"name": "predict", "description": "Verdicts on images."},
    {"name": "model", "description": "The model that answers."},
    {"name": "operation", "description": "Health, readiness and metrics."},
]

_FILE = {"type": "string", "format": "binary"}
_PART = {"type": "string", "maxLength": 200, "description": "Id of the part that the image shows."}
_HEATMAP = {"type": "string", "enum": ["none", "png", "overlay", "mask"], "default": "none"}
_SLICES = {"type": "array", "items": {"type": "string", "pattern": "^[^=]+=.+$"}}
_PARAMETERS = [
    {
        "name": "heatmap",
        "in": "query",
        "schema": _HEATMAP,
        "description": "A picture in the original's size, as base64 in the JSON: `overlay` the answer drawn on the"
        " image (evidence in colour, boxes, outlines), `png` the evidence alone (grey, 0 none, 255 the most), `mask`"
        " the class of each pixel (0 background, k the k-th class that is not background). `/v1/model` says which"
        " of them this model has.",
    },
    {"name": "part", "in": "query", "schema": _PART, "description": "Id of the part that the image shows."},
    {
        "name": "slice",
        "in": "query",
        "schema": _SLICES,
        "description": "Camera, line, shift...: `slice=camera=2&slice=shift=night`.",
    },
    {
        "name": "X-Request-ID",
        "in": "header",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"},
        "description": "Comes back in the answer and stands in the log; one is made up where it is missing.",
    },
]


def _form(field: str, schema: dict[str, Any]) -> dict[str, Any]:
    properties = {field: schema, "heatmap": _HEATMAP, "part": _PART, "slice": _SLICES}
    return {"schema": {"type": "object", "required": [field], "properties": properties}}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    texts = {
        400: "The body is empty, cut off or no form.",
        406: "A picture was asked for, and there is none.",
        408: "The body did not arrive in time.",
        413: "Too many bytes, pixels, images or heatmaps.",
        415: "The content type is not an image's.",
        422: "Not an image, a damaged image, or a wrong parameter.",
        500: "The service failed; its log has the cause under the request's id.",
        503: "The service is busy or stopping; send it again after `Retry-After` seconds.",
        504: "The answer was not ready in time.",
    }
    content = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": texts[status], "content": content} for status in statuses}


PREDICT: dict[str, Any] = {
    "responses": {
        200: {
            "description": "The verdict.",
            "content": {"image/png": {"schema": _FILE}},
            "headers": {"X-Request-ID": {"schema": {"type": "string"}}},
        },
        **_problems(400, 406, 408, 413, 415, 422, 500, 503, 504),
    },
    "openapi_extra": {
        "parameters": _PARAMETERS,
        "requestBody": {
            "required": True,
            "content": {
                "image/*": {"schema": _FILE},
                "application/octet-stream": {"schema": _FILE},
                "multipart/form-data": _form("image", _FILE),
            },
        },
    },
}
BATCH: dict[str, Any] = {
    "responses": {
        200: {"description": "Verdicts and problems in the files' order."},
        **_problems(400, 408, 413, 415, 422, 500, 503),
    },
    "openapi_extra": {
        "parameters": _PARAMETERS,
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": _form("images", {"type": "array", "items": _FILE})},
        },
    },
}
MODEL: dict[str, Any] = {"responses": {200: {"model": ModelAnswer, "description": "The model."}}}
MANIFEST: dict[str, Any] = {
    "responses": {
        200: {"description": "The manifest.", "content": {"application/json": {"schema": {"type": "object"}}}}
    }
}
HEALTH: dict[str, Any] = {
    "responses": {
        200: {"model": Health, "description": "It is well."},
        503: {"model": Health, "description": "The graph fails, hangs, or its thread has ended."},
    }
}
READY: dict[str, Any] = {
    "responses": {
        200: {"model": Readiness, "description": "It takes images."},
        503: {"model": Readiness, "description": "It is stopping, or has failed."},
    }
}
METRICS: dict[str, Any] = {
    "responses": {
        200: {"description": "Metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}},
    }
}


def install(app: FastAPI) -> None:
    """Complete the description by what no route can name as its model.

    That is the problem document, its content type being another, and the answers: those of the
    served bundle's task, or of every task as long as none is served.
    """
    plain = app.openapi

    def described() -> dict[str, Any]:
        description = deepcopy(plain())
        description["components"]["schemas"].setdefault("Problem", Problem.model_json_schema())
        service = getattr(app.state, "service", None)
        served = None if service is None else answers_of(service.predictor.stage.task)
        describe_answers(description, every_answer() if served is None else [served])
        return description

    app.openapi = described  # type: ignore[method-assign]
