"""The shape of every answer, for the API description. A test holds the real answers against it.

What a task adds to the verdict on an image is not here: `complete` puts it in.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vision_ft.bundle import ClassInfo, Decision, DecisionRule, InputSpec
from vision_ft.bundle.manifest import Calibration, CropSpec, DataInfo, Weights

_ID = "3f0c6a52d9a04e7c8f4b1d2e5a6b7c8d"
_TIMINGS = {"read": 0.4, "decode": 1.9, "queue": 0.3, "infer": 6.1, "assemble": 0.1, "total": 9.2}
VERDICT: dict[str, Any] = {
    "request_id": _ID,
    "label": "crack",
    "name": "Crack",
    "probability": 0.9731,
    "decision": "reject",
    "reasons": [],
    "bad_score": 0.9902,
    "distance": 0.118,
    "width": 640,
    "height": 480,
    "model_version": "20260211-1a2b3c4d",
    "recorded": False,
    "part": None,
    "slices": {},
    "timings_ms": _TIMINGS,
}
"""An example of the envelope, without what the task adds."""


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, protected_namespaces=())


class Timings(_Schema):
    """Where the time went, in milliseconds."""

    read: float
    """Until the body had arrived."""
    decode: float
    """Decoding and resizing."""
    queue: float
    """Waiting for a free thread."""
    infer: float
    """The graph, on the whole batch that the image was in."""
    assemble: float
    """From the graph's outputs to a decision."""
    heatmap: float | None = None
    """Drawing; only where it was tried."""
    total: float
    """From the request's arrival to its answer."""


class PredictionAnswer(_Schema):
    """The verdict on one image, and what the task has to say about it."""

    request_id: str
    """The client's X-Request-ID, or a new one."""
    label: str
    """Id of the class that the image as a whole is taken for."""
    name: str
    """The class's name, for people."""
    probability: float = Field(ge=0.0, le=1.0)
    """Calibrated probability of the label."""
    decision: Decision
    """What the line does with the part: let it pass, reject it, or have a person look."""
    reasons: list[str]
    """Why a person should look; empty mostly."""
    bad_score: float | None
    """One minus the summed probability of the good classes; null where no class is good."""
    distance: float | None
    """Distance to the training images, 0 to 2; null where the bundle cannot tell."""
    width: int
    """Width of the decoded image, in pixels."""
    height: int
    """Height of the decoded image, in pixels."""
    model_version: str
    recorded: bool
    """Whether the answer and its image were stored. This form of the service stores nothing: false."""
    part: str | None
    """The part that the request named."""
    slices: dict[str, str]
    """The slices that the request named."""
    timings_ms: Timings
    heatmap: str | None = None
    """The picture that was asked for with `heatmap`, as PNG in base64; only where asked for."""
    heatmap_missing: str | None = None
    """Why there is no picture although one was asked for."""


class Problem(_Schema):
    """A problem document (RFC 9457): `detail` is one sentence that says what to change."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems#image-too-large",
                    "title": "The image has too many pixels",
                    "status": 413,
                    "detail": "The image is too large: expected at most 50 megapixels, got 10000 x 10000 = 100"
                    " megapixels. Send a smaller image, or a part of it.",
                    "instance": "/v1/predict",
                    "request_id": _ID,
                }
            ]
        }
    )

    type: str
    """What kind of problem it is; the address describes it."""
    title: str
    status: int
    detail: str
    instance: str
    """The address that was asked."""
    request_id: str


class BatchEntry(PredictionAnswer):
    """The verdict on one image of several."""

    index: int
    """Position among the request's files."""
    file: str
    """The file's name as the client gave it."""


class BatchProblem(Problem):
    """What is wrong with one image of several."""

    index: int
    """Position among the request's files."""
    file: str
    """The file's name as the client gave it."""


class BatchAnswer(_Schema):
    """Verdicts and problems, as `results` in the order of the request's files."""

    request_id: str
    part: str | None
    """The part that the request named."""
    part_decision: Decision | None = None
    """The verdict on that part: the worst of its images'; `review` at best where an image could not be judged."""


class StageAnswer(_Schema):
    """One of several graphs that answer together."""

    task: str
    classes: list[ClassInfo]
    input: InputSpec
    calibration: Calibration
    weights: Weights
    crop: CropSpec | None
    """How it sees what the stage before it has found; null for the first."""


class ModelAnswer(_Schema):
    """What is known of the model that answers."""

    name: str
    version: str
    created: str
    """UTC, ISO 8601."""
    digest: str
    """sha256 of the bundle's manifest, which holds those of all its files."""
    task: str
    """Of several stages that of the first, whose answers the others refine."""
    device: Literal["cpu", "cuda"]
    """What the graph runs on."""
    classes: list[ClassInfo]
    input: InputSpec
    calibration: Calibration
    prior: dict[str, float]
    """Class prior that the probabilities assume."""
    weights: Weights
    """Where the backbone's weights come from, and their licence."""
    heatmap: str
    """Empty where `heatmap=png` can be asked for; else why it cannot."""
    overlay: str
    """The same of `heatmap=overlay`."""
    mask: str
    """The same of `heatmap=mask`."""
    decision: DecisionRule
    """The thresholds of pass, reject and review."""
    part_verdict: str
    """How the decisions on a part's images become one."""
    objective: dict[str, Any] | None
    """What was asked of the model before its training."""
    findings: list[str]
    """Whether the objective is met, in sentences."""
    metrics: dict[str, Any]
    """Figures with their intervals."""
    data: DataInfo
    """What the model was trained on."""
    stages: list[StageAnswer] | None = None
    """The graphs in their order; only where there are several."""


class Health(_Schema):
    """Whether the process is well."""

    status: Literal["ok", "failed"]
    detail: str | None = None
    """What is wrong, in one sentence; only where something is."""


class Readiness(_Schema):
    """Whether images are taken."""

    status: Literal["ready", "stopping", "failed"]
    model_version: str
    detail: str | None = None
    """What is wrong, in one sentence; only where something is."""
