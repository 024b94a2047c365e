"""Which images a person should look at, and what is to be seen there."""

from __future__ import annotations

from collections.abc import Sequence

from vision_ft.evaluation.judging import Exhibit
from vision_ft.evaluation.sentences import plural
from vision_ft.tasks.detect.average_precision import Found, matched

_MATCH = 0.5
MOST = 24


def exhibits(
    images: Sequence[Found], paths: Sequence[str], titles: Sequence[str], shown_from: float
) -> tuple[Exhibit, ...]:
    """Images with missed objects (most first), with false alarms (surest first), and some that are right."""
    misses: list[tuple[float, Exhibit]] = []
    alarms: list[tuple[float, Exhibit]] = []
    right: list[tuple[float, Exhibit]] = []
    for image, path in zip(images, paths, strict=True):
        missed: list[str] = []
        false: list[tuple[float, str]] = []
        hits = 0
        for label, title in enumerate(titles):
            flags = matched(image, label, _MATCH, from_score=shown_from)
            missed += [title] * int((~flags.hit).sum())
            hits += int(flags.hit.sum())
            false += [(float(score), title) for score in flags.scores[~flags.right & ~flags.ignored]]
        if missed:
            also = f", and {plural(len(false), 'false alarm', 'false alarms')}" if false else ""
            share = len(missed) / (len(missed) + hits)
            caption = f"missed: {_counted(missed)}{also}"
            misses.append((share + 0.01 * len(missed), Exhibit(path, "missed", caption, bad=True)))
        elif false:
            score, title = max(false)
            caption = f"{plural(len(false), 'detection', 'detections')} without a label, the surest {title} {score:.2f}"
            alarms.append((score, Exhibit(path, "false alarm", caption, bad=True)))
        elif hits:
            surest = float(image.scores[image.counting >= shown_from].min(initial=1.0))
            caption = f"all of {plural(hits, 'object', 'objects')} found"
            right.append((surest, Exhibit(path, "all found", caption, bad=False)))
    ordered = []
    for several, most in ((misses, MOST // 2), (alarms, MOST // 4), (right, MOST // 4)):
        ordered += [one for _, one in sorted(several, key=lambda pair: -pair[0])[:most]]
    return tuple(ordered)


def _counted(names: Sequence[str]) -> str:
    return ", ".join(f"{names.count(one)} {one}" if names.count(one) > 1 else one for one in dict.fromkeys(names))
