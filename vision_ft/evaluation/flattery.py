"""What a split by image would have claimed, beside what a split by group shows.

The same quick probe (standardised embeddings, their main components, a class-balanced
logistic regression) is cross-validated twice: with images dealt at random, and with whole
groups kept together. Where several images show one part, the first tells how well the probe
knows parts again, and only the second how it does on new ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision_ft.data.index import Index
from vision_ft.errors import DataError
from vision_ft.evaluation.figures import Figure, figure_from
from vision_ft.evaluation.intervals import bootstrap_labels

_FOLDS = 5
_COMPONENTS = 64
_REGULARISATION = 0.1


@dataclass(frozen=True)
class Flattery:
    """Balanced accuracy of one probe under both splits."""

    by_image: Figure
    """With images dealt at random; its interval takes images for independent, as such a claim would."""
    by_group: Figure
    """With whole groups kept together; its interval is resampled by group."""
    classes: tuple[str, ...]
    """Classes that the probe was judged on: those with at least two groups."""
    left_out: tuple[str, ...]
    """Classes of a single group: nothing can be learned of them for another."""
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, for the manifest and the report."""
        return {
            **self.by_image.to_json("by_image"),
            **self.by_group.to_json("by_group"),
            "classes": list(self.classes),
            "left_out": list(self.left_out),
            "sentence": self.sentence,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Flattery:
        """Read back what `to_json` gave."""
        return cls(
            by_image=figure_from(stored, "by_image"),
            by_group=figure_from(stored, "by_group"),
            classes=tuple(stored["classes"]),
            left_out=tuple(stored["left_out"]),
            sentence=stored["sentence"],
        )


def judged_classes(index: Index) -> list[int]:
    """Numbers of the classes that both splits can be judged on: those of two groups at least.

    Raises DataError when there are fewer than two of them, and when each of their images is a group of its own.
    """
    targets, groups = index.labels(), np.array(index.column("group"), dtype=np.str_)
    enough = [c for c in range(len(index.class_ids)) if len(np.unique(groups[targets == c])) >= 2]
    if len(enough) < 2:
        raise DataError(
            "A split by image cannot be compared with one by group",
            expected="two classes with images of at least two groups each",
            got=f"{len(enough)} such classes",
        )
    keep = np.isin(targets, enough)
    if len(np.unique(groups[keep])) == np.count_nonzero(keep):
        raise DataError(
            "A split by image cannot be compared with one by group",
            expected="groups of several images",
            got="images each of which is a group of its own: both splits are the same",
        )
    return enough


def flattery(embeddings: NDArray[np.float32], index: Index, *, seed: int = 0) -> Flattery:
    """Probe the embeddings [N, D] of the index's N images under both splits.

    Raises what `judged_classes` raises.
    """
    targets, groups = index.labels(), np.array(index.column("group"), dtype=np.str_)
    if embeddings.shape[0] != len(targets):
        raise ValueError(f"{embeddings.shape[0]} embeddings for {len(targets)} images")
    ids, enough = index.class_ids, judged_classes(index)
    keep = np.isin(targets, enough)
    x, y, g = _components(embeddings[keep], seed), np.searchsorted(enough, targets[keep]), groups[keep]
    by_image = _judge(y, _probe(x, y, None, seed), np.arange(len(y)).astype(np.str_), len(enough))
    by_group = _judge(y, _probe(x, y, g, seed), g, len(enough))
    occurring = set(targets.tolist())
    return Flattery(
        by_image=by_image,
        by_group=by_group,
        classes=tuple(ids[c] for c in enough),
        left_out=tuple(ids[c] for c in range(len(ids)) if c in occurring and c not in enough),
        sentence=_sentence(by_image, by_group),
    )


def _components(embeddings: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
    """The main components of the standardised embeddings [N, D], found once for both splits (no label is used)."""
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    scaled = StandardScaler().fit_transform(embeddings)
    wanted = min(_COMPONENTS, *embeddings.shape)
    components = PCA(wanted, svd_solver="randomized", random_state=seed, iterated_power=2).fit_transform(scaled)
    return np.asarray(components, dtype=np.float64)


def _probe(
    x: NDArray[np.float64], y: NDArray[np.int64], groups: NDArray[np.str_] | None, seed: int
) -> NDArray[np.int64]:
    """Class that the probe gives each image when trained on the folds without it [N]."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if groups is None:
        folds = min(_FOLDS, int(np.bincount(y).min()))
        splits = StratifiedKFold(folds, shuffle=True, random_state=seed).split(x, y)
    else:
        folds = min(_FOLDS, *(len(np.unique(groups[y == c])) for c in np.unique(y)))
        splits = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(x, y, groups)
    answers = np.empty(len(y), dtype=np.int64)
    for train, test in splits:
        if len(np.unique(y[train])) < 2:  # the groups of all other classes lie in this very fold
            answers[test] = y[train][0]
            continue
        probe = make_pipeline(
            StandardScaler(), LogisticRegression(C=_REGULARISATION, class_weight="balanced", tol=1e-3, max_iter=200)
        )
        with warnings.catch_warnings():
            # A probe need not converge to the last digit, and both splits are treated alike.
            warnings.simplefilter("ignore", ConvergenceWarning)
            answers[test] = probe.fit(x[train], y[train]).predict(x[test])
    return answers


def _judge(y: NDArray[np.int64], answers: NDArray[np.int64], groups: NDArray[np.str_], classes: int) -> Figure:
    return bootstrap_labels(y, answers, groups, classes).overall["balanced_accuracy"]


def _sentence(by_image: Figure, by_group: Figure) -> str:
    image, group = by_image.value or 0.0, by_group.value or 0.0
    head = (
        f"The same quick probe reaches a balanced accuracy of {image:.2f} ({_span(by_image)}) where images are split "
        f"at random, and {group:.2f} ({_span(by_group)}) where whole groups are kept apart"
    )
    points = round(100 * (image - group))
    if points >= 3:
        return f"{head}: a split by image would have flattered by {points} points."
    return f"{head}: here a split by image would hardly have flattered."


def _span(figure: Figure) -> str:
    return f"{figure.low or 0.0:.2f} to {figure.high or 0.0:.2f}"
