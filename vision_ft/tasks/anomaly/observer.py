"""What anomaly detection keeps of each answer, and the figures that come of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.classes import background_of
from vision_ft.bundle.manifest import Manifest
from vision_ft.bundle.results import Prediction
from vision_ft.bundle.tasks.anomaly import AnomalyResult
from vision_ft.data.index import Sample
from vision_ft.data.object_masks import known_mask
from vision_ft.evaluation.figures import Figure, missing
from vision_ft.evaluation.judging import Exhibit
from vision_ft.evaluation.proportions import share
from vision_ft.evaluation.report.sections import Section
from vision_ft.evaluation.table import PredictionTable
from vision_ft.tasks.anomaly.exhibits import exhibits
from vision_ft.tasks.anomaly.labels import KIND
from vision_ft.tasks.anomaly.pixels import LONGEST, PixelTally
from vision_ft.tasks.anomaly.ranking import ranked
from vision_ft.tasks.anomaly.sections import sections

_MOST_KINDS = 30


class AnomalyObserver:
    """See `evaluation.judging.Observer`."""

    def __init__(self, manifest: Manifest) -> None:
        self._classes = manifest.classes
        self._good = background_of(manifest.classes)
        self._pixels = PixelTally()
        self._scores: list[float] = []
        self._bad: list[bool] = []
        self._defective: set[str] = set()
        self._threshold: float | None = None

    def see(self, sample: Sample, prediction: Prediction) -> None:
        """Keep the score, and count the pixels where it is known which of them are odd."""
        result = prediction.result
        assert isinstance(result, AnomalyResult)
        self._scores.append(np.nan if result.score is None else result.score)
        self._threshold = result.threshold
        good = sample.targets[0] == self._good.id
        self._bad.append(not good)
        if not good:
            self._defective.add(sample.part)
        field = result.field(LONGEST)
        if field is None or not np.isfinite(field).all():
            return
        if good:
            self._pixels.add(sample.group, field, np.zeros(field.shape, np.uint8), good=True, part=sample.part)
        elif sample.mask is not None or sample.objects is not None:
            self._pixels.add(sample.group, field, known_mask(sample, self._classes), good=False)

    def figures(self, table: PredictionTable, *, seed: int) -> dict[str, Any]:
        """How well images and pixels are ranked, and how many of each kind are found."""
        assert table.is_bad is not None, "there is a good class"
        scores = np.array(self._scores, dtype=np.float64)
        known = np.isfinite(scores)
        bad, groups = table.is_bad, table.groups
        found: dict[str, Any] = {"pixels_counted_at": LONGEST}
        found |= _ranked("auroc", scores, bad, groups, known, seed).to_json("image_auroc")
        found |= _ranked("average_precision", scores, bad, groups, known, seed).to_json("image_ap")
        for name, figure in self._pixels.figures(seed=seed, defective=self._defective).items():
            found |= figure.to_json(name)
        found["per_class"] = {}
        for number, one in enumerate(table.classes):
            mine = table.targets == number
            found["per_class"][one.id] = self._entry(one.title, one.good, table, scores, mine, known, seed)
        kinds = table.slices.get(KIND, np.full(len(table), "", dtype=np.str_))
        names = [str(name) for name in np.unique(kinds[bad]) if name]
        if 1 < len(names) <= _MOST_KINDS:
            for name in names:
                entry = self._entry(name, False, table, scores, bad & (kinds == name), known, seed)
                found["per_class"][f"anomaly/{name}"] = entry
        return found

    def sections(self, summary: dict[str, Any]) -> tuple[Section, ...]:
        """Good and anomalous images by their raw score."""
        return sections(np.array(self._scores), np.array(self._bad, dtype=np.bool_), self._threshold)

    def exhibits(self, table: PredictionTable) -> tuple[Exhibit, ...]:
        """Missed defects and false alarms first, then what was found best."""
        return exhibits(table, np.array(self._scores, dtype=np.float64), self._threshold)

    def _entry(
        self,
        title: str,
        good: bool,
        table: PredictionTable,
        scores: NDArray[np.float64],
        mine: NDArray[np.bool_],
        known: NDArray[np.bool_],
        seed: int,
    ) -> dict[str, Any]:
        """The figures of some of the images; those that are not good are ranked against all good ones."""
        assert table.is_bad is not None
        right = table.labels[mine] == table.targets[mine]
        entry: dict[str, Any] = {"name": title, "good": good}
        entry |= share(right, table.groups[mine], unit="images", none="there is no such image").to_json("recall")
        ranks = missing("good images are what others are ranked against")
        if not good:
            ranks = _ranked("auroc", scores, table.is_bad, table.groups, known & (mine | ~table.is_bad), seed)
        entry |= ranks.to_json("image_auroc")
        return entry | {"support": int(mine.sum()), "parts": len(np.unique(table.parts[mine]))}


def _ranked(
    measure: str,
    scores: NDArray[np.float64],
    bad: NDArray[np.bool_],
    groups: NDArray[np.str_],
    which: NDArray[np.bool_],
    seed: int,
) -> Figure:
    """A figure of the images in `which` [N]; None with the reason where good or anomalous ones are lacking."""
    if not bad[which].any():
        return missing("there is no defective image")
    if bad[which].all():
        return missing("there is no good image")
    return ranked(measure, scores[which], bad[which], groups[which], seed=seed)
