"""Images that a task wants people to look at: labels drawn on the left, the answer on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from vision_ft.bundle.classes import ClassInfo
from vision_ft.data.drawing import draw_truth
from vision_ft.data.index import Sample
from vision_ft.evaluation.judging import Exhibit
from vision_ft.evaluation.report.gallery import Loader, Overlay, as_data_uri

LONGEST = 420
"""Longest side of a picture in pixels: boxes and outlines must stay visible."""


@dataclass(frozen=True, slots=True)
class ShownExhibit:
    """An exhibit, ready for the page."""

    name: str
    kind: str
    caption: str
    bad: bool
    truth: str
    """data URI, "" where it cannot be shown."""
    answer: str


def shown_exhibits(
    exhibits: Sequence[Exhibit],
    truths: Mapping[str, Sample],
    classes: Sequence[ClassInfo],
    images: Loader | None,
    overlay: Overlay | None,
) -> list[ShownExhibit]:
    """Draw each exhibit; what cannot be read is named without a picture."""

    def labelled(path: str) -> NDArray[np.uint8]:
        assert images is not None
        image, sample = images(path), truths.get(path)
        # A label that says nothing of where is in the caption alone.
        if sample is None or (sample.objects is None and sample.mask is None):
            return image
        return draw_truth(image, sample, classes)

    return [
        ShownExhibit(
            name=PurePosixPath(one.path).name,
            kind=one.kind,
            caption=one.caption,
            bad=one.bad,
            truth=as_data_uri(labelled if images is not None else None, one.path, longest=LONGEST),
            answer=as_data_uri(overlay, one.path, longest=LONGEST),
        )
        for one in exhibits
    ]
