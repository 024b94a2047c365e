"""From one encoded image to its whole answer: verdict, picture, times, metrics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

from serving.answers import Base64, base64_of
from serving.body import Lease
from serving.errors import NoHeatmapError, UnexpectedError
from serving.options import Heatmap, PredictOptions
from serving.picture import draw
from serving.service import Service
from vision_ft.bundle import Decision, Prediction
from vision_ft.errors import VisionFTError

# What the bundle's decision says of an answer that is none; its label is then the first class, for want of another.
_NO_NUMBER = "the model gave no number"

T = TypeVar("T", Base64, bytes)

log = logging.getLogger("vision_ft.serving")


@dataclass(frozen=True, slots=True)
class Arrival:
    """The request that an image came with."""

    request_id: str
    started: float
    """`perf_counter` at its arrival."""
    read_s: float
    """Seconds until its body had arrived."""
    lease: Lease
    """Its share of the memory for bodies."""

    def left_s(self, deadline_s: float) -> float:
        """Seconds until the deadline, which begins when the body has arrived."""
        return self.started + self.read_s + deadline_s - perf_counter()


@dataclass(frozen=True, slots=True)
class Judged:
    """One image's verdict."""

    arrival: Arrival
    prediction: Prediction
    seconds: dict[str, float]
    """Time by stage."""

    def to_json(self, options: PredictOptions) -> dict[str, Any]:
        """The envelope that every answer has (see `schemas.PredictionAnswer`)."""
        return {
            "request_id": self.arrival.request_id,
            **self.prediction.to_json(),
            # Nothing is stored yet by this form of the service, and it does not claim so.
            "recorded": False,
            "part": options.part,
            "slices": options.slices,
            "timings_ms": {stage: round(value * 1000, 3) for stage, value in self.seconds.items()},
        }


async def judge(service: Service, image: bytes, arrival: Arrival) -> Judged:
    """Have the engine answer an image. Raises what the engine raises."""
    answer = service.engine.submit(image, arrival.lease.drop)
    arrival.lease.share()  # only now: where the engine refuses, it holds nothing
    found = await answer
    seconds = {"read": arrival.read_s, **found.seconds, "total": perf_counter() - arrival.started}
    return Judged(arrival, found.prediction, seconds)


async def envelope(
    service: Service, image: bytes, judged: Judged, options: PredictOptions, missing: NoHeatmapError | None
) -> dict[str, Any]:
    """The whole answer in JSON, with its picture where one is asked for; `missing` says why there can be none."""
    if options.heatmap == "none":
        return await _in_json(service, judged, options)
    picture = missing or await illustrate(service, image, judged, options.heatmap, base64_of)
    body = await _in_json(service, judged, options)
    body["heatmap"] = picture if isinstance(picture, Base64) else None
    body["heatmap_missing"] = None if isinstance(picture, Base64) else str(picture)
    return body


async def _in_json(service: Service, judged: Judged, options: PredictOptions) -> dict[str, Any]:
    """The answer in JSON. Masks of large regions take their time, in which the event loop would serve nobody."""
    if service.predictor.describes_pixels:
        return await asyncio.to_thread(judged.to_json, options)
    return judged.to_json(options)


async def illustrate(
    service: Service, image: bytes, judged: Judged, kind: Heatmap, encode: Callable[[bytes], T]
) -> T | VisionFTError:
    """The picture that goes with a verdict, encoded, or why there is none; the verdict stands in any case.

    Notes the time of drawing, and holds the picture's memory with the request's lease.
    """
    arrival = judged.arrival
    began = perf_counter()
    try:
        return await _illustrate(service, image, judged, kind, encode)
    except VisionFTError as error:
        return error
    except Exception as error:
        log.error("the heatmap of request %s could not be drawn", arrival.request_id, exc_info=error)
        return UnexpectedError("The heatmap could not be drawn", remedy=f"The log has the cause: {arrival.request_id}.")
    finally:
        now = perf_counter()
        judged.seconds.pop("total")  # it comes last
        judged.seconds.update(heatmap=now - began, total=now - arrival.started)


async def _illustrate(service: Service, image: bytes, judged: Judged, kind: Heatmap, encode: Callable[[bytes], T]) -> T:
    if _no_number(judged.prediction):
        raise NoHeatmapError("There is nothing to show in a heatmap", got=_NO_NUMBER)
    arrival = judged.arrival
    arrival.lease.share()
    picture = await draw(
        service,
        image,
        judged.prediction,
        kind,
        timeout_s=arrival.left_s(service.settings.deadline_s),
        encode=encode,
        on_settled=arrival.lease.drop,
    )
    arrival.lease.take(len(picture))
    return picture


def count(service: Service, judged: Judged) -> None:
    """Count an answered image in the metrics."""
    prediction = judged.prediction
    if _no_number(prediction):
        service.metrics.count_no_number(prediction, judged.seconds)
    else:
        service.metrics.count_prediction(prediction, judged.seconds)


def _no_number(prediction: Prediction) -> bool:
    return prediction.decision == Decision.REVIEW and prediction.probability == 0 and _NO_NUMBER in prediction.reasons
