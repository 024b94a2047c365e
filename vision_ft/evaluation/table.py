"""Labels and predictions of many images, side by side: what every figure is computed from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.decision import Decision
from vision_ft.errors import DataError

ORIGINS = ("bundle", "validation", "out-of-fold")
SEVERITY = (Decision.PASS, Decision.REVIEW, Decision.REJECT)
"""Decisions from mild to severe; their position is the severity 0, 1, 2."""

_META_KEY = b"vision_ft.predictions"
_SCHEMA_VERSION = 1
_PROBABILITY = "probability."
_SLICE = "slice."


@dataclass(frozen=True)
class PredictionTable:
    """Predictions on N images among C classes, with what is known of each image.

    `origin` is "bundle" where a shipped bundle answered, "validation" where it did so on the
    images that thresholds, temperature and epoch were chosen on, "out-of-fold" where each
    image was answered by a model that had not seen its group.

    Raises ValueError when the columns do not fit together, a target is no class, or a row of
    probabilities is no distribution.
    """

    classes: tuple[ClassInfo, ...]
    paths: NDArray[np.str_]
    """Path of each image [N]."""
    targets: NDArray[np.int64]
    """Index of the labelled class [N]."""
    probabilities: NDArray[np.float64]
    """Calibrated probabilities [N, C]; each row sums to one."""
    decisions: tuple[Decision, ...]
    """Decision on each image, N of them."""
    distances: NDArray[np.float64]
    """Embedding distance to the training images [N]; nan where unknown."""
    parts: NDArray[np.str_]
    """What is decided together [N]."""
    groups: NDArray[np.str_]
    """What is resampled together [N]."""
    seen: NDArray[np.bool_]
    """Whether the model was trained on this very image [N]."""
    slices: dict[str, NDArray[np.str_]] = field(default_factory=dict)
    """Slice values by slice name, each [N]; "" where an image has none."""
    origin: str = "bundle"

    def __post_init__(self) -> None:
        count, width = len(self.targets), len(self.classes)
        if self.origin not in ORIGINS:
            raise ValueError(f"origin {self.origin!r} is none of {', '.join(ORIGINS)}")
        if self.probabilities.shape != (count, width):
            shape = self.probabilities.shape
            raise ValueError(f"probabilities of shape {shape} do not fit {count} images, {width} classes")
        columns: dict[str, Sequence[Any] | NDArray[Any]] = {
            "paths": self.paths, "decisions": self.decisions, "distances": self.distances,
            "parts": self.parts, "groups": self.groups, "seen": self.seen, **self.slices,
        }  # fmt: skip
        for name, column in columns.items():
            if len(column) != count:
                raise ValueError(f"{name} has {len(column)} entries for {count} images")
        if count and (self.targets.min() < 0 or self.targets.max() >= width):
            raise ValueError(f"targets lie in [{self.targets.min()}, {self.targets.max()}] for {width} classes")
        sums = self.probabilities.sum(axis=1)
        if count and not (np.all(self.probabilities >= -1e-6) and np.all(np.abs(sums - 1.0) < 1e-3)):
            raise ValueError("each row of probabilities must be non-negative and sum to one")

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def class_ids(self) -> tuple[str, ...]:
        """Ids of the classes, in order."""
        return tuple(c.id for c in self.classes)

    @cached_property
    def good(self) -> NDArray[np.bool_]:
        """Whether each class is a good one [C]."""
        return np.array([c.good for c in self.classes], dtype=np.bool_)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """Index of the most probable class [N]."""
        if not len(self):
            return np.zeros(0, dtype=np.int64)
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        """Probability of the most probable class [N]."""
        return np.asarray(self.probabilities[np.arange(len(self)), self.labels], dtype=np.float64)

    @cached_property
    def bad_scores(self) -> NDArray[np.float64] | None:
        """One minus the probability of the good classes [N], in [0, 1]; None where no class is good."""
        if not self.good.any():
            return None
        good = self.probabilities[:, self.good].sum(axis=1)
        return np.asarray(np.clip(1.0 - good, 0.0, 1.0), dtype=np.float64)

    @cached_property
    def is_bad(self) -> NDArray[np.bool_] | None:
        """Whether each image is labelled with a class that is not good [N]; None where no class is good."""
        return np.asarray(~self.good[self.targets], dtype=np.bool_) if self.good.any() else None

    @cached_property
    def severity(self) -> NDArray[np.int64]:
        """Decision of each image as 0 (pass), 1 (review) or 2 (reject) [N]."""
        order = {d: i for i, d in enumerate(SEVERITY)}
        return np.array([order[d] for d in self.decisions], dtype=np.int64)

    def select(self, which: NDArray[np.bool_] | NDArray[np.integer[Any]]) -> PredictionTable:
        """The images of a boolean mask [N], or of row numbers, in that order."""
        rows = np.flatnonzero(which) if which.dtype == np.bool_ else np.asarray(which)
        if which.dtype == np.bool_ and which.shape != (len(self),):
            raise ValueError(f"a mask of {which.shape} does not fit {len(self)} images")
        picked: dict[str, Any] = {
            f.name: getattr(self, f.name)[rows]
            for f in fields(self)
            if f.name not in ("classes", "decisions", "slices", "origin")
        }
        picked["decisions"] = tuple(self.decisions[int(r)] for r in rows)
        picked["slices"] = {name: values[rows] for name, values in self.slices.items()}
        return replace(self, **picked)

    def write(self, path: Path) -> None:
        """Write the table as one Parquet file; classes and origin go along."""
        columns: dict[str, Any] = {
            "path": self.paths.tolist(),
            "target": self.targets,
            "decision": [str(d) for d in self.decisions],
            "distance": pa.array(self.distances, from_pandas=True),
            "part": self.parts.tolist(),
            "group": self.groups.tolist(),
            "seen": self.seen,
        }
        columns |= {_PROBABILITY + c.id: self.probabilities[:, i] for i, c in enumerate(self.classes)}
        columns |= {_SLICE + name: values.tolist() for name, values in self.slices.items()}
        meta = {
            "schema": _SCHEMA_VERSION,
            "origin": self.origin,
            "classes": [c.model_dump(mode="json") for c in self.classes],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns).replace_schema_metadata({_META_KEY: json.dumps(meta).encode()}), path)


def concat(tables: Sequence[PredictionTable]) -> PredictionTable:
    """One table of several over the same classes and of the same origin; a slice that one lacks is "" there.

    Raises ValueError when there is none, or they differ in classes or origin.
    """
    if not tables:
        raise ValueError("no tables to put together")
    first = tables[0]
    if any(t.classes != first.classes or t.origin != first.origin for t in tables):
        raise ValueError("tables of different classes or origins cannot be put together")
    names = list(dict.fromkeys(name for t in tables for name in t.slices))
    blank = [np.full(len(t), "", dtype=np.str_) for t in tables]
    return PredictionTable(
        classes=first.classes,
        paths=np.concatenate([t.paths for t in tables]),
        targets=np.concatenate([t.targets for t in tables]),
        probabilities=np.concatenate([t.probabilities for t in tables]),
        decisions=tuple(d for t in tables for d in t.decisions),
        distances=np.concatenate([t.distances for t in tables]),
        parts=np.concatenate([t.parts for t in tables]),
        groups=np.concatenate([t.groups for t in tables]),
        seen=np.concatenate([t.seen for t in tables]),
        slices={n: np.concatenate([t.slices.get(n, b) for t, b in zip(tables, blank, strict=True)]) for n in names},
        origin=first.origin,
    )


def read_table(path: Path) -> PredictionTable:
    """Read a table that `PredictionTable.write` wrote.

    Raises DataError when the file is missing, no such table, or of a newer schema.
    """
    try:
        found = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"The predictions {path} cannot be read", got=str(error).splitlines()[0]) from error
    raw = (found.schema.metadata or {}).get(_META_KEY)
    if raw is None:
        raise DataError(f"{path} holds no predictions of vision-ft", expected="a Parquet file written by it")
    meta = json.loads(raw)
    if meta["schema"] > _SCHEMA_VERSION:
        raise DataError(
            f"The predictions {path} are of schema {meta['schema']}",
            expected=f"at most {_SCHEMA_VERSION}",
            remedy="Read them with a newer vision-ft.",
        )
    classes = tuple(ClassInfo.model_validate(c) for c in meta["classes"])

    def text(name: str) -> NDArray[np.str_]:
        return np.array(found.column(name).to_pylist(), dtype=np.str_)

    probabilities = [np.asarray(found.column(_PROBABILITY + c.id), dtype=np.float64) for c in classes]
    return PredictionTable(
        classes=classes,
        paths=text("path"),
        targets=np.asarray(found.column("target"), dtype=np.int64),
        probabilities=np.stack(probabilities, axis=1) if classes else np.zeros((found.num_rows, 0)),
        decisions=tuple(Decision(d) for d in found.column("decision").to_pylist()),
        distances=np.array([np.nan if d is None else d for d in found.column("distance").to_pylist()], np.float64),
        parts=text("part"),
        groups=text("group"),
        seen=np.asarray(found.column("seen"), dtype=np.bool_),
        slices={n[len(_SLICE) :]: text(n) for n in found.column_names if n.startswith(_SLICE)},
        origin=meta["origin"],
    )
