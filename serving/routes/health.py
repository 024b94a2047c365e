"""GET /healthz and /readyz: for whoever restarts the service or sends traffic to it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from serving import openapi
from serving.answers import json_response
from serving.service import service_of

router = APIRouter(tags=["operation"])


@router.get("/healthz", summary="Is the process well?", **openapi.HEALTH)
@router.head("/healthz", include_in_schema=False)
async def healthz(request: Request) -> Response:
    """200 while the graph answers; anything else is a reason to restart the process, and `detail` says which."""
    wrong = service_of(request).engine.examine()
    if wrong:
        return json_response({"status": "failed", "detail": wrong}, status=503)
    return json_response({"status": "ok"})


@router.get("/readyz", summary="Does it take images?", **openapi.READY)
@router.head("/readyz", include_in_schema=False)
async def readyz(request: Request) -> Response:
    """200 while images are taken and answered; 503 while the service is stopping, or the graph does not answer."""
    service = service_of(request)
    version = service.predictor.manifest.version
    if service.engine.stopping:
        return json_response({"status": "stopping", "model_version": version}, status=503)
    wrong = service.engine.examine()
    if wrong:
        return json_response({"status": "failed", "model_version": version, "detail": wrong}, status=503)
    return json_response({"status": "ready", "model_version": version})
