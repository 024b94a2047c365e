"""Which images a person should look at, and what is to be seen there."""

from __future__ import annotations

from collections.abc import Sequence

from vision_ft.evaluation.judging import Exhibit
from vision_ft.evaluation.sentences import plural
from vision_ft.tasks.segment.overlap import LabelledDefect, Overlap

_MISSED, _ALARMS, _WORST, _BEST = 8, 6, 5, 5
"""How many of each kind are shown."""


def exhibits(images: Sequence[Overlap], paths: Sequence[str], titles: Sequence[str]) -> tuple[Exhibit, ...]:
    """Images with missed defects (the most first), false alarms (the largest first), the worst and best overlaps."""
    misses: list[tuple[float, Exhibit]] = []
    alarms: list[tuple[float, Exhibit]] = []
    met: list[tuple[float, Exhibit]] = []
    for image, path in zip(images, paths, strict=True):
        missed = [one for one in image.defects if one.answer is None]
        if missed:
            caption = f"{_words(missed, titles)} missed"
            if len(missed) < len(image.defects):
                caption += f", {plural(len(image.defects) - len(missed), 'other', 'others')} found"
            misses.append((len(missed) / len(image.defects), Exhibit(path, "missed", caption, bad=True)))
        elif image.defects:
            met.append((image.iou, _found(image, path, titles)))
        elif image.answered.any() and not image.labelled.any():
            area = int(image.answered.sum())
            name = titles[int(image.answered.argmax())]
            caption = f"nothing is labelled, and {plural(area, 'pixel is', 'pixels are')} marked as {name}"
            alarms.append((area, Exhibit(path, "false alarm", caption, bad=True)))
    met.sort(key=lambda pair: pair[0])
    half = min(_WORST, (len(met) + 1) // 2)
    best = met[half:][-_BEST:][::-1]
    return (
        *(one for _, one in sorted(misses, key=lambda pair: -pair[0])[:_MISSED]),
        *(one for _, one in sorted(alarms, key=lambda pair: -pair[0])[:_ALARMS]),
        *(one for _, one in met[:half]),
        *(one for _, one in best),
    )


def _found(image: Overlap, path: str, titles: Sequence[str]) -> Exhibit:
    wrong = [one for one in image.defects if one.answer != one.label]
    caption = f"{_words(image.defects, titles)} found with an IoU of {image.iou:.2f}"
    if wrong:
        taken = titles[wrong[0].answer or 0]
        caption = f"{_words(wrong, titles)} taken for {taken}"
    return Exhibit(path, "wrong class" if wrong else "found", caption, bad=bool(wrong))


def _words(defects: Sequence[LabelledDefect], titles: Sequence[str]) -> str:
    """Each class with its number of defects."""
    counts: dict[str, int] = {}
    for one in defects:
        counts[titles[one.label]] = counts.get(titles[one.label], 0) + 1
    return ", ".join(f"{count} {name}" if count > 1 else name for name, count in counts.items())
