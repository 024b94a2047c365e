"""GET /v1/model: which model answers, and what is known of it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from serving import openapi
from serving.answers import json_response
from serving.schemas import StageAnswer
from serving.service import service_of

router = APIRouter(prefix="/v1/model", tags=["model"])


@router.get("", summary="The model that answers", **openapi.MODEL)
async def model(request: Request) -> Response:
    """Name, version, classes, input, decision rule, calibration, metrics, weights and device of the served bundle."""
    predictor = service_of(request).predictor
    manifest = predictor.manifest
    plain = manifest.model_dump(mode="json")
    stage = predictor.stage.model_dump(mode="json")
    body: dict[str, Any] = {
        **{key: plain[key] for key in ("name", "version", "created", "digest")},
        "task": stage["task"],
        "device": predictor.device,
        **{key: stage[key] for key in ("classes", "input", "calibration", "prior", "weights", "heatmap")},
        "overlay": predictor.no_overlay,
        "mask": predictor.no_mask,
        **{key: plain[key] for key in ("decision", "part_verdict", "objective", "findings", "metrics", "data")},
    }
    if len(plain["stages"]) > 1:
        body["stages"] = [{key: one[key] for key in StageAnswer.model_fields} for one in plain["stages"]]
    return json_response(body)


@router.get("/manifest", summary="The bundle's manifest", **openapi.MANIFEST)
async def manifest(request: Request) -> Response:
    """The whole `manifest.json` of the served bundle: also recipe, library versions and checksums."""
    return json_response(service_of(request).predictor.manifest.model_dump(mode="json"))
