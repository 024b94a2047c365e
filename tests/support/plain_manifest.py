"""A manifest of one stage that says no more than it must."""

from __future__ import annotations

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.manifest import DataInfo, InputSpec, Manifest, Stage, Weights


def plain_manifest(task: str, classes: tuple[ClassInfo, ...], output: str) -> Manifest:
    """Of a task with these classes and a graph with this output, for inputs of 32 x 32 pixels."""
    stage = Stage(
        task=task,
        classes=classes,
        input=InputSpec(height=32, width=32),
        outputs=(output,),
        weights=Weights(backbone="none", source="none"),
    )
    data = DataInfo(fingerprint="", images=0, parts=0)
    return Manifest(name="m", version="1", created="", stages=(stage,), data=data)
