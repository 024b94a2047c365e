"""What is written down of every prediction and of every review: one JSON object a line.

Records hold class ids, never names, so that a renamed class stays one class. The formats
are closed: an unknown key is an error, a newer schema version is refused.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from vision_ft.bundle.decision import Decision
from vision_ft.errors import DataError

SCHEMA_VERSION = 1

Time = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


def now() -> datetime:
    """The present moment, UTC."""
    return datetime.now(UTC)


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: ClassVar[str]

    schema_version: Literal[1] = 1
    request_id: str = Field(min_length=1)
    """The id that the service answered with; a review names the prediction that it is on."""
    time: Time
    """UTC."""

    def to_line(self) -> str:
        """One line of JSON, without the line's end."""
        return self.model_dump_json()

    @classmethod
    def from_line(cls, line: str | bytes) -> Self:
        """Read one line.

        Raises `DataError` for what is no such record, or one of a newer schema.
        """
        try:
            content: Any = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"the {cls.name} record is no JSON", got=_short(error), remedy=_REMEDY) from error
        if not isinstance(content, dict):
            raise DataError(f"the {cls.name} record", expected="a JSON object", got=type(content).__name__)
        version = content.get("schema_version")
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise DataError(
                f"the {cls.name} record",
                expected=f"schema version {SCHEMA_VERSION} or older",
                got=str(version),
                remedy="Update vision-ft on this machine.",
            )
        try:
            return cls.model_validate_json(json.dumps(content))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the whole"
            raise DataError(f"the {cls.name} record, key {where}", got=first["msg"], remedy=_REMEDY) from error


_REMEDY = "Remove the line, or restore the file."


def _short(error: Exception) -> str:
    return str(error).splitlines()[0]


class PredictionRecord(_Record):
    """One answer of the service, as it was given."""

    name: ClassVar[str] = "prediction"

    image: str = Field(pattern=r"^[0-9a-f]{64}$")
    """sha256 of the encoded image, in hex."""
    part: str | None = None
    """What is decided together; None where the image is a part of its own."""
    slices: dict[str, str] = {}
    """Camera, line, shift...: what results are broken down by."""
    label: str = Field(min_length=1)
    """Class id."""
    probability: Probability
    probabilities: dict[str, Probability]
    """By class id."""
    decision: Decision
    reasons: tuple[str, ...] = ()
    """Why the decision is not the plain one."""
    model_version: str = Field(min_length=1)
    width: int = Field(gt=0)
    """Pixels of the decoded image."""
    height: int = Field(gt=0)
    """Pixels of the decoded image."""
    quality: tuple[Finite, Finite, Finite] | None = None
    """Brightness, contrast and sharpness (see `quality`); None where not measured."""
    distance: Finite | None = None
    """Embedding distance to the training images; None where the bundle has no reference."""
    latency_ms: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    """From the request's arrival to the answer."""
    source: str = ""
    """Who asked: a route, a folder, a client's name."""

    @model_validator(mode="after")
    def _consistent(self) -> PredictionRecord:
        if self.probabilities and self.label not in self.probabilities:
            raise ValueError(f"label {self.label!r} has no probability")
        return self


class ReviewRecord(_Record):
    """A person's verdict on one prediction. A later one on the same request replaces it."""

    name: ClassVar[str] = "review"

    reviewer: str = Field(min_length=1)
    targets: tuple[str, ...] = ()
    """Ids of the classes that are right, each once; empty where the person could not tell."""
    decision: Decision
    """What the line should have done; `review` where the person could not tell."""
    comment: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> ReviewRecord:
        if len(set(self.targets)) != len(self.targets):
            raise ValueError("a target is repeated")
        if not all(self.targets):
            raise ValueError("a target is empty")
        return self
