"""How hard is the generated sample set, on parts never seen?

    python tests/benchmarks/bench_sample_difficulty.py [--seed N] [--parts-scale S]

Prints the time of generation and a table of balanced accuracies, each the best over a
range of regularisations, so that no figure is low for want of tuning:

- a linear probe on the frozen, pooled features of the embedded backbone (tf_efficientnet_lite0,
  ImageNet weights), wanted between 0.6 and 0.9;
- a logistic regression on an 8 x 8 x 8 RGB histogram, wanted at most 0.5: colour alone must not do;
- the same two under a split by image, which lets shots of one part straddle the folds and flatters.

Exits with 1 where a figure is outside its range.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
import time
from pathlib import Path

# Before numpy is imported: two BLAS threads for such small matrices wait for each other most of the time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, recall_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from vision_ft.backbones import build_backbone
from vision_ft.bundle.decode import decode
from vision_ft.data.synthetic import DEFAULT_PARTS, generate_surfaces

REGULARISATIONS = (0.1, 1.0, 10.0)


def embed(images: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Pooled features, [N, 1280], of images stretched to 224 px."""
    backbone, rows = build_backbone("embedded/lite0").eval(), []
    with torch.inference_mode():
        for start in range(0, len(images), 16):
            batch = [cv2.resize(i, (224, 224), interpolation=cv2.INTER_AREA) for i in images[start : start + 16]]
            pixels = torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2).float()
            rows.append(backbone(pixels).final.mean(dim=(2, 3)).numpy())
    return np.concatenate(rows).astype(np.float64)


def histogram(images: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Share of the pixels in each of 8 x 8 x 8 RGB bins, square-rooted, [N, 512]."""
    rows = []
    for image in images:
        bins = (image // 32).astype(np.int64)
        index = bins[..., 0] * 64 + bins[..., 1] * 8 + bins[..., 2]
        rows.append(np.sqrt(np.bincount(index.ravel(), minlength=512) / index.size))
    return np.stack(rows)


def out_of_fold(
    features: NDArray[np.float64], targets: NDArray[np.str_], groups: NDArray[np.str_] | None
) -> NDArray[np.str_]:
    """Predictions of five folds, by group or (without groups) by image; the best regularisation's."""
    if groups is None:
        folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(features, targets))
    else:
        folds = list(StratifiedGroupKFold(5, shuffle=True, random_state=0).split(features, targets, groups))
    best, best_score = targets, -1.0
    for strength in REGULARISATIONS:
        predicted = np.empty_like(targets)
        for train, test in folds:
            probe = LogisticRegression(C=strength, class_weight="balanced", max_iter=500)
            predicted[test] = probe.fit(features[train], targets[train]).predict(features[test])
        score = balanced_accuracy_score(targets, predicted)
        if score > best_score:
            best, best_score = predicted, score
    return best


def main() -> int:
    """Generate, probe, print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--parts-scale", type=float, default=1.0, help="multiply the number of parts of each class")
    options = arguments.parse_args()
    torch.set_num_threads(1)

    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        amounts = {name: max(5, round(count * options.parts_scale)) for name, count in DEFAULT_PARTS.items()}
        root = generate_surfaces(Path(folder) / "set", parts_per_class=amounts, seed=options.seed)
        spent = time.process_time() - started
        with (root / "samples.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        images = [decode((root / row["path"]).read_bytes()) for row in rows]
    targets = np.array([row["target"] for row in rows])
    groups = np.array([row["group"] for row in rows])
    surfaces = np.array([row["surface"] for row in rows])
    print(f"seed {options.seed}: {len(images)} images of {len(set(groups))} parts in {spent:.1f} s of CPU time")

    features = {"linear probe": embed(images), "colour histogram": histogram(images)}
    wanted = {"linear probe": (0.6, 0.9), "colour histogram": (0.0, 0.5)}
    names = sorted(set(targets))
    print(f"{'':18}{'by part':>9}{'by image':>10}   " + "".join(f"{name:>13}" for name in names) + "   wanted")
    failed = False
    for name, values in features.items():
        by_part = out_of_fold(values, targets, groups)
        score = balanced_accuracy_score(targets, by_part)
        flattered = balanced_accuracy_score(targets, out_of_fold(values, targets, None))
        recalls = recall_score(targets, by_part, average=None, labels=names)
        low, high = wanted[name]
        inside = low <= score <= high
        failed |= not inside
        print(
            f"{name:18}{score:9.3f}{flattered:10.3f}   "
            + "".join(f"{recall:13.2f}" for recall in recalls)
            + f"   {low} to {high}: {'yes' if inside else 'NO'}"
        )
        each = {
            s: balanced_accuracy_score(targets[surfaces == s], by_part[surfaces == s]) for s in sorted(set(surfaces))
        }
        print(" " * 18 + "by part, " + ", ".join(f"{surface} {value:.2f}" for surface, value in each.items()))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
