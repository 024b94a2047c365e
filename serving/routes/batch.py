"""POST /v1/predict/batch: several images in one form, each with a verdict or a problem of its own."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any

from fastapi import APIRouter, Request, Response

from serving import openapi
from serving.answers import PiecesResponse, json_response
from serving.body import BodyReader
from serving.errors import (
    BodyTooLargeError,
    NoHeatmapError,
    UnsupportedMediaTypeError,
    describe,
    problem_type,
)
from serving.form import Form, check_not_empty, read_form
from serving.judge import Arrival, Judged, count, envelope, judge
from serving.media import FORM, is_form
from serving.options import PredictOptions, read_options
from serving.picture import foresee
from serving.presence import while_connected
from serving.service import Service, service_of
from serving.settings import MEGABYTE
from vision_ft.bundle import Decision, worst

router = APIRouter(tags=["predict"])

Outcome = tuple[Judged, dict[str, Any]] | Exception


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
    request_id, started = request.state.request_id, request.state.started
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
        read_s = perf_counter() - started
        async with while_connected(request):
            missing = await foresee(service, form.images, options.heatmap)
            service.engine.check_room(len(form.images))
            outcomes = await asyncio.gather(
                *(
                    _one(
                        service,
                        image,
                        Arrival(f"{request_id}.{index}", started, read_s, lease),
                        options,
                        missing[index],
                    )
                    for index, image in enumerate(form.images)
                )
            )
        results = [_entry(request, service, form, index, outcome) for index, outcome in enumerate(outcomes)]
        body: dict[str, Any] = {"request_id": request_id, "part": options.part}
        if options.part is not None:
            # An image without a verdict leaves its part without a clean bill.
            body["part_decision"] = str(worst(Decision(r.get("decision", Decision.REVIEW)) for r in results))
        body["results"] = results
        response = json_response(body)
        if isinstance(response, PiecesResponse):
            lease.share()
            request.state.at_end.callback(lease.drop)  # the answer holds the pictures until it is sent
    return response


async def _one(
    service: Service, image: bytes, arrival: Arrival, options: PredictOptions, missing: NoHeatmapError | None
) -> Outcome:
    """The verdict on one image and its answer, or what is wrong with the image."""
    try:
        check_not_empty(image)
        _check_size(image, service)
        judged = await judge(service, image, arrival)
        return judged, await envelope(service, image, judged, options, missing)
    except Exception as error:
        return error


def _entry(request: Request, service: Service, form: Form, index: int, outcome: Outcome) -> dict[str, Any]:
    """One image's place in the answer, counted: its verdict or its problem."""
    if isinstance(outcome, Exception):
        service.metrics.count_rejected(problem_type(outcome).slug)
        entry = describe(outcome, instance=request.url.path, request_id=f"{request.state.request_id}.{index}")
    else:
        judged, entry = outcome
        count(service, judged)
    return {"index": index, "file": form.names[index], **entry}


def _check_size(image: bytes, service: Service) -> None:
    most = service.settings.limits.max_body_mb
    if len(image) > most * MEGABYTE:
        raise BodyTooLargeError(
            "The image has too many bytes",
            expected=f"at most {most:g} MB",
            got=f"{len(image) / MEGABYTE:.1f} MB",
            remedy="Send a smaller file, or raise limits.max_body_mb.",
        )
