"""Anomaly detection: how far from good, place by place, learned from good parts alone.

Graph outputs: `scores` float32 [N] (bad score in [0, 1]; a half is the threshold that the good
parts were calibrated to), `raw_scores` float32 [N] (above 0, the same without an upper bound),
`embeddings` float32 [N, D] and, where the manifest's `heatmap` is empty, `map` float32 [N, h, w]:
the raw score of each place over the raw score of that threshold, so 1 is suspicious.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from vision_ft.bundle.answers import AnomalyAnswer
from vision_ft.bundle.classes import background_of, object_classes
from vision_ft.bundle.manifest import Calibration, Stage
from vision_ft.bundle.place import Geometry
from vision_ft.bundle.results import Prediction, probabilities_apart
from vision_ft.bundle.score_views import Region, ScoreMap, ScoreViews
from vision_ft.bundle.tasks import Context

TOLERANCE = 1e-3
"""Of the bad score: distances to the memory are small differences of large numbers."""
COMPARED = ("embeddings", "raw_scores", "map")
SHOWS = "map of what is unusual"
LEAST_VERDICTS = 2
_COLD = 0.5
"""Share of the threshold up to which a heatmap shows nothing."""
_HOT = 2.0
"""Multiple of the threshold from which on a heatmap shows the most."""
_EDGE = 1e-6


class AnomalyOptions(BaseModel):
    """Options of the task, in the recipe and in the manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)

    name: Literal["anomaly"] = "anomaly"
    """The task."""
    method: Literal["patch_memory", "gaussian"] = "patch_memory"
    """patch_memory: distance to the nearest of the good patches that are kept (PatchCore, arXiv 2106.08265);
    gaussian: Mahalanobis distance to one normal distribution of all good patches (after PaDiM, arXiv 2011.08785)."""
    stages: int = Field(default=2, ge=1, le=6)
    """Maps of the backbone that are looked at, counted back from the last but one: the last one knows
    the classes that the backbone was pretrained for, and little of surfaces."""
    memory: int = Field(default=1000, ge=1, le=20_000)
    """Patches that are kept, spread so that every good patch is near to one (patch_memory)."""
    dimensions: int = Field(default=256, ge=1, le=256)
    """Principal components of the patches' features that are compared."""
    mirrored: bool = True
    """Learn each image mirrored as well, where the augmentation mirrors."""
    relative: float = Field(default=0.5, ge=0.0, le=1.0)
    """Share of the image's median that is taken off the score of each of its places. 1: places are compared
    within the image, and light that moves them all alike means nothing; 0: an image that is unusual all over
    stands out as much as one that is so in one place."""


