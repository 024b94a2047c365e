"""From a run to its bundle: what export needs, gathered from recipe, images and predictions."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.decision import DecisionRule
from vision_ft.bundle.folder import open_bundle
from vision_ft.bundle.manifest import Calibration, DataInfo, Weights
from vision_ft.bundle.predictor import Predictor
from vision_ft.bundle.reference import Reference
from vision_ft.data.index import Sample
from vision_ft.evaluation.card import model_card
from vision_ft.evaluation.operating_point import OperatingPoint
from vision_ft.evaluation.table import PredictionTable
from vision_ft.export.reference import distance_limit, measure_reference
from vision_ft.export.write import Contents, write_bundle
from vision_ft.recipe.model import Recipe
from vision_ft.tasks.contract import FitData, MakesParityImages, TorchTask
from vision_ft.tasks.sampling import derive_seed
from vision_ft.training.crossval import Scratch
from vision_ft.training.prepare import Prepared
from vision_ft.training.run_folder import RunFolder


def scratch_predictor(task: TorchTask) -> Scratch:
    """Exports a module without calibration and heatmap, to collect its answers; the files are not kept."""

    def scratch(module: Any, data: FitData, folder: Path) -> Predictor:
        exportable = task.exportable(module, calibration=Calibration(), heatmap=False)
        contents = _contents(data.recipe, task, module, data, data.train, name="scratch")
        write_bundle(folder, exportable, contents, parity_images=())
        predictor = Predictor(open_bundle(folder))
        shutil.rmtree(folder)
        return predictor

    return scratch


def write_run_bundle(
    recipe: Recipe,
    task: TorchTask,
    module: Any,
    data: FitData,
    prepared: Prepared,
    *,
    folder: RunFolder,
    calibration: Calibration,
    point: OperatingPoint,
    table: PredictionTable,
) -> None:
    """Export a run's module with its temperature and thresholds into `folder.bundle`.

    Raises `ParityError` when the export does not answer like the module.
    """
    heatmap = recipe.export.heatmap
    exportable = task.exportable(module, calibration=calibration, heatmap=heatmap)
    contents = _contents(
        recipe,
        task,
        module,
        data,
        data.train,
        name=recipe.export.name or folder.path.resolve().name,
        card=recipe.data.card,
        weights=Weights.model_validate(folder.read_plan()["weights"]),
        calibration=calibration,
        rule=point.rule,
        objective=recipe.objective.model_dump(mode="json") if recipe.objective.stated else None,
        findings=point.findings,
    )

    def finish(predictor: Predictor) -> tuple[Reference, DecisionRule]:
        reference, groups = measure_reference(predictor, data.train, data.classes, table)
        limit = distance_limit(reference, groups)
        return reference, point.rule.model_copy(update={"distance_limit": limit})

    images = _parity_images(recipe, task, prepared)
    write_bundle(folder.bundle, exportable, contents, parity_images=images, finish=finish, card=model_card)


def _contents(
    recipe: Recipe,
    task: TorchTask,
    module: Any,
    data: FitData,
    samples: Sequence[Sample],
    *,
    name: str,
    card: str | None = None,
    weights: Weights | None = None,
    **more: Any,
) -> Contents:
    return Contents(
        name=name,
        task=recipe.task.name,
        options=recipe.task.model_dump(mode="json"),
        classes=data.classes,
        spec=data.spec,
        weights=module.network.backbone.info.weights if weights is None else weights,
        prior=task.prior(recipe, samples, data.classes),
        data=data_info(samples, data.classes, card),
        # Validation images chose epoch, temperature and thresholds: to judge on them would flatter as well.
        digests=[sample.digest for sample in (*samples, *data.val)],
        recipe=_public(recipe),
        **more,
    )


def data_info(samples: Sequence[Sample], classes: Sequence[ClassInfo], card: str | None = None) -> DataInfo:
    """What a bundle says of its training images; an image of several classes counts for each of them."""
    showing = {one.id: [sample for sample in samples if one.id in sample.targets] for one in classes}
    return DataInfo(
        card=card,
        fingerprint=_fingerprint(samples),
        images=len(samples),
        parts=len({sample.part for sample in samples}),
        images_per_class={name: len(mine) for name, mine in showing.items()},
        parts_per_class={name: len({sample.part for sample in mine}) for name, mine in showing.items()},
    )


def _public(recipe: Recipe) -> dict[str, Any]:
    """The resolved recipe without the folders of the machine that it ran on."""
    plain = recipe.plain()
    for section, key in (("data", "root"), ("data", "csv"), ("split", "file"), ("model", "weights")):
        if plain[section][key] is not None:
            plain[section][key] = Path(plain[section][key]).name
    return plain


def _fingerprint(samples: Sequence[Sample]) -> str:
    import hashlib

    lines = sorted("\x1f".join((s.digest, *sorted(s.targets))) for s in samples)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _parity_images(recipe: Recipe, task: TorchTask, prepared: Prepared) -> list[bytes]:
    """Encoded images of every class in turn, of each first those that the final model has not seen.

    What the task makes of them takes the place of the last ones.
    """
    pool = (*prepared.val, *prepared.test, *prepared.train)
    ordered = sorted(pool, key=lambda s: (s.split == "train", derive_seed(recipe.seed, "parity", s.digest)))
    by_class: dict[str, list[Sample]] = {}
    for sample in ordered:
        by_class.setdefault(sample.targets[0], []).append(sample)
    chosen: list[Sample] = []
    while len(chosen) < min(recipe.export.parity_images, len(pool)):
        for queue in by_class.values():
            if queue and len(chosen) < recipe.export.parity_images:
                chosen.append(queue.pop(0))
    images = [sample.path.read_bytes() for sample in chosen]
    made = task.parity_images(images, prepared.spec) if isinstance(task, MakesParityImages) else []
    return [*images[: len(images) - len(made)], *made]
