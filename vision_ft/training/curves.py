"""Metrics per epoch: kept as CSV, drawn as a picture, watched for overfitting."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

Row = dict[str, float | str]


class KeepCurves(pl.Callback):
    """Appends each epoch's metrics to `file` and tells them; a resumed fit goes on in the same file."""

    def __init__(self, file: Path, fit: str, say: Any, monitors: Sequence[str] = ()) -> None:
        self.file = file
        self.fit = fit
        self.say = say
        self.told = ("train/loss", "val/loss", *(f"val/{name}" for name in monitors))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the epoch's row."""
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        row: Row = {"fit": self.fit, "epoch": trainer.current_epoch + 1}
        row |= {name: round(float(value), 6) for name, value in sorted(trainer.callback_metrics.items())}
        rates = [group["lr"] for group in trainer.optimizers[0].param_groups]
        row |= {"lr/backbone": min(rates), "lr/head": max(rates)}
        rows = [r for r in read_curves(self.file) if int(float(r["epoch"])) <= trainer.current_epoch]
        write_curves(self.file, [*rows, row])
        figures = ", ".join(f"{name} {row[name]:.3f}" for name in self.told if name in row)
        self.say(f"{self.fit}: epoch {trainer.current_epoch + 1} of {trainer.max_epochs}: {figures}")


def read_curves(file: Path) -> list[Row]:
    """Rows of a metrics file; numbers are floats, empty cells are left out."""
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as handle:
        return [{k: (v if k == "fit" else float(v)) for k, v in row.items() if v} for row in csv.DictReader(handle)]


def write_curves(file: Path, rows: Sequence[Row]) -> None:
    """Write rows; the columns are those of any row."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with file.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def overfitting(rows: Sequence[Row]) -> str:
    """A plain warning where validation got worse while training got better; else empty.

    It looks at each fit from its best validation loss on: a rise by a tenth (and 0.05)
    at the end, with a falling training loss, is a gap that opened.
    """
    opened = []
    for fit in dict.fromkeys(str(row["fit"]) for row in rows):
        own = [row for row in rows if row["fit"] == fit and "val/loss" in row and "train/loss" in row]
        if len(own) < 3:
            continue
        losses = [float(row["val/loss"]) for row in own]
        best = min(range(len(losses)), key=losses.__getitem__)
        rise = losses[-1] - losses[best]
        falls = float(own[-1]["train/loss"]) < float(own[best]["train/loss"])
        if rise > max(0.05, 0.1 * losses[best]) and falls:
            opened.append(f"{fit} from epoch {int(float(own[best]['epoch']))} on")
    if not opened:
        return ""
    return (
        f"Overfitting: validation got worse while training got better ({', '.join(opened)}). "
        "More parts help most; else fewer epochs, stronger augmentation, or more frozen layers."
    )


def draw_curves(rows: Sequence[Row], file: Path) -> bool:
    """Draw training and validation loss side by side with the validation figures; false where nothing is to draw."""
    if not rows:
        return False
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for fit in dict.fromkeys(str(row["fit"]) for row in rows):
        own = [row for row in rows if row["fit"] == fit]
        epochs = [float(row["epoch"]) for row in own]
        wide = 2.4 if fit == "final" else 1.2
        for name, axis, colour in (
            ("train/loss", left, "#1f6f8b"),
            ("val/loss", left, "#c8553d"),
            ("train/accuracy", right, "#1f6f8b"),
            ("val/balanced_accuracy", right, "#c8553d"),
        ):
            points = [(e, float(row[name])) for e, row in zip(epochs, own, strict=True) if name in row]
            if points:
                label = name if name not in axis.get_legend_handles_labels()[1] else None
                axis.plot(*zip(*points, strict=True), color=colour, linewidth=wide, marker="o", ms=3, label=label)
    for axis, title in ((left, "Loss"), (right, "Accuracy")):
        axis.set(title=title, xlabel="epoch")
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
        if axis.get_legend_handles_labels()[0]:
            axis.legend(frameon=False)
    figure.savefig(file, dpi=120)
    return True
