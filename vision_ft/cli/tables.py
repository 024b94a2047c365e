"""Figures as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vision_ft.cli.console import console, percent, table


def print_summary(summary: Mapping[str, Any]) -> None:
    """Print overall and per-class figures with their intervals."""
    out = console()
    judged = {
        "bundle": "by the bundle",
        "validation": "by the bundle, on the parts that it was tuned with",
        "out-of-fold": "out of fold, each part by a model that had not seen it",
    }.get(str(summary["origin"]), str(summary["origin"]))
    overall = table(
        f"{summary['images']} images of {summary['parts']} parts, judged {judged}", "figure", "value (95 %)"
    )
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "ece", "escape_rate", "overkill_rate", "review_share"):
        value = percent(summary[name], summary.get(f"{name}_low"), summary.get(f"{name}_high"))
        if summary[name] is None and summary.get(f"{name}_reason"):
            value = f"- ({summary[f'{name}_reason']})"
        overall.add_row(name.replace("_", " "), value)
    out.print(overall)
    classes = table("\nPer class", "class", "recall (95 %)", "precision", "F1", "images", "parts")
    for one, row in summary["per_class"].items():
        classes.add_row(
            str(row.get("name") or one),
            percent(row["recall"], row["recall_low"], row["recall_high"]),
            percent(row["precision"]),
            percent(row["f1"]),
            str(row["support"]),
            str(row["parts"]),
        )
    out.print(classes)
    for note in summary.get("notes", ()):
        out.print(f"note: {note}")
