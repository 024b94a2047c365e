"""POST /v1/predict: one image in, one verdict out."""

from __future__ import annotations

from time import perf_counter
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from serving import openapi
from serving.answers import PiecesResponse, json_response, png_response
from serving.body import BodyReader, Lease
from serving.form import check_not_empty, read_form
from serving.judge import Arrival, Judged, count, envelope, illustrate, judge
from serving.media import is_form, wants_png
from serving.options import PredictOptions, read_options
from serving.picture import foresee
from serving.presence import while_connected
from serving.service import Service, service_of
from serving.settings import MEGABYTE
from vision_ft.errors import VisionFTError

router = APIRouter(tags=["predict"])


@router.post("/v1/predict", summary="Judge one image", **openapi.PREDICT)
async def predict(request: Request) -> Response:
    """Send an image as the body (`Content-Type: image/*`) or as the file `image` of a multipart form.

    The answer is JSON; with `Accept: image/png` it is the picture itself, and the verdict
    stands in the headers `Vision-FT-Label` (percent-encoded UTF-8), `-Decision` and `-Probability`.
    """
    service = service_of(request)
    as_png = wants_png(request.headers.get("accept", ""))
    with service.bodies.lease() as lease:
        image, options = await _read(request, service, lease)
        state = request.state
        arrival = Arrival(state.request_id, state.started, perf_counter() - state.started, lease)
        async with while_connected(request):
            if as_png:
                response, judged = await _as_png(service, image, arrival, options)
            else:
                response, judged = await _as_json(service, image, arrival, options)
        count(service, judged)
        if isinstance(response, PiecesResponse):
            lease.share()
            state.at_end.callback(lease.drop)  # the answer holds them until it is sent
    return response


async def _as_json(
    service: Service, image: bytes, arrival: Arrival, options: PredictOptions
) -> tuple[Response, Judged]:
    (missing,) = await foresee(service, [image], options.heatmap)
    judged = await judge(service, image, arrival)
    return json_response(await envelope(service, image, judged, options, missing)), judged


async def _as_png(service: Service, image: bytes, arrival: Arrival, options: PredictOptions) -> tuple[Response, Judged]:
    kind = "overlay" if options.heatmap == "none" else options.heatmap
    (missing,) = await foresee(service, [image], kind)
    if missing is not None:
        raise missing  # before anything is computed: nobody would see the verdict
    judged = await judge(service, image, arrival)
    picture = await illustrate(service, image, judged, kind, bytes)
    if isinstance(picture, VisionFTError):
        raise picture
    prediction = judged.prediction
    headers = {
        "Vision-FT-Label": quote(prediction.label),
        "Vision-FT-Decision": str(prediction.decision),
        "Vision-FT-Probability": f"{prediction.probability:.6f}",
    }
    return png_response(picture, headers), judged


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
