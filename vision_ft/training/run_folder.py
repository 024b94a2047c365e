"""A run is a folder: everything that a training did, and all that is needed to go on with it."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vision_ft.errors import TrainingError, UsageError

_log = logging.getLogger("vision_ft")


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run, and its notes on what is finished."""

    path: Path

    @property
    def recipe(self) -> Path:
        """The resolved recipe, YAML."""
        return self.path / "recipe.yaml"

    @property
    def index(self) -> Path:
        """The labelled images and their splits, parquet."""
        return self.path / "index.parquet"

    @property
    def split(self) -> Path:
        """The saved split, JSON."""
        return self.path / "split.json"

    @property
    def plan(self) -> Path:
        """Folds and epochs, JSON."""
        return self.path / "plan.json"

    @property
    def log(self) -> Path:
        """What was said, with times."""
        return self.path / "log.txt"

    @property
    def fits(self) -> Path:
        """One folder for each fit: the folds and the final one."""
        return self.path / "fits"

    @property
    def curves(self) -> Path:
        """Metrics per epoch of every fit, CSV."""
        return self.path / "metrics.csv"

    @property
    def predictions(self) -> Path:
        """Predictions on images that the predicting model had not seen, parquet."""
        return self.path / "predictions.parquet"

    @property
    def bundle(self) -> Path:
        """The bundle to deploy."""
        return self.path / "bundle"

    @property
    def report(self) -> Path:
        """The report of the bundle."""
        return self.path / "report"

    def read_plan(self) -> dict[str, Any]:
        """The saved plan; raises `TrainingError` when there is none."""
        try:
            content: dict[str, Any] = json.loads(self.plan.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise TrainingError(
                f"{self.path} cannot be resumed",
                expected=f"a readable {self.plan.name}",
                got=str(error),
                remedy="Start the training anew without --resume.",
            ) from None
        return content

    def write_plan(self, content: dict[str, Any]) -> None:
        """Save the plan, so that a resumed run obeys it."""
        self.plan.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    def say(self, text: str) -> None:
        """Tell the person at the terminal, and keep it in the log."""
        _log.info(text)
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        with self.log.open("a", encoding="utf-8") as handle:
            handle.write(f"{stamp}  {text}\n")


def open_run(path: Path, *, resume: bool) -> RunFolder:
    """Make a run folder, or open an existing one to resume it.

    Raises `UsageError` when the folder holds another run already, or when there is nothing to resume.
    """
    run = RunFolder(path)
    if resume:
        if not run.plan.exists() or not run.index.exists():
            raise UsageError(f"{path} holds no interrupted run", remedy="Start it without --resume.")
        return run
    if path.exists() and not path.is_dir():
        raise UsageError(f"The run folder {path}", expected="a folder", got="a file")
    if path.exists() and not _never_started(run):
        raise UsageError(
            f"The run folder {path} is not empty",
            remedy="Choose another with --run, delete it, or go on with the run in it by --resume.",
        )
    try:
        run.fits.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The run folder {path} cannot be made", got=error.strerror or str(error)) from error
    return run


def _never_started(run: RunFolder) -> bool:
    """Whether the folder is empty, or holds only what a start leaves that failed on the recipe or the images."""
    early = {run.fits, run.log, run.split, run.index}
    return set(run.path.iterdir()) <= early and not (run.fits.exists() and any(run.fits.iterdir()))
