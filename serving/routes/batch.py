"""POST /v1/predict/batch: several images in one form, each with a verdict or a problem of its own."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any

from fastapi import APIRouter, Request, Response

from serving import openapi
from serving.answers import json_response
from serving.body import BodyReader
from serving.errors import (
    UnsupportedMediaTypeError,
    describe,
    problem_type,
)
from serving.form import Form, check_not_empty, read_form
from serving.judge import Arrival, judge
from serving.media import FORM, is_form
from serving.options import PredictOptions, read_options
from serving.service import Service, service_of
from serving.settings import MEGABYTE
from vision_ft.bundle import Decision, worst
from vision_ft.errors import ImageTooLargeError

router = APIRouter(tags=["predict"])


@router.post("/v1/predict/batch", summary="Judge several images", **openapi.BATCH)
async def predict_batch(request: Request) -> Response:
    """Send a multipart form with several files in the field `images`.

    `results` keeps their order; each entry is an answer or a problem, so one bad image does
    not cost the others their verdict. With `part`, all images are of that part, and
    `part_decision` is its verdict: the worst of its images', and never `pass` while an
    image of it could not be judged.
    """
    service = service_of(request)
    limits = service.settings.limits
    content_type = request.headers.get("content-type", "")
    if not is_form(content_type):
        raise UnsupportedMediaTypeError(
            "The content type is not a form's",
            expected=FORM,
            got=content_type.partition(";")[0][:60] or "none",
            remedy="With curl: -F images=@a.jpg -F images=@b.jpg.",
        )
    query = request.query_params.multi_items()
    read_options(query)
    with service.bodies.lease() as lease:
        reader = BodyReader(
            request,
            lease,
            limit=int(limits.max_batch_body_mb * MEGABYTE),
            limit_name="limits.max_batch_body_mb",
            timeout_s=limits.read_timeout_s,
        )
        form = await read_form(request, reader, field="images", most=limits.max_batch_images)
        options = read_options([*query, *form.fields])
        read_s = perf_counter() - request.state.started
        service.engine.check_room(len(form.images))
        results = await asyncio.gather(
            *(_one(request, service, form, index, options, read_s) for index in range(len(form.images)))
        )
    body: dict[str, Any] = {"request_id": request.state.request_id, "part": options.part}
    if options.part is not None:
        # An image without a verdict leaves its part without a clean bill.
        body["part_decision"] = str(worst(Decision(r.get("decision", Decision.REVIEW)) for r in results))
    body["results"] = results
    return json_response(body)


async def _one(
    request: Request, service: Service, form: Form, index: int, options: PredictOptions, read_s: float
) -> dict[str, Any]:
    """The answer or the problem of one image."""
    arrival = Arrival(f"{request.state.request_id}.{index}", request.state.started, read_s)
    try:
        image = form.images[index]
        check_not_empty(image)
        _check_size(image, service)
        entry = (await judge(service, image, arrival, options, options.heatmap)).to_json()
    except Exception as error:
        service.metrics.count_rejected(problem_type(error).slug)
        entry = describe(error, instance=request.url.path, request_id=arrival.request_id)
    return {"index": index, "file": form.names[index], **entry}


def _check_size(image: bytes, service: Service) -> None:
    most = service.settings.limits.max_body_mb
    if len(image) > most * MEGABYTE:
        raise ImageTooLargeError(
            "The image has too many bytes",
            expected=f"at most {most:g} MB",
            got=f"{len(image) / MEGABYTE:.1f} MB",
            remedy="Send a smaller file, or raise limits.max_body_mb.",
        )
