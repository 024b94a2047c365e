"""Write a bundle: graph, manifest, reference, card, parity report; all or nothing."""

from __future__ import annotations

import contextlib
import json
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from vision_ft import __version__
from vision_ft.bundle.decision import DecisionRule
from vision_ft.bundle.folder import TRAINING_IMAGES, file_digests, open_bundle, sha256_of
from vision_ft.bundle.manifest import Calibration, DataInfo, InputSpec, Manifest, Stage, Weights, write_manifest
from vision_ft.bundle.predictor import Predictor
from vision_ft.bundle.reference import Reference
from vision_ft.export.onnx_graph import export_onnx
from vision_ft.export.parity import Expected, compare, require
from vision_ft.tasks.contract import Exportable

_LIBRARIES = (
    "torch",
    "torchvision",
    "timm",
    "lightning",
    "albumentations",
    "onnx",
    "onnxruntime-gpu",
    "onnxruntime",
    "opencv-python",
    "numpy",
)


@dataclass(frozen=True)
class Contents:
    """What goes into a bundle beside the graph."""

    name: str
    task: str
    options: dict[str, Any]
    classes: tuple[Any, ...]
    spec: InputSpec
    weights: Weights
    prior: dict[str, float]
    data: DataInfo
    digests: Sequence[str]
    """sha256 of the training images."""
    recipe: dict[str, Any]
    calibration: Calibration = field(default_factory=Calibration)
    rule: DecisionRule = field(default_factory=DecisionRule)
    objective: dict[str, Any] | None = None
    findings: tuple[str, ...] = ()
    metrics: dict[str, Any] = field(default_factory=dict)


Finish = Callable[[Predictor], tuple[Reference, DecisionRule]]
"""Given the written graph, measures the reference and completes the rule (the distance limit)."""


def write_bundle(
    target: Path,
    exportable: Exportable,
    contents: Contents,
    *,
    parity_images: Sequence[bytes],
    finish: Finish | None = None,
    card: Callable[[Manifest], str] | None = None,
    device: str = "auto",
) -> Path:
    """Export, check and move a bundle into place; an existing one is replaced only by a whole one.

    Raises `ParityError` when the exported graph does not answer like the trained module on
    `parity_images` (encoded images). With none, nothing is compared: for scratch exports of
    fold models, which answer for themselves.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with beside(target) as folder:
        graph = folder / "model.onnx"
        given = exportable.graph_outputs or exportable.outputs
        export_onnx(exportable.graph, given, contents.spec, graph, exportable.finish)
        stage = _stage(exportable, contents)
        created = datetime.now(UTC)
        manifest = Manifest(
            name=contents.name,
            version=f"{created:%Y%m%d-%H%M%S}-{sha256_of(graph)[:8]}",
            created=created.isoformat(timespec="seconds"),
            stages=(stage,),
            decision=contents.rule,
            objective=contents.objective,
            findings=contents.findings,
            metrics=contents.metrics,
            data=contents.data,
            recipe=contents.recipe,
            libraries=libraries(),
        )
        (folder / TRAINING_IMAGES).write_text("".join(f"{d}\n" for d in sorted(set(contents.digests))), "ascii")
        manifest = seal(folder, manifest)
        if finish is not None:
            reference, rule = finish(Predictor(open_bundle(folder), device=device))
            reference.write(folder)
            manifest = seal(folder, manifest.model_copy(update={"decision": rule}))
        if parity_images:
            known = stage.model_copy(update={"classes": exportable.classes})
            expected = Expected(exportable.reference, known, manifest.decision, manifest.version)
            parity = compare(expected, Predictor(open_bundle(folder), device=device), parity_images)
            require(parity, f"The export of {contents.name}")
            (folder / "parity.json").write_text(json.dumps(parity.to_json(), indent=2) + "\n", "utf-8")
        if card is not None:
            (folder / "card.md").write_text(card(manifest), "utf-8")
        seal(folder, manifest)
    return target


def update_metrics(target: Path, metrics: dict[str, Any], card: Callable[[Manifest], str]) -> None:
    """Put the figures, measured with the bundle itself, into its manifest and card; all or nothing."""
    manifest = open_bundle(target).manifest.model_copy(update={"metrics": metrics})
    with beside(target) as folder:
        shutil.copytree(target, folder, dirs_exist_ok=True)
        (folder / "card.md").write_text(card(manifest), "utf-8")
        seal(folder, manifest)


def libraries() -> dict[str, str]:
    """Versions of what made a bundle."""
    found = {"vision-ft": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _stage(exportable: Exportable, contents: Contents) -> Stage:
    return Stage(
        task=contents.task,
        options=contents.options,
        classes=contents.classes,
        input=contents.spec,
        outputs=exportable.outputs,
        embedding=exportable.embedding,
        heatmap=exportable.heatmap,
        calibration=contents.calibration,
        prior=contents.prior,
        weights=contents.weights,
    )


@contextlib.contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A folder beside the target that takes its place when the block ends, and is gone when it fails."""
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield folder
        _replace(folder, target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def seal(folder: Path, manifest: Manifest) -> Manifest:
    """Write the manifest with the checksums of all that lies in the folder, and give it."""
    sealed = manifest.model_copy(update={"files": file_digests(folder)})
    write_manifest(folder, sealed)
    return sealed


def _replace(folder: Path, target: Path) -> None:
    """Swap a folder in by renames, so that a reader sees the old bundle or the new one."""
    old = target.with_name(f".{target.name}-old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    folder.chmod(0o755)
    try:
        folder.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
