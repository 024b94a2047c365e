"""GET /metrics: what Prometheus scrapes."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from serving import openapi
from serving.service import service_of

router = APIRouter(tags=["operation"])


@router.get("/metrics", summary="Metrics for Prometheus", **openapi.METRICS)
async def metrics(request: Request) -> Response:
    """Predictions and confidence by class, latency by stage, batch sizes, refusals by reason, queue depth."""
    return Response(service_of(request).metrics.render(), media_type=CONTENT_TYPE_LATEST)
