"""Two bundles as one: a detector finds, a classifier names what it has found."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from vision_ft.bundle.classes import object_classes
from vision_ft.bundle.decision import DecisionRule
from vision_ft.bundle.decode import Window
from vision_ft.bundle.folder import TRAINING_IMAGES, Bundle, open_bundle
from vision_ft.bundle.manifest import CropSpec, DataInfo, Manifest, Stage
from vision_ft.bundle.reference import REFERENCE
from vision_ft.bundle.tasks import bundle_task
from vision_ft.errors import BundleError
from vision_ft.evaluation.card import model_card
from vision_ft.export.write import beside, libraries, seal

_ABSTAIN_BELOW = 0.5


def join_bundles(
    first: Path, second: Path, target: Path, *, name: str | None = None, crop: CropSpec | None = None
) -> Path:
    """Write a bundle of two stages; an existing one at `target` is replaced only by a whole one.

    Thresholds of the parts do not hold for the whole: it decides by the most probable class.
    Raises `BundleError` where the first finds no boxes, or the second is no bundle of whole images.
    """
    finder, namer = open_bundle(first), open_bundle(second)
    _check(finder, namer)
    crop = crop or CropSpec()
    harmless = all(one.good for one in object_classes(finder.manifest.classes))
    names = tuple(one.model_copy(update={"good": one.good or harmless}) for one in namer.manifest.classes)
    stages = (
        finder.manifest.stages[0].model_copy(update={"model": "first.onnx"}),
        namer.manifest.stages[0].model_copy(update={"model": "second.onnx", "crop": crop, "classes": names}),
    )
    created = datetime.now(UTC)
    target.parent.mkdir(parents=True, exist_ok=True)
    with beside(target) as folder:
        shutil.copy(finder.model_path(), folder / "first.onnx")
        shutil.copy(namer.model_path(), folder / "second.onnx")
        if (finder.path / REFERENCE).exists():
            shutil.copy(finder.path / REFERENCE, folder / REFERENCE)
        digests = sorted(finder.training_digests() | namer.training_digests())
        (folder / TRAINING_IMAGES).write_text("".join(f"{one}\n" for one in digests), "ascii")
        manifest = Manifest(
            name=name or target.resolve().name,
            version=f"{created:%Y%m%d-%H%M%S}-{finder.manifest.version[-4:]}{namer.manifest.version[-4:]}",
            created=created.isoformat(timespec="seconds"),
            stages=stages,
            decision=_rule(finder.manifest.decision),
            data=_data(finder, namer),
            recipe={"first": finder.manifest.recipe, "second": namer.manifest.recipe},
            libraries=libraries(),
        )
        (folder / "card.md").write_text(model_card(manifest), "utf-8")
        seal(folder, manifest)
    return target


def _check(finder: Bundle, namer: Bundle) -> None:
    for bundle in (finder, namer):
        if len(bundle.manifest.stages) != 1:
            raise BundleError(f"{bundle.path}", expected="a bundle of one stage", got="two")
    stage: Stage = finder.manifest.stages[0]
    if not hasattr(bundle_task(stage.task), "named"):
        raise BundleError(
            f"{finder.path}", expected="a bundle that finds boxes", got=stage.task, remedy="Give the detector first."
        )
    last = namer.manifest.stages[0]
    if "probabilities" not in last.outputs:
        raise BundleError(
            f"{namer.path}",
            expected="a bundle that names whole images",
            got=last.task,
            remedy="Give the classifier last.",
        )
    windows = [one.input.window for one in (stage, last)]
    if windows[0] != windows[1]:
        raise BundleError(
            f"{namer.path}",
            expected=f"the intensity window of {finder.path.name}, as an image is decoded once: {_window(windows[0])}",
            got=_window(windows[1]),
            remedy="Train both with the same input.window.",
        )


def _window(window: Window | None) -> str:
    return "none" if window is None else f"{window[0]:g} to {window[1]:g}"


def _rule(first: DecisionRule) -> DecisionRule:
    return DecisionRule(
        abstain_below=_ABSTAIN_BELOW,
        distance_limit=first.distance_limit,
        basis="The most probable class decides: no thresholds were set for the two stages together.",
    )


def _data(finder: Bundle, namer: Bundle) -> DataInfo:
    """The second stage's classes, and both stages' images."""
    one, other = finder.manifest.data, namer.manifest.data
    cards = [card for card in (one.card, other.card) if card]
    return other.model_copy(
        update={
            "card": " + ".join(cards) or None,
            "fingerprint": f"{one.fingerprint[:32]}{other.fingerprint[:32]}",
            "images": one.images + other.images,
            "parts": one.parts + other.parts,
        }
    )
