"""Classification: one label an image, with calibrated probabilities and a heatmap.

Graph outputs: `probabilities` float32 [N, C], `embeddings` float32 [N, D] and, where the
manifest's `heatmap` is empty, `heatmap` float32 [N, C, h, w]: each location's share of the
class's logit (class-activation map, arXiv 1512.04150).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from vision_ft.bundle.decision import DecisionRule
from vision_ft.bundle.manifest import Stage
from vision_ft.bundle.novelty import unit
from vision_ft.bundle.place import Geometry
from vision_ft.bundle.results import Prediction


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


def assemble(
    outputs: Mapping[str, NDArray[Any]],
    geometries: Sequence[Geometry],
    stage: Stage,
    rule: DecisionRule,
    distances: NDArray[np.float32] | None,
    version: str,
) -> list[Prediction]:
    """One prediction for each row of the graph's outputs, decided by the rule."""
    probabilities = outputs["probabilities"]
    embeddings = unit(outputs["embeddings"]) if "embeddings" in outputs else None
    heatmaps = outputs.get("heatmap")
    classes = stage.classes
    good = np.array([c.good for c in classes])
    predictions = []
    for row, geometry in enumerate(geometries):
        p = probabilities[row]
        top = int(p.argmax())
        bad_score = float(np.clip(1.0 - p[good].sum(dtype=np.float64), 0.0, 1.0)) if good.any() else None
        distance = None if distances is None else float(distances[row])
        decision, reasons = rule.decide(
            top_probability=float(p[top]), top_is_good=bool(good[top]), bad_score=bad_score, distance=distance
        )
        if not np.isfinite(p).all() or (distance is not None and not np.isfinite(distance)):
            # The decision has said so already; what is sent must be numbers.
            p, bad_score, distance = np.zeros_like(p), None, None
        result = ClassifyResult(
            {c.id: float(v) for c, v in zip(classes, p, strict=True)},
            None if heatmaps is None else heatmaps[row, top],
            geometry,
        )
        predictions.append(
            Prediction(
                label=classes[top].id,
                name=classes[top].title,
                probability=float(p[top]),
                decision=decision,
                reasons=reasons,
                bad_score=bad_score,
                distance=distance,
                result=result,
                width=geometry.width,
                height=geometry.height,
                model_version=version,
                embedding=embeddings[row] if embeddings is not None and np.isfinite(embeddings[row]).all() else None,
            )
        )
    return predictions


def metric_labels(prediction: Prediction) -> tuple[str, ...]:
    """Class ids under which monitoring counts the prediction: the label alone."""
    return (prediction.label,)