@dataclass(frozen=True, slots=True)
class AnomalyResult:
    """How far from good an image is, and where."""

    score: float | None
    """Raw score, above 0; None where the model gave no number."""
    threshold: float
    """Raw score from which an image is rejected."""
    map: ScoreMap | None
    """Scores over the calibrated threshold; None where it was turned off."""
    level: float
    """Value of the map from which a place belongs to an anomaly."""

    def to_json(self) -> dict[str, Any]:
        """Score, threshold and the places that stand out; the map is asked for apart."""
        listed = [
            {"box": [round(v, 2) for v in one.box], "area_px": round(one.area, 1), "peak": one.peak * self._unit}
            for one in self.regions()
        ]
        return {"anomaly_score": self.score, "anomaly_threshold": self.threshold, "regions": listed}

    @property
    def _unit(self) -> float:
        """Raw score of 1 on the map."""
        return self.threshold / self.level

    def summary(self) -> str:
        """How many places stand out, and the score beside the threshold."""
        count = len(self.regions())
        score = "no score" if self.score is None else f"score {self.score:.3g} of {self.threshold:.3g}"
        return f"{count} place{'' if count == 1 else 's'}, {score}"

    def regions(self) -> tuple[Region, ...]:
        """What stands out, highest peak first; peaks in the map's unit."""
        return () if self.map is None else self.map.regions(self.level)

    def field(self, longest: int | None = None) -> NDArray[np.float32] | None:
        """The map over the original image (shrunk to `longest` pixels), float32 [H, W]: 1 is the threshold."""
        return None if self.map is None else self.map.over_image(longest) / np.float32(self.level)

    def heatmap(self) -> NDArray[np.float32] | None:
        """How suspicious each pixel of the original is, float32 [H, W] in [0, 1].

        The scale is the bundle's, not the image's: a good image is cold all over. 0 up to half
        of the threshold, 1 from twice the threshold on.
        """
        field = self.field()
        return None if field is None else np.clip((field - _COLD) / (_HOT - _COLD), 0.0, 1.0, dtype=np.float32)

    def overlay(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The heatmap in colour, and what stands out outlined, on the RGB image, uint8 [H, W, 3]."""
        heat = self.heatmap()
        if heat is None:
            return image.copy()
        colour = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[:, :, ::-1]
        alpha = (0.65 * heat)[:, :, None]
        drawn = np.ascontiguousarray(image * (1 - alpha) + colour * alpha, dtype=np.uint8)
        edge = (1.0 - _COLD) / (_HOT - _COLD)
        outlines, _ = cv2.findContours((heat >= edge).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        thick = max(1, round(min(image.shape[:2]) / 300))
        cv2.drawContours(drawn, outlines, -1, (0, 0, 0), thick + 2)
        cv2.drawContours(drawn, outlines, -1, (255, 176, 0), thick)
        return drawn


def read_options(options: dict[str, Any]) -> AnomalyOptions:
    """The typed options from the manifest's plain ones."""
    return AnomalyOptions.model_validate(options)


def raw_at(bad_score: float, calibration: Calibration) -> float:
    """The raw score at which the bad score has this value: its logit is log(raw) over the temperature, plus the offset.

    What lies within a millionth of 0 or 1 is moved there, for at these the raw score would not be finite.
    """
    p = min(max(bad_score, _EDGE), 1.0 - _EDGE)
    return math.exp((math.log(p / (1.0 - p)) - calibration.offset) * calibration.temperature)


class _Scored:
    """See `tasks.Gathering`. An image is as suspicious as its worst view."""

    def __init__(self, context: Context, width: int, height: int) -> None:
        self._context = context
        self._size = (width, height)
        self._views = ScoreViews(width, height, context.stage.input)
        self._scores = np.full(2, -np.inf)

    def add(self, outputs: Mapping[str, NDArray[Any]], geometry: Geometry) -> None:
        """Keep the higher score, and lay the view's map beside the others."""
        # NumPy's maximum keeps what is no number, which the decision must hear of.
        self._scores = np.maximum(self._scores, [float(outputs["scores"]), float(outputs["raw_scores"])])
        if "map" in outputs:
            self._views.add(outputs["map"], geometry)

    def finish(self, embedding: NDArray[np.float32] | None, distance: float | None) -> Prediction:
        """Good or not, decided by the rule on the bad score."""
        stage, rule = self._context.stage, self._context.rule
        good = background_of(stage.classes)
        odd = object_classes(stage.classes)[0]
        bad: float | None = float(np.clip(self._scores[0], 0.0, 1.0))
        raw: float | None = float(self._scores[1])
        top, probability = (odd, bad) if bad is not None and bad >= 0.5 else (good, 1.0 - (bad or 0.0))
        decision, reasons = rule.decide(
            top_probability=float(probability), top_is_good=top.good, bad_score=bad, distance=distance
        )
        probabilities = {good.id: 1.0 - float(bad or 0.0), odd.id: float(bad or 0.0)}
        if not np.isfinite(self._scores).all() or (distance is not None and not np.isfinite(distance)):
            # The decision has said so already; what is sent must be numbers.
            probabilities, bad, raw, distance = dict.fromkeys(probabilities, 0.0), None, None, None
        calibration = stage.calibration
        threshold = raw_at(0.5 if rule.reject_from is None else rule.reject_from, calibration)
        return Prediction(
            label=top.id,
            name=top.title,
            probability=probabilities[top.id],
            decision=decision,
            reasons=reasons,
            bad_score=bad,
            distance=distance,
            result=AnomalyResult(raw, threshold, self._views.merged, threshold / raw_at(0.5, calibration)),
            width=self._size[0],
            height=self._size[1],
            model_version=self._context.version,
            probabilities=probabilities,
            embedding=embedding,
        )


def gather(context: Context, width: int, height: int) -> _Scored:
    """Begin the answer on an image."""
    return _Scored(context, width, height)


def substance(prediction: Prediction) -> int:
    """The score."""
    return 1


def difference(want: Prediction, got: Prediction) -> float:
    """Difference of the bad scores; infinite where the classes are not the same."""
    return probabilities_apart(want, got)


def no_overlay(stage: Stage) -> str:
    """The map of scores is drawn, where there is one."""
    return stage.heatmap


RESULT = AnomalyResult
ANSWER = AnomalyAnswer
