"""`manifest.json`: what a bundle is, in one file that a person can read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.decision import DecisionRule
from vision_ft.errors import ChecksumError, ManifestError

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Region(_Part):
    """A rectangle of the image, in fractions of its width and height."""

    left: float = Field(default=0.0, ge=0.0, lt=1.0)
    top: float = Field(default=0.0, ge=0.0, lt=1.0)
    right: float = Field(default=1.0, gt=0.0, le=1.0)
    bottom: float = Field(default=1.0, gt=0.0, le=1.0)

    @model_validator(mode="after")
    def _ordered(self) -> Region:
        if self.left >= self.right or self.top >= self.bottom:
            raise ValueError("left must be below right, and top below bottom")
        return self


class TileSpec(_Part):
    """How a large image is looked at: in overlapping squares of its own pixels."""

    size: int = Field(ge=32, le=4096)
    """Side of a tile, in pixels of the original image; it is resized to the input's size where that differs."""
    overlap: float = Field(default=0.2, ge=0.0, lt=0.9)
    """Share of a tile that the next one repeats, at least: an object up to so large lies whole in one of them."""


class InputSpec(_Part):
    """How a decoded image becomes the graph's input."""

    height: int = Field(gt=0)
    width: int = Field(gt=0)
    placement: Literal["stretch", "letterbox", "crop"] = "stretch"
    """Stretch to the size; fit inside it and pad; or fill it and cut the overhang off evenly."""
    region: Region = Region()
    """Only this part of the image is looked at."""
    pad: int = Field(default=114, ge=0, le=255)
    """Grey level of the letterbox."""
    window: tuple[float, float] | None = None
    """Intensities of 16-bit and float images that become 0 and 255; None: the full range of the type."""
    tile: TileSpec | None = None
    """Look at the image tile by tile; None: as a whole."""

    @model_validator(mode="after")
    def _window_opens(self) -> InputSpec:
        if self.window is not None and self.window[0] >= self.window[1]:
            raise ValueError("the window's first intensity must be below its second")
        return self


class Calibration(_Part):
    """How the probabilities were made honest (temperature scaling, arXiv 1706.04599)."""

    temperature: float = Field(default=1.0, gt=0.0)
    offset: float = 0.0
    """Added to logits over the temperature, where scores are made of one logit each (Platt scaling)."""
    fitted_on: Literal["validation", "out-of-fold", "none"] = "none"
    images: int = 0
    parts: int = 0
    nll_before: float | None = None
    nll_after: float | None = None
    ece_before: float | None = None
    ece_after: float | None = None


class Weights(_Part):
    """Where the backbone's weights come from."""

    backbone: str
    source: str
    """Package, hub or file that they were taken from; "none" where trained from scratch."""
    licence: str = "unknown"
    sha256: str = ""


class CropSpec(_Part):
    """How a stage sees what the stage before it has found: each box is cut out and becomes an image of its own."""

    margin: float = Field(default=0.1, ge=0.0, le=2.0)
    """Share of the box's longer side that is added on each side."""
    square: bool = True
    """Cut a square around the box; else its own shape."""
    score_from: float = Field(default=0.1, ge=0.0, le=1.0)
    """Boxes below this score are dropped."""
    most: int = Field(default=32, ge=1)
    """Boxes of an image that are looked at, best first; the others are dropped."""


class Stage(_Part):
    """One graph of the bundle and the task that it answers."""

    task: str
    options: dict[str, Any] = {}
    """The task's own options, as its file in `bundle/tasks/` reads them."""
    model: str = "model.onnx"
    classes: tuple[ClassInfo, ...]
    input: InputSpec
    outputs: tuple[str, ...]
    """Names of the graph's outputs, in order."""
    embedding: int = 0
    """Width of the embedding, 0 where there is none."""
    heatmap: str = ""
    """"" where the graph gives an exact class-activation heatmap; else why there is none."""
    calibration: Calibration = Calibration()
    prior: dict[str, float] = {}
    """Class prior that the probabilities assume, by class id. It sums to one where an image is of one class, and
    may sum to more where it shows several."""
    weights: Weights
    crop: CropSpec | None = None
    """Of a second stage: how it sees what the first one has found."""

    @field_validator("classes")
    @classmethod
    def _ids_once(cls, value: tuple[ClassInfo, ...]) -> tuple[ClassInfo, ...]:
        ids = [one.id for one in value]
        if len(set(ids)) != len(ids):
            raise ValueError("a class id occurs twice")
        return value


