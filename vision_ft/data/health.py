"""Is this data fit to train on? Counts, sizes, damage, duplicates, label noise, and light.

`inspect` looks, `HealthReport` holds what was seen as plain data; `sections` are tables for a
terminal or a page, `to_json` is for machines.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vision_ft.data import duplicates
from vision_ft.data.background import TITLE
from vision_ft.data.folds import suggest
from vision_ft.data.index import Index, Rejected
from vision_ft.data.object_health import ObjectsHealth, look_at_objects
from vision_ft.data.probe import Prober

TELLING = 0.9
"""From this area under the curve on, brightness (or sharpness) alone tells a class from the rest."""
_ENOUGH = 5
_LISTED = 20


@dataclass(frozen=True)
class ClassHealth:
    """One class: its counts, and the medians of its images' brightness and sharpness.

    `brightness_auc` is how often an image of this class is brighter than one of another
    class (0.5: no difference), `sharpness_auc` the same of sharpness; NaN with few images.
    """

    id: str
    name: str
    good: bool
    images: int
    parts: int
    groups: int
    brightness: float
    sharpness: float
    brightness_auc: float
    sharpness_auc: float


@dataclass(frozen=True)
class MixedGroup:
    """A group whose images carry different labels: a candidate for label noise."""

    group: str
    labels: dict[str, int]


@dataclass(frozen=True)
class Section:
    """A table for people: a title, column heads, and rows of text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class HealthReport:
    """What was found. `sizes` are (width, height, images), `formats` (format, bits, images).

    `alike_groups` and `alike_images` count near-duplicates whatever their group;
    `crossing_groups` counts the sets of groups that near-duplicates would make one, which is
    where a split by the present groups may leak.
    """

    images: int
    parts: int
    groups: int
    grouping: str
    fingerprint: str
    classes: tuple[ClassHealth, ...]
    sizes: tuple[tuple[int, int, int], ...]
    formats: tuple[tuple[str, int, int], ...]
    rejected: tuple[Rejected, ...]
    exact: tuple[tuple[str, ...], ...]
    conflicts: tuple[tuple[str, ...], ...]
    alike_groups: int
    alike_images: int
    crossing_groups: int
    mixed: tuple[MixedGroup, ...]
    splits: dict[str, int]
    advice: str
    warnings: tuple[str, ...]
    objects: ObjectsHealth | None = None
    """None where neither boxes, outlines nor masks are labelled."""

    def sections(self) -> tuple[Section, ...]:
        """Give the report as tables; empty ones are left out."""
        found = (
            Section(
                "Classes",
                ("class", "good", "images", "parts", "groups", "brightness", "sharpness"),
                tuple(
                    (
                        one.name,
                        "yes" if one.good else "",
                        *(str(count) for count in (one.images, one.parts, one.groups)),
                        _figure(one.brightness, 2),
                        _figure(one.sharpness * 1000, 2, " x 1e-3"),
                    )
                    for one in self.classes
                ),
            ),
            *_objects(self.objects),
            Section("Splits", ("split", "images"), tuple((name, str(count)) for name, count in self.splits.items())),
            Section("Sizes", ("width x height", "images"), _top([(f"{w} x {h}", count) for w, h, count in self.sizes])),
            Section(
                "Formats", ("format", "bits", "images"), tuple((name, str(b), str(n)) for name, b, n in self.formats)
            ),
            Section("Left out", ("image", "reason"), _cut([(one.path, one.reason) for one in self.rejected])),
            Section("Exact copies", ("images",), _cut([(", ".join(same),) for same in self.exact])),
            Section("Same image, several labels", ("images",), _cut([(", ".join(same),) for same in self.conflicts])),
            Section(
                "Groups with several labels",
                ("group", "labels"),
                _cut([(one.group, ", ".join(f"{k}: {n}" for k, n in one.labels.items())) for one in self.mixed]),
            ),
        )
        return tuple(one for one in found if one.rows)

    def to_json(self) -> str:
        """Give the report as JSON; figures that could not be had are null."""
        return json.dumps(_finite(asdict(self)), indent=2, ensure_ascii=False)


def inspect(index: Index, *, prober: Prober | None = None) -> HealthReport:
    """Look at every image of the index (one decode each, none where `prober` has done it)."""
    prober = prober if prober and prober.decode else Prober(decode=True)
    paths = index.column("path")
    probes = prober.probe(index.root / path for path in paths)
    classes = _classes(index, np.array([one.brightness for one in probes]), np.array([one.sharpness for one in probes]))
    alone = duplicates.find(index.with_groups(paths), prober=prober)
    across = duplicates.find(index, prober=prober)
    sizes = Counter(zip(index.column("width"), index.column("height"), strict=True))
    # Where objects are labelled, one part shows several kinds of them and no label is wrong.
    mixed = () if index.has_objects or index.mask_code else _mixed(index)
    advice = suggest(index)
    report = HealthReport(
        images=len(index),
        parts=len(set(index.column("part"))),
        groups=len(set(index.column("group"))),
        grouping=index.grouping,
        fingerprint=index.fingerprint(),
        classes=classes,
        sizes=tuple((*size, count) for size, count in sizes.most_common()),
        formats=tuple((*kind, n) for kind, n in Counter((one.format, one.bits) for one in probes).most_common()),
        rejected=index.rejected,
        exact=alone.exact,
        conflicts=alone.conflicts,
        alike_groups=alone.merged_groups,
        alike_images=alone.merged_images,
        crossing_groups=across.merged_groups,
        mixed=mixed,
        splits=dict(Counter(split for split in index.column("split") if split)),
        advice=advice.reason,
        warnings=(),
        objects=look_at_objects(index),
    )
    return _with_warnings(report, index.notes)


