"""GET /healthz and /readyz: for whoever restarts the service or sends traffic to it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from serving import openapi
from serving.answers import json_response
from serving.service import service_of

router = APIRouter(tags=["operation"])


@router.get("/healthz", summary="Is the process well?", **openapi.HEALTH)
async def healthz(request: Request) -> Response:
    """200 while the inference thread runs; anything else is a reason to restart the process."""
    alive = service_of(request).engine.alive
    return json_response({"status": "ok" if alive else "failed"}, status=200 if alive else 503)


@router.get("/readyz", summary="Does it take images?", **openapi.READY)
async def readyz(request: Request) -> Response:
    """200 while images are taken; 503 while the service is stopping."""
    service = service_of(request)
    ready = service.engine.ready
    body = {"status": "ready" if ready else "stopping", "model_version": service.predictor.manifest.version}
    return json_response(body, status=200 if ready else 503)
