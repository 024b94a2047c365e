"""What results add to the JSON of an answer, typed: for descriptions of the API, and for clients in Python.

A task's file in `bundle/tasks/` names the one that its results have the shape of.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Box = Annotated[list[float], Field(min_length=4, max_length=4)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ProbabilitiesAnswer(_Part):
    """What the image shows: a probability for each class."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"probabilities": {"good": 0.0098, "crack": 0.9731, "stain": 0.0171}}]}
    )

    probabilities: dict[str, Share]
    """Calibrated probability of each class, by id; they sum to one."""


class DetectionAnswer(_Part):
    """One object, by its box."""

    label: str
    """Class id."""
    name: str
    """The class's name, for people."""
    score: Share
    """Probability that there is such an object."""
    box: Box
    """Left, top, right, bottom in pixels of the decoded image."""
    detected: str | None = None
    """Of two stages: the class id by which the first one found it."""
    detection_score: Share | None = None
    """Of two stages: the probability that there is an object at all, by the first one."""
    class_probability: Share | None = None
    """Of two stages: the probability of the label, by the second one; `score` is the product of the two."""


class DetectionsAnswer(_Part):
    """Where objects are: a box, a class and a score for each."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "detections": [
                        {"label": "crack", "name": "Crack", "score": 0.9731, "box": [102.5, 88.0, 241.25, 120.75]},
                        {"label": "stain", "name": "Stain", "score": 0.7104, "box": [400.0, 301.5, 452.0, 366.0]},
                    ],
                    "shown_from": 0.35,
                }
            ]
        }
    )

    detections: list[DetectionAnswer]
    """The objects that count, best first."""
    shown_from: Share
    """Score from which an object counts."""


class MaskAnswer(_Part):
    """A mask over the whole image in COCO's compressed run lengths."""

    size: Annotated[list[int], Field(min_length=2, max_length=2)]
    """Height and width of the image, in pixels."""
    counts: str
    """Run lengths down the columns, as pycocotools reads and writes them."""


class DefectAnswer(_Part):
    """One connected region, to the pixel."""

    label: str
    """Class id."""
    name: str
    """The class's name, for people."""
    score: Share
    """Mean probability of its pixels to be anything but background."""
    box: Box
    """Left, top, right, bottom in pixels of the decoded image."""
    area_px: int = Field(ge=1)
    """Number of its pixels."""
    length_px: float = Field(ge=0.0)
    """Its longest extent, in pixels."""
    area_mm2: float | None = None
    """Area on the part; only where the size of a pixel is known."""
    length_mm: float | None = None
    """Longest extent on the part; only where the size of a pixel is known."""
    mask: MaskAnswer


class DefectsAnswer(_Part):
    """What each pixel shows, as the regions that hang together."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "defects": [
                        {
                            "label": "crack",
                            "name": "Crack",
                            "score": 0.9731,
                            "box": [402, 301, 420, 304],
                            "area_px": 44,
                            "length_px": 18.0,
                            "mask": {"size": [480, 640], "counts": "]gl53m>00000000000000O100000000000000000cjV3"},
                        }
                    ]
                }
            ]
        }
    )

    defects: list[DefectAnswer]
    """The defects, most certain first."""


class RegionAnswer(_Part):
    """A place that stands out."""

    box: Box
    """Left, top, right, bottom in pixels of the decoded image."""
    area_px: float = Field(ge=0.0)
    """Its area in pixels of the decoded image."""
    peak: float
    """Highest raw score in it."""


class AnomalyAnswer(_Part):
    """How far from good the image is, and where."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "anomaly_score": 9.48,
                    "anomaly_threshold": 5.12,
                    "regions": [{"box": [102.0, 88.0, 141.0, 120.0], "area_px": 874.0, "peak": 9.48}],
                }
            ]
        }
    )

    anomaly_score: float | None
    """How far the most unusual place is from good ones, above 0 and without a bound; null where the model gave
    no number. `bad_score` says the same in [0, 1]."""
    anomaly_threshold: float
    """Score from which an image is rejected."""
    regions: list[RegionAnswer]
    """Places whose score reaches the threshold, highest peak first; none in bundles without a map."""
