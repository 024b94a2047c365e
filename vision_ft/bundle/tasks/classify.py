"""Classification: one label an image, with calibrated probabilities and a heatmap.

Graph outputs: `probabilities` float32 [N, C], `embeddings` float32 [N, D] and, where the
manifest's `heatmap` is empty, `heatmap` float32 [N, C, h, w]: each location's share of the
class's logit (class-activation map, arXiv 1512.04150).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from vision_ft.bundle.answers import ProbabilitiesAnswer
from vision_ft.bundle.manifest import Stage
from vision_ft.bundle.place import Geometry
from vision_ft.bundle.results import Prediction, probabilities_apart
from vision_ft.bundle.tasks import Context

TOLERANCE = 1e-4
SHOWS = "exact class-activation map"
LEAST_VERDICTS = 2
COMPARED = ("probabilities", "embeddings", "heatmap")


class ClassifyOptions(BaseModel):
    """Options of the task, in the recipe and in the manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)

    name: Literal["classify"] = "classify"
    """The task."""
    label_smoothing: float = Field(default=0.05, ge=0.0, lt=1.0)
    """Share of the target spread over all classes (arXiv 1512.00567)."""
    imbalance: Literal["sampler", "logit_adjustment", "none"] = "sampler"
    """sampler: class, then part, then image are drawn evenly; logit_adjustment: the loss knows the
    class prior (arXiv 2007.07314); none: as the data are. Never two at once."""
    mixup: float = Field(default=0.0, ge=0.0)
    """Alpha of mixup (arXiv 1710.09412); 0 turns it off."""
    cutmix: float = Field(default=0.0, ge=0.0)
    """Alpha of CutMix (arXiv 1905.04899); 0 turns it off."""
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)
    """Dropout before the classifier."""
    taps: int = Field(default=3, ge=1)
    """How many of the backbone's last stages are pooled (mean, maximum, deviation) for the classifier."""
    statistics: tuple[Literal["mean", "max", "deviation"], ...] = Field(default=("max", "deviation"), min_length=1)
    """What is pooled of each stage. A small defect moves the maximum and the deviation far more than the mean."""
    probe: bool = True
    """Fit a linear probe on the pretrained features before fine-tuning (arXiv 2202.10054)."""
    probe_draws: float = Field(default=2.0, ge=0.0)
    """Augmented views for the probe, in epochs drawn evenly over classes and parts; each image as it is,
    and mirrored where that is allowed, comes in addition."""
    transplant: float = Field(default=1.0, ge=0.0, le=1.0)
    """Where masks exist: probability that an augmented view of a defect shows it on a good part instead."""
    probe_penalty: Annotated[float, Field(gt=0)] | Literal["auto"] = "auto"
    """Penalty on the squared weights of the probe; auto: chosen by likelihood on groups left out."""


@dataclass(frozen=True, slots=True)
class ClassifyResult:
    """Probabilities by class id, and where the evidence lies."""

    probabilities: dict[str, float]
    """Calibrated, in the manifest's class order; they sum to one."""
    activation: NDArray[np.float32] | None
    """Class-activation map of the label at the graph's resolution, float32 [h, w]; None where there is none."""
    geometry: Geometry

    def to_json(self) -> dict[str, Any]:
        """The probabilities; the map is asked for apart."""
        return {"probabilities": self.probabilities}

    def heatmap(self) -> NDArray[np.float32] | None:
        """Evidence for the label over the original image, float32 [H, W] in [0, 1] (0: none, 1: the most)."""
        if self.activation is None:
            return None
        positive = np.maximum(self.activation, 0.0)
        peak = float(positive.max())
        scaled = np.asarray(positive / peak if peak > 0 else positive, dtype=np.float32)
        return self.geometry.map_to_original(scaled)

    def overlay(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The heatmap in colour over the RGB image, uint8 [H, W, 3]; the image itself where there is no map."""
        heat = self.heatmap()
        if heat is None:
            return image.copy()
        colour = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[:, :, ::-1]
        alpha = (0.65 * heat)[:, :, None]
        return np.asarray(image * (1 - alpha) + colour * alpha, dtype=np.uint8)


def read_options(options: dict[str, Any]) -> ClassifyOptions:
    """The typed options from the manifest's plain ones."""
    return ClassifyOptions.model_validate(options)


class _Classified:
    """See `tasks.Gathering`. Of several views the one with the highest bad score speaks for the image."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._good = np.array([c.good for c in context.stage.classes])
        self._kept: tuple[float, NDArray[np.float32], NDArray[np.float32] | None, Geometry] | None = None

    def add(self, outputs: Mapping[str, NDArray[Any]], geometry: Geometry) -> None:
        """Keep this view if it looks worse than those before."""
        p = outputs["probabilities"]
        bad = self._bad_score(p)
        concern = 1.0 - float(p.max()) if bad is None else bad
        if not np.isfinite(p).all():
            concern = np.inf  # no other view makes up for one that gave no number
        if self._kept is not None and concern <= self._kept[0]:
            return
        heatmap = outputs.get("heatmap")
        top = int(p.argmax())
        self._kept = (concern, p.copy(), None if heatmap is None else heatmap[top].copy(), geometry)

    def finish(self, embedding: NDArray[np.float32] | None, distance: float | None) -> Prediction:
        """The label of the image, decided by the rule."""
        assert self._kept is not None, "an image has a view"
        _, p, activation, geometry = self._kept
        classes, rule = self._context.stage.classes, self._context.rule
        top = int(p.argmax())
        bad_score = self._bad_score(p)
        decision, reasons = rule.decide(
            top_probability=float(p[top]), top_is_good=bool(self._good[top]), bad_score=bad_score, distance=distance
        )
        if not np.isfinite(p).all() or (distance is not None and not np.isfinite(distance)):
            # The decision has said so already; what is sent must be numbers.
            p, bad_score, distance = np.zeros_like(p), None, None
        probabilities = {c.id: float(v) for c, v in zip(classes, p, strict=True)}
        return Prediction(
            label=classes[top].id,
            name=classes[top].title,
            probability=float(p[top]),
            decision=decision,
            reasons=reasons,
            bad_score=bad_score,
            distance=distance,
            result=ClassifyResult(probabilities, activation, geometry),
            width=geometry.width,
            height=geometry.height,
            model_version=self._context.version,
            probabilities=probabilities,
            embedding=embedding,
        )

    def _bad_score(self, p: NDArray[np.float32]) -> float | None:
        if not self._good.any():
            return None
        return float(np.clip(1.0 - p[self._good].sum(dtype=np.float64), 0.0, 1.0))


def gather(context: Context, width: int, height: int) -> _Classified:
    """Begin the answer on an image."""
    return _Classified(context)


def substance(prediction: Prediction) -> int:
    """The probabilities."""
    return len(prediction.probabilities)


def difference(want: Prediction, got: Prediction) -> float:
    """Largest difference of a class's probability; infinite where the classes are not the same."""
    return probabilities_apart(want, got)


def no_overlay(stage: Stage) -> str:
    """A class-activation map is drawn, where there is one."""
    return stage.heatmap


RESULT = ClassifyResult
ANSWER = ProbabilitiesAnswer
