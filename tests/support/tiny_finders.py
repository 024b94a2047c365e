"""Bundles of a few hundred bytes that say where red and blue are, made without torch.

The detector answers with the quarters of the image, the segmenter with its pixels, the judge of
oddity with how strong the colour is, and the pipeline has a `tiny_bundle` name what such a
detector has found.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from tests.support.tiny_bundle import SIZE, build_tiny_bundle
from tests.support.tiny_graphs import detector, oddity, segmenter
from vision_ft.bundle import ClassInfo, DecisionRule, InputSpec, Manifest
from vision_ft.bundle.folder import file_digests
from vision_ft.bundle.manifest import CropSpec, DataInfo, Stage, Weights, read_manifest, write_manifest

FINDERS = (
    ClassInfo(id="red", name="Red scratch"),
    ClassInfo(id="blue", name="Blue stain"),
    ClassInfo(id="clean", name="Clean part", good=True, background=True),
)
GOOD_OR_NOT = (ClassInfo(id="odd", name="Unlike good parts"), ClassInfo(id="clean", good=True, background=True))
RULE = DecisionRule(pass_below=0.4, reject_from=0.6, basis="set by hand")


def build_tiny_detector(folder: Path, **manifest: Any) -> Path:
    """Write a bundle that finds red and blue quarters into a folder, which is made, and return it."""
    outputs = ("boxes", "scores", "labels", "counts", "embeddings")
    return _build(folder, detector(), "detect", outputs, heatmap="boxes say where the objects are", **manifest)


def build_tiny_segmenter(folder: Path, **manifest: Any) -> Path:
    """Write a bundle that finds red and blue pixels into a folder, which is made, and return it."""
    outputs = ("labels", "foreground", "scores", "embeddings")
    # Neighbouring quarters of different colours stay two defects.
    return _build(folder, segmenter(), "segment", outputs, options={"one_class": False}, **manifest)


def build_tiny_oddity(folder: Path, **manifest: Any) -> Path:
    """Write a bundle to which red and blue pixels are odd into a folder, which is made, and return it."""
    outputs = ("scores", "raw_scores", "map", "embeddings")
    return _build(folder, oddity(), "anomaly", outputs, classes=GOOD_OR_NOT, **manifest)


def build_tiny_pipeline(folder: Path, **manifest: Any) -> Path:
    """Write a bundle of two stages into a folder, which is made, and return it.

    What the first one has found is cut out, and the second one names its dominant colour.
    """
    folder.mkdir(parents=True)
    stages = []
    for name, made, crop in (
        ("first", build_tiny_detector(folder.parent / f"{folder.name}-first"), None),
        ("second", build_tiny_bundle(folder.parent / f"{folder.name}-second"), CropSpec(margin=0.0)),
    ):
        shutil.copy(made / "model.onnx", folder / f"{name}.onnx")
        (stage,) = read_manifest(made).stages
        stages.append(stage.model_copy(update={"model": f"{name}.onnx", "crop": crop}))
    return _seal(folder, stages, manifest)


def quarters(*colours: tuple[int, int, int], width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """An RGB image whose quarters have these colours, row by row; further ones are black."""
    image = np.zeros((height, width, 3), np.uint8)
    for number, colour in enumerate(colours):
        y, x = (number // 2) * height // 2, (number % 2) * width // 2
        image[y : y + height // 2, x : x + width // 2] = colour
    return image


def _build(
    folder: Path,
    model: onnx.ModelProto,
    task: str,
    outputs: tuple[str, ...],
    *,
    classes: tuple[ClassInfo, ...] = FINDERS,
    options: dict[str, Any] | None = None,
    heatmap: str = "",
    **manifest: Any,
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    stage = Stage(
        task=task,
        options=options or {},
        classes=classes,
        input=InputSpec(height=SIZE, width=SIZE),
        outputs=outputs,
        embedding=3,
        heatmap=heatmap,
        prior={one.id: 1 / len(classes) for one in classes},
        weights=Weights(backbone="tiny", source="none", licence="Apache-2.0"),
    )
    return _seal(folder, [stage], manifest)


def _seal(folder: Path, stages: Sequence[Stage], manifest: dict[str, Any]) -> Path:
    (folder / "card.md").write_text("# Tiny\n\nSays where red and blue are.\n", encoding="utf-8")
    content: dict[str, Any] = {
        "name": "tiny",
        "version": "20260101-tiny",
        "created": "2026-01-01T00:00:00Z",
        "stages": tuple(stages),
        "decision": RULE,
        "data": DataInfo(fingerprint="0" * 64, images=9, parts=9),
        "files": file_digests(folder),
    }
    write_manifest(folder, Manifest(**{**content, **manifest}))
    return folder
