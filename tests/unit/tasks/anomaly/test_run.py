"""A whole run on good parts alone: nothing in it needs a defective image."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.support.one_thread import one_thread
from tests.support.tiny_parts import write_tiny_parts
from vision_ft.bundle.decode import decode
from vision_ft.bundle.predictor import load
from vision_ft.data.load import load_index
from vision_ft.evaluation.judge import judge_bundle
from vision_ft.recipe import load_recipe
from vision_ft.tasks.anomaly.blotches import blotched
from vision_ft.tasks.registry import task_judge
from vision_ft.training import train

from .conftest import BASE


def test_good_parts_are_enough(tmp_path: Path) -> None:
    table = write_tiny_parts(tmp_path / "good", {"fine": 8})
    recipe = load_recipe(None, {**BASE, "split.folds": 2, "split.test": 0.2, "export.parity_images": 8, "seed": 1})
    with one_thread():
        result = train(recipe, root=tmp_path / "good" / "images", run=tmp_path / "run")
    assert any(one.startswith("Threshold set for 5 % false rejects on ") for one in result.findings)
    assert any("Nothing can be said about escapes" in one for one in result.findings)
    assert result.metrics["escape_rate"] is None
    assert "no defective" in result.metrics["image_auroc_reason"]
    assert "outlined" in result.metrics["aupro_reason"]
    assert result.metrics["false_alarm_area"] is not None
    assert result.report.stat().st_size > 10_000

    # The parity gate saw both verdicts, although no image is defective.
    parity = json.loads((result.bundle / "parity.json").read_text(encoding="utf-8"))
    assert parity["holds"]
    assert parity["verdicts"] >= 2
    predictor = load(result.bundle)
    assert predictor.manifest.stage.calibration.fitted_on == "out-of-fold"
    good = (tmp_path / "good" / "images" / "fine" / "fine_00_s0.png").read_bytes()
    marked, plain = predictor(blotched(good, seed=3)), predictor(good)
    assert marked.label == "anomaly"
    assert (marked.bad_score or 0.0) > (plain.bad_score or 0.0)
    assert marked.to_json()["regions"]

    # Defective parts can be judged later, with whatever labels they have.
    write_tiny_parts(tmp_path / "all", {"fine": 3, "scratch": 3, "stain": 2})
    index = load_index(root=tmp_path / "all", csv=tmp_path / "all" / table.name, good=("fine",))
    figures = judge_bundle(result.bundle, index, judge_of=task_judge, report=tmp_path / "report")
    assert figures["image_auroc"] is not None
    assert figures["pixel_auroc"] is not None
    assert figures["escape_rate"] is not None
    assert set(figures["per_class"]) == {"fine", "anomaly", "anomaly/scratch", "anomaly/stain"}
    assert set(figures["slices"]["label"]) == {"fine", "scratch", "stain"}
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "Good and anomalous images by their score" in page

    # Also where nothing but the folders' names says what they show, and where there is no good one among them.
    for labels in ({"fine": 3, "scratch": 3}, {"scratch": 3}):
        folder = tmp_path / "-".join(labels)
        write_tiny_parts(folder, labels)
        found = judge_bundle(result.bundle, load_index(root=folder / "images"), judge_of=task_judge)
        assert found["escape_rate"] is not None
        assert found["per_class"]["anomaly"]["support"] == 6
        assert (found["overkill_rate"] is None) == ("fine" not in labels)


def test_large_images_are_learned_and_judged_in_tiles(tmp_path: Path) -> None:
    write_tiny_parts(tmp_path / "good", {"fine": 6}, size=(160, 200))
    tiles = {"tile.size": 64, "tile.overlap": 0.25}
    recipe = load_recipe(None, {**BASE, **tiles, "split.folds": 2, "split.test": 0.2, "seed": 1})
    with one_thread():
        result = train(recipe, root=tmp_path / "good" / "images", run=tmp_path / "run")
    # 160 x 200 pixels are three by four tiles.
    assert "10 good images, 120 tiles" in (result.run / "log.txt").read_text(encoding="utf-8")

    predictor = load(result.bundle)
    image = decode((tmp_path / "good" / "images" / "fine" / "fine_00_s0.png").read_bytes())
    plain = predictor(encoded(image))
    image[100:112, 20:32] = np.indices((12, 12)).sum(axis=0)[:, :, None] // 2 % 2 * 255
    marked = predictor(encoded(image))
    assert marked.label == "anomaly"
    assert (marked.bad_score or 0.0) > (plain.bad_score or 0.0)
    # One map of the whole image says where: the highest peak is at the mark, though several tiles saw it.
    left, top, right, bottom = marked.to_json()["regions"][0]["box"]
    assert left < 26 < right
    assert top < 106 < bottom
    assert right - left < 100
    heat = marked.result.heatmap()
    assert heat is not None
    assert heat.shape == image.shape[:2]


def encoded(image: NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(".png", image[:, :, ::-1])
    assert done
    return data.tobytes()
