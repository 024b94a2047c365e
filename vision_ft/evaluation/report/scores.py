"""Where good and defective parts score, and where the thresholds cut."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from vision_ft.bundle.decision import DecisionRule
from vision_ft.evaluation.parts import Parts
from vision_ft.evaluation.report.svg import drawing, element, line, text

_BINS = 50


def score_chart(parts: Parts, rule: DecisionRule) -> Markup:
    """Parts by their defect score: good ones upward, defective ones downward, thresholds across."""
    left, top, width, half, middle_gap = 62.0, 24.0, 780.0, 74.0, 2.0
    edges = np.linspace(0.0, 1.0, _BINS + 1)
    good = np.histogram(parts.scores[~parts.is_bad], edges)[0]
    bad = np.histogram(parts.scores[parts.is_bad], edges)[0]
    # Square roots, or the many parts at both ends would hide the few between that matter.
    most = float(np.sqrt(max(good.max(initial=0), bad.max(initial=0), 1)))
    middle = top + half
    pieces = []

    def column(number: int, count: int, up: bool) -> Markup:
        tall = half * float(np.sqrt(count)) / most
        y = middle - middle_gap / 2 - tall if up else middle + middle_gap / 2
        kind = "good" if up else "bad"
        label = f"{count} {'good' if up else 'defective'} parts between {edges[number]:.3f} and {edges[number + 1]:.3f}"
        return element(
            "rect", element("title", label), x=left + width * float(edges[number]) + 0.75, y=y,
            width=width / _BINS - 1.5, height=tall, class_=f"column {kind}",
        )  # fmt: skip

    if rule.pass_below is not None and rule.reject_from is not None:
        a, b = (left + width * min(v, 1.0) for v in (rule.pass_below, rule.reject_from))
        if b > a:
            pieces.append(element("rect", x=a, y=top, width=b - a, height=2 * half, class_="band"))
        pieces += [line(at, top - 4, at, top + 2 * half + 4, "mark") for at in dict.fromkeys((a, b))]
        pieces.append(text((left + a) / 2, 14, "pass", "tiny quiet", "middle") if a - left > 30 else Markup(""))
        pieces.append(text((a + b) / 2, 14, "review", "tiny quiet", "middle") if b - a > 40 else Markup(""))
        pieces.append(
            text((b + left + width) / 2, 14, "reject", "tiny quiet", "middle") if left + width - b > 40 else Markup("")
        )
    for number in range(_BINS):
        if good[number]:
            pieces.append(column(number, int(good[number]), True))
        if bad[number]:
            pieces.append(column(number, int(bad[number]), False))
    pieces.append(line(left, middle, left + width, middle, "axis"))
    pieces.append(text(left - 8, middle - half / 2, "good", "tiny", "end"))
    pieces.append(text(left - 8, middle + half / 2, "defective", "tiny", "end"))
    base = top + 2 * half + 16
    pieces += [text(left + width * v, base, f"{v:g}", "tiny quiet", "middle") for v in (0.0, 0.25, 0.5, 0.75, 1.0)]
    legend = "defect score of the part (its worst image); heights by square root"
    pieces.append(text(left + width / 2, base + 17, legend, "tiny quiet", "middle"))
    return drawing(left + width + 14, base + 24, "Good and defective parts by defect score", *pieces)