def _with_warnings(report: HealthReport, notes: Sequence[str]) -> HealthReport:
    said = list(notes)
    for one in report.classes:
        if one.images == 0 and one.name != TITLE:
            said.append(f"Class {one.name} has no image.")
        for what, area in (("Brightness", one.brightness_auc), ("Sharpness", one.sharpness_auc)):
            if not np.isnan(area) and max(area, 1 - area) >= TELLING:
                side = "higher" if area > 0.5 else "lower"
                share = f"{max(area, 1 - area):.0%} of pairs"
                said.append(
                    f"{what} alone tells class {one.name} from the rest ({side} in {share}): "
                    "a model may learn the light instead of the defect."
                )
    if report.rejected:
        said.append(f"{_images(len(report.rejected))} left out.")
    if report.conflicts:
        said.append(f"{_images(len(report.conflicts))} stored under several labels; decide which is right.")
    if report.mixed:
        said.append(f"{len(report.mixed)} groups carry several labels: expect label noise, and look at them.")
    if report.crossing_groups:
        said.append(
            f"Near-duplicates join different groups in {report.crossing_groups} places: "
            "a split by these groups may leak."
        )
    if len(report.formats) > 1:
        said.append("Images are of several formats or bit depths; see that they do not go with the class.")
    return replace(report, warnings=tuple(dict.fromkeys(said)))


def _objects(found: ObjectsHealth | None) -> tuple[Section, ...]:
    if found is None:
        return ()
    head = ("class", "objects", "in images", "median size", "small", "medium", "large", "ignored")
    rows = [
        (
            one.name,
            *(str(count) for count in (one.objects, one.images)),
            _figure(one.size, 0, " px"),
            *(f"{share:.0%}" if one.objects else "" for share in (one.small, one.medium, one.large)),
            str(one.ignored or ""),
        )
        for one in found.classes
    ]
    counts = [("no object", found.without), ("not labelled where", found.unknown)]
    rows += [(name, "", str(count), "", "", "", "", "") for name, count in counts if count]
    return (Section("Objects", head, tuple(rows)),)


def _classes(index: Index, brightness: NDArray[np.float64], sharpness: NDArray[np.float64]) -> tuple[ClassHealth, ...]:
    targets = index.column("targets")
    parts, groups = (np.array(index.column(one), dtype=object) for one in ("part", "group"))
    found = []
    for one in index.classes:
        has = np.array([one.id in row for row in targets], dtype=np.bool_)
        found.append(
            ClassHealth(
                id=one.id,
                name=one.title,
                good=one.good,
                images=int(has.sum()),
                parts=len(set(parts[has])),
                groups=len(set(groups[has])),
                brightness=_median(brightness[has]),
                sharpness=_median(sharpness[has]),
                brightness_auc=auc(brightness[has], brightness[~has]),
                sharpness_auc=auc(sharpness[has], sharpness[~has]),
            )
        )
    return tuple(found)


def auc(ours: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """How often one of `ours` [N] exceeds one of `others` [M], ties half; NaN below 5 of either."""
    if len(ours) < _ENOUGH or len(others) < _ENOUGH:
        return float("nan")
    ordered = np.sort(others)
    below = np.searchsorted(ordered, ours, "left") + np.searchsorted(ordered, ours, "right")
    return float(below.mean() / 2 / len(others))


def _mixed(index: Index) -> tuple[MixedGroup, ...]:
    found: dict[str, Counter[str]] = {}
    for group, targets in zip(index.column("group"), index.column("targets"), strict=True):
        found.setdefault(group, Counter())[";".join(sorted(targets))] += 1
    return tuple(MixedGroup(group, dict(labels)) for group, labels in found.items() if len(labels) > 1)


def _images(count: int) -> str:
    return "1 image is" if count == 1 else f"{count} images are"


def _median(values: NDArray[np.float64]) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def _figure(value: float, digits: int, unit: str = "") -> str:
    return "" if np.isnan(value) else f"{value:.{digits}f}{unit}"


def _top(rows: Sequence[tuple[str, int]]) -> tuple[tuple[str, ...], ...]:
    shown = [(name, str(count)) for name, count in rows[:_LISTED]]
    if len(rows) > _LISTED:
        shown.append((f"{len(rows) - _LISTED} other sizes", str(sum(count for _, count in rows[_LISTED:]))))
    return tuple(shown)


def _cut(rows: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    if len(rows) <= _LISTED:
        return tuple(rows)
    return (*rows[:_LISTED], (f"and {len(rows) - _LISTED} more", *("" for _ in rows[0][1:])))


def _finite(value: object) -> object:
    """Replace what JSON cannot say (NaN) by None, all the way down."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and np.isnan(value) else value