class DataInfo(_Part):
    """What the model was trained on. The images' digests are in `training_images.txt`."""

    card: str | None = None
    fingerprint: str
    images: int
    parts: int
    images_per_class: dict[str, int] = {}
    parts_per_class: dict[str, int] = {}


class Manifest(_Part):
    """Everything about a bundle but its weights."""

    schema_version: int = SCHEMA_VERSION
    name: str
    version: str
    created: str
    """UTC, ISO 8601."""
    stages: tuple[Stage, ...] = Field(min_length=1)
    decision: DecisionRule = DecisionRule()
    part_verdict: Literal["worst"] = "worst"
    """How the decisions on a part's images become one."""
    objective: dict[str, Any] | None = None
    findings: tuple[str, ...] = ()
    """Sentences on the objective: met, not met, or not decidable with so few parts."""
    metrics: dict[str, Any] = {}
    """Figures with their intervals; each block says what it was measured on."""
    data: DataInfo
    recipe: dict[str, Any] = {}
    libraries: dict[str, str] = {}
    files: dict[str, str] = {}
    """sha256 of every other file of the bundle, by relative path."""
    digest: str = ""
    """sha256 of this manifest without this field, keys sorted, no white space."""

    @field_validator("files")
    @classmethod
    def _inside(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\\" in name:
                raise ValueError(f"{name} lies outside of the bundle")
        return value

    @model_validator(mode="after")
    def _in_line(self) -> Manifest:
        if len(self.stages) > 2:
            raise ValueError("a bundle has one stage, or two")
        if len(self.stages) == 2 and self.stages[1].crop is None:
            raise ValueError("the second stage needs crop: how it sees what the first one has found")
        if self.stages[0].crop is not None:
            raise ValueError("the first stage sees whole images: it has no crop")
        if self.stages[0].input.window != self.stages[-1].input.window:
            raise ValueError("an image is decoded once: both stages need the same input.window")
        return self

    @property
    def stage(self) -> Stage:
        """The stage that the bundle answers as.

        Of two stages it is the first, which says where, with the classes of the second, which
        says what; the background of the first is what is answered where nothing is found.
        """
        first, last = self.stages[0], self.stages[-1]
        if len(self.stages) == 1:
            return last
        known = {one.id for one in last.classes}
        nothing = [one for one in first.classes if one.background]
        # What the second stage takes for that class is nothing, too.
        named = [c.model_copy(update={"background": any(c.id == one.id for one in nothing)}) for c in last.classes]
        return first.model_copy(update={"classes": (*named, *(one for one in nothing if one.id not in known))})

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        """Classes of the answer."""
        return self.stage.classes

    def sealed(self) -> Manifest:
        """This manifest with its digest filled in."""
        return self.model_copy(update={"digest": _digest(self.model_dump(mode="json"))})


def _digest(content: dict[str, Any]) -> str:
    body = {k: v for k, v in content.items() if k != "digest"}
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the sealed manifest into the bundle's folder."""
    text = json.dumps(manifest.sealed().model_dump(mode="json"), indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read and check a bundle's manifest.

    Raises `ManifestError` when it is missing, is no manifest, or has a newer schema;
    `ChecksumError` when it was changed after it was written.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise ManifestError(
            f"{folder} is not a bundle",
            expected=f"a folder with {MANIFEST}",
            remedy="Give the folder that `vision-ft train` or `vision-ft export` wrote.",
        ) from None
    except (OSError, ValueError) as error:
        raise ManifestError(f"{path} cannot be read", got=str(error), remedy="Copy the bundle again.") from error
    if not isinstance(content, dict):
        raise ManifestError(f"{path} is not a manifest", expected="a JSON object", remedy="Copy the bundle again.")
    version = content.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= SCHEMA_VERSION:
        raise ManifestError(
            f"{path}",
            expected=f"schema version {SCHEMA_VERSION} or older",
            got=repr(version),
            remedy="Update vision-ft on this machine.",
        )
    if content.get("digest") != _digest(content):
        raise ChecksumError(
            f"{path} was changed after it was written", remedy="Copy the bundle again, or export it anew."
        )
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"])
        raise ManifestError(f"{path}, key {where}", got=first["msg"], remedy="Export the bundle anew.") from error
