"""Labels in a bundle's own classes, where the two were named at different times."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from vision_ft.bundle.classes import ClassInfo
from vision_ft.data.index import MaskCode, Sample
from vision_ft.errors import DataError


def bundle_ids(bundle: Sequence[ClassInfo], labels: Sequence[ClassInfo], samples: Sequence[Sample]) -> dict[str, str]:
    """Id of the bundle's class for each class id that the labels of images, objects and masks use.

    By id, or by a name that the bundle's class has or had; `labels` are the labels' own
    classes. What only objects or masks are labelled with and the bundle does not know is left
    out. Raises DataError when the label of an image is unknown to the bundle.
    """
    by_id = {c.id for c in bundle}
    by_name: dict[str, list[str]] = {}
    for c in bundle:
        for name in {c.title, *c.renamed_from} - {""}:
            by_name.setdefault(name, []).append(c.id)
    titles = {c.id: c.title for c in labels}
    found: dict[str, str] = {}
    wanted = dict.fromkeys(target for sample in samples for target in sample.targets)
    for label in wanted | dict.fromkeys(one for sample in samples for one in _inside(sample)):
        named = by_name.get(label) or by_name.get(titles.get(label, label), [])
        if label in by_id:
            found[label] = label
        elif len(named) == 1:
            found[label] = named[0]
        elif label in wanted:
            close = difflib.get_close_matches(label, [*by_id, *by_name], n=1, cutoff=0.0)
            images = sum(label in sample.targets for sample in samples)
            raise DataError(
                f"Class {label!r} of {images} images is unknown to the bundle",
                expected=f"one of {', '.join(c.id for c in bundle)}",
                remedy=f"Did you mean {close[0]!r}?" if close else "",
            )
    return found


def in_bundle_ids(sample: Sample, ids: Mapping[str, str]) -> Sample:
    """The sample with its labels, its objects' and its mask's in other ids; those that are not in `ids` stay."""
    if all(ids.get(label, label) == label for label in (*sample.targets, *_inside(sample))):
        return sample
    objects, code = sample.objects, sample.mask_code
    if objects is not None:
        objects = tuple(replace(one, target=ids.get(one.target, one.target)) for one in objects)
    if code is not None:
        code = MaskCode({value: ids.get(target, target) for value, target in code.values.items()})
    targets = tuple(ids[target] for target in sample.targets)
    return replace(sample, targets=targets, objects=objects, mask_code=code)


def _inside(sample: Sample) -> list[str]:
    """Class ids of the objects and of the mask's values."""
    objects = [one.target for one in sample.objects or ()]
    return objects + (list(sample.mask_code.values.values()) if sample.mask_code is not None else [])
