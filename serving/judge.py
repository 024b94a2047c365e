"""From one encoded image to its whole answer: verdict, picture, times, metrics."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from serving.errors import NoHeatmapError
from serving.options import Heatmap, PredictOptions
from serving.picture import draw
from serving.service import Service
from vision_ft.bundle import Prediction


@dataclass(frozen=True, slots=True)
class Arrival:
    """The request that an image came with."""

    request_id: str
    started: float
    """`perf_counter` at its arrival."""
    read_s: float
    """Seconds until its body had arrived."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One image's answer."""

    arrival: Arrival
    options: PredictOptions
    prediction: Prediction
    seconds: dict[str, float]
    """Time by stage."""
    picture: bytes | None
    """PNG, where one was asked for and could be drawn."""
    missing: NoHeatmapError | None
    """Why it could not."""

    def to_json(self) -> dict[str, Any]:
        """The envelope that every answer has (see `schemas.PredictionAnswer`)."""
        body: dict[str, Any] = {
            "request_id": self.arrival.request_id,
            **self.prediction.to_json(),
            # Nothing is stored yet by this form of the service, and it does not claim so.
            "recorded": False,
            "part": self.options.part,
            "slices": self.options.slices,
            "timings_ms": {stage: round(value * 1000, 3) for stage, value in self.seconds.items()},
        }
        if "heatmap" in self.seconds:
            body["heatmap"] = None if self.picture is None else base64.b64encode(self.picture).decode("ascii")
            body["heatmap_missing"] = None if self.missing is None else str(self.missing)
        return body


async def judge(service: Service, image: bytes, arrival: Arrival, options: PredictOptions, heatmap: Heatmap) -> Judged:
    """Have the engine answer an image, draw what was asked for, and count both.

    Raises what the engine raises; a picture that cannot be drawn costs no verdict.
    """
    answer = await service.engine.submit(image)
    prediction = answer.prediction
    seconds = {"read": arrival.read_s, **answer.seconds}
    picture, missing = None, None
    if heatmap != "none":
        began = perf_counter()
        try:
            picture = await draw(service, image, prediction, heatmap)
        except NoHeatmapError as error:
            missing = error
        seconds["heatmap"] = perf_counter() - began
    seconds["total"] = perf_counter() - arrival.started
    service.metrics.count_prediction(prediction, service.predictor.metric_labels(prediction), seconds)
    return Judged(arrival, options, prediction, seconds, picture, missing)
