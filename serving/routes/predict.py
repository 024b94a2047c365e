"""POST /v1/predict: one image in, one verdict out."""

from __future__ import annotations

from time import perf_counter
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from serving import openapi
from serving.answers import json_response
from serving.body import BodyReader, Lease
from serving.form import check_not_empty, read_form
from serving.judge import Arrival, judge
from serving.media import PNG, is_form, wants_png
from serving.options import PredictOptions, read_options
from serving.service import Service, service_of
from serving.settings import MEGABYTE

router = APIRouter(tags=["predict"])


@router.post("/v1/predict", summary="Judge one image", **openapi.PREDICT)
async def predict(request: Request) -> Response:
    """Send an image as the body (`Content-Type: image/*`) or as the file `image` of a multipart form.

    The answer is JSON; with `Accept: image/png` it is the picture itself, and the verdict
    stands in the headers `Vision-FT-Label`, `-Decision` and `-Probability`.
    """
    service = service_of(request)
    as_png = wants_png(request.headers.get("accept", ""))
    with service.bodies.lease() as lease:
        image, options = await _read(request, service, lease)
        heatmap = "overlay" if as_png and options.heatmap == "none" else options.heatmap
        state = request.state
        arrival = Arrival(state.request_id, state.started, perf_counter() - state.started)
        judged = await judge(service, image, arrival, options, heatmap)
    if not as_png:
        return json_response(judged.to_json())
    if judged.missing is not None:
        raise judged.missing
    prediction = judged.prediction
    return Response(
        judged.picture,
        headers={
            "Vision-FT-Label": quote(prediction.label),
            "Vision-FT-Decision": str(prediction.decision),
            "Vision-FT-Probability": f"{prediction.probability:.6f}",
        },
        media_type=PNG,
    )


async def _read(request: Request, service: Service, lease: Lease) -> tuple[bytes, PredictOptions]:
    limits = service.settings.limits
    form = is_form(request.headers.get("content-type", ""))
    # Read before the body, so that a misspelt parameter costs no upload.
    query = request.query_params.multi_items() if request.scope["query_string"] else []
    options = read_options(query)
    reader = BodyReader(
        request,
        lease,
        limit=int(limits.max_body_mb * MEGABYTE),
        limit_name="limits.max_body_mb",
        timeout_s=limits.read_timeout_s,
    )
    if form:
        content = await read_form(request, reader, field="image", most=1)
        image = content.images[0]
        options = read_options([*query, *content.fields])
    else:
        image = await reader.read()
    check_not_empty(image)
    return image, options
