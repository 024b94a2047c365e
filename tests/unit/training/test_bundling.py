"""What a bundle says of the images that it was made from."""

from __future__ import annotations

from pathlib import Path

from vision_ft.bundle.classes import ClassInfo
from vision_ft.data.index import Sample
from vision_ft.training.bundling import data_info

CLASSES = (ClassInfo(id="good", good=True), ClassInfo(id="crack"), ClassInfo(id="hole"), ClassInfo(id="dent"))


def _sample(part: str, shot: int, *targets: str) -> Sample:
    name = f"{part}_{shot}.png"
    return Sample(Path("/nowhere") / name, targets, part, part, None, None, {}, name)


def test_an_image_counts_for_each_class_that_it_shows() -> None:
    samples = [
        _sample("a", 0, "crack", "hole"),
        _sample("a", 1, "crack", "hole"),
        _sample("b", 0, "crack"),
        _sample("c", 0, "good"),
    ]
    info = data_info(samples, CLASSES, "tiles")
    assert (info.card, info.images, info.parts) == ("tiles", 4, 3)
    assert info.images_per_class == {"good": 1, "crack": 3, "hole": 2, "dent": 0}
    assert info.parts_per_class == {"good": 1, "crack": 2, "hole": 1, "dent": 0}
