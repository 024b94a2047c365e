"""Figures as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vision_ft.cli.console import console, percent, table
from vision_ft.evaluation.names import figure_name


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
    for name in summary["headline"]:
        value = percent(summary[name], summary.get(f"{name}_low"), summary.get(f"{name}_high"))
        if summary[name] is None and summary.get(f"{name}_reason"):
            value = f"- ({summary[f'{name}_reason']})"
        overall.add_row(figure_name(name).title, value)
    out.print(overall)
    figures = tuple(summary["per_class_figures"])
    titles = [f"{figure_name(name).title}{' (95 %)' if not at else ''}" for at, name in enumerate(figures)]
    classes = table("\nPer class", "class", *titles, "images", "parts")
    for one, row in summary["per_class"].items():
        cells = [percent(row[n], row.get(f"{n}_low"), row.get(f"{n}_high")) for n in figures[:1]]
        cells += [percent(row[n]) for n in figures[1:]]
        classes.add_row(str(row.get("name") or one), *cells, str(row["support"]), str(row["parts"]))
    out.print(classes)
    for note in summary.get("notes", ()):
        out.print(f"note: {note}")
