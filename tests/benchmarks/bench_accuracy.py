"""Train by a shipped recipe on some parts, judge the bundle on others: honest figures, by part.

    python tests/benchmarks/bench_accuracy.py magnetic_tile DIR --recipe classify_defects
    python tests/benchmarks/bench_accuracy.py magnetic_tile DIR --limit-per-class 10 --max-time 5m --seeds 0 1 2
    python tests/benchmarks/bench_accuracy.py magnetic_tile_masks DIR --recipe segment_defects --folds 3

The images are dealt into folds by group. For each fold the two fixed commands run as a user
would run them: `vision-ft train` on the images of the other folds, `vision-ft evaluate` on the
images of the fold. Nothing of a group is ever on both sides.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from vision_ft.data.folds import group_folds
from vision_ft.data.index import Index
from vision_ft.data.load import load_index

FIGURES = (
    *("accuracy", "balanced_accuracy", "macro_f1", "ece", "nll"),
    *("map_50", "map"),
    *("mean_iou", "mean_dice", "recall_per_defect", "false_alarm_area"),
    *("image_auroc", "pixel_auroc"),
)
"""What is printed, as far as the recipe's task has it."""


def main() -> None:
    """Run the folds asked for and print one line each, and the mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("card")
    parser.add_argument("root", type=Path)
    parser.add_argument("--recipe", default="classify_defects")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", type=int, nargs="*", help="folds to run (all)")
    parser.add_argument("--fold-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--limit-per-class", type=int)
    parser.add_argument("--max-time", default="15m")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep what each fold trained and judged there")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="further recipe flags")
    found = parser.parse_args()
    index = load_index(root=found.root, card=found.card)
    folds = group_folds(index, found.folds, found.fold_seed)
    rows = []
    for fold in found.only if found.only is not None else range(found.folds):
        for seed in found.seeds:
            rows.append(_run(found, index, folds, fold, seed))
            print(json.dumps(rows[-1]), flush=True)
    shown = [name for name in FIGURES if all(name in row for row in rows)]
    print(f"mean of {len(rows)} runs:", {f: round(float(np.mean([r[f] for r in rows])), 4) for f in shown})
    print("sd:", {f: round(float(np.std([r[f] for r in rows])), 4) for f in shown})


def _run(found: argparse.Namespace, index: Index, folds: np.ndarray, fold: int, seed: int) -> dict[str, float]:
    with contextlib.ExitStack() as stack:
        if found.keep:
            scratch = found.keep / f"fold{fold}_seed{seed}"
            scratch.mkdir(parents=True)
        else:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        train, test = scratch / "train", scratch / "test"
        _link(index, folds != fold, train)
        _link(index, folds == fold, test)
        run, figures = scratch / "run", scratch / "figures.json"
        limit = [f"--data.limit_per_class={found.limit_per_class}"] if found.limit_per_class else []
        more = [f"--{pair}" for pair in found.set]
        started = time.monotonic()
        _vision_ft("train", found.recipe, "--data.card", found.card, "--data.root", str(train), "--run", str(run),
                   "--seed", str(seed), f"--trainer.max_time={found.max_time}", *limit, *more)  # fmt: skip
        seconds = time.monotonic() - started
        _vision_ft("evaluate", str(run / "bundle"), "--data.card", found.card, "--data.root", str(test),
                   "--split", "all", "--json", str(figures))  # fmt: skip
        summary = json.loads(figures.read_text())
        manifest = json.loads((run / "bundle" / "manifest.json").read_text())
        told = manifest["metrics"]
    row = {"fold": fold, "seed": seed, "train_s": round(seconds), "images": summary["images"]}
    row |= {name: round(summary[name], 4) for name in FIGURES if summary.get(name) is not None}
    row |= {f"oof_{name}": round(told[name], 4) for name in FIGURES if told.get(name) is not None}
    row |= {f"{name} {figure}": round(value[figure], 4)
            for name, value in summary["per_class"].items()
            for figure in ("iou", "ap_50") if value.get(figure) is not None}  # fmt: skip
    return row | {"escape_rate": summary["escape_rate"], "overkill_rate": summary["overkill_rate"]}


def _link(index: Index, which: np.ndarray, folder: Path) -> None:
    """The chosen images (and their masks) in a folder of the same layout."""
    for path, mask in zip(*(index.select(which).column(c) for c in ("path", "mask")), strict=True):
        for name in (path, mask):
            if name:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).symlink_to(index.root / name)


def _vision_ft(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "vision_ft.cli", *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"vision-ft {' '.join(arguments)}\n{done.stdout}\n{done.stderr}")


if __name__ == "__main__":
    main()
