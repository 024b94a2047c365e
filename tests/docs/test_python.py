"""The marked Python blocks of a document run, one after the other, on tiny images.

A block is marked by a line `<!-- test: python -->` before it. What is shortened here is the
recipe alone (a tiny backbone, few epochs); the calls are those of the document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.docs.blocks import DOCUMENTS, PYTHON_MARK, Block, blocks
from tests.support.colour_parts import write_image
from tests.support.tiny_bundle import build_tiny_bundle
from tests.support.tiny_parts import tiny_part
from vision_ft.recipe import Recipe, load_recipe

TINY: Mapping[str, Any] = {
    "model.backbone": "test_efficientnet",
    "model.pretrained": False,
    "input.height": 32,
    "input.width": 32,
    "split.test": 0.25,
    "split.folds": 0,
    "trainer.max_time": None,
    "trainer.max_epochs": 1,
    "trainer.batch_size": 16,
    "trainer.tensorboard": False,
}
EVERY = [block for document in DOCUMENTS for block in blocks(document) if block.language == "python"]


def _marked(document: str) -> list[Block]:
    return [block for block in EVERY if block.document == document and block.before == PYTHON_MARK]


@pytest.mark.parametrize("block", EVERY, ids=str)
def test_it_is_python(block: Block) -> None:
    compile(block.text, str(block), "exec")


def test_the_readme_has_three_lines_to_a_bundle_and_two_from_there() -> None:
    train, answer = (block.text for block in _marked("README.md")[:2])
    assert ".train(" in train
    assert len(train.split("\n\n")[-1].splitlines()) <= 3
    assert ".load(" in answer
    assert len(answer.splitlines()) <= 2


# In an example a file may be left to Python to close.
@pytest.mark.filterwarnings("ignore:.*FileIO.*:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.slow
@pytest.mark.parametrize("document", sorted({block.document for block in EVERY if block.before == PYTHON_MARK}))
def test_the_blocks_run(document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marked = _marked(document)
    text = "\n".join(block.text for block in marked)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VISION_FT_THREADS", "1")
    _images(text)
    if ".train(" in text:
        _shorten(monkeypatch)
    else:
        for folder in re.findall(r"[\"']([\w./-]+/bundle)[\"']", text):
            build_tiny_bundle(Path(folder))
    names: dict[str, Any] = {}
    for block in marked:
        exec(compile(block.text, str(block), "exec"), names)


def _images(text: str) -> None:
    """Class folders where the blocks look for some, and each picture that they name."""
    for root in re.findall(r"root=[\"']([\w./-]+)[\"']", text):
        for kind, parts in (("good", 8), ("scratch", 8)):
            for part in range(parts):
                for shot in range(2):
                    image, _ = tiny_part(kind, part, shot)
                    write_image(Path(root) / kind / f"{part:04d}_{'ab'[shot]}.png", image)
    for file in re.findall(r"[\"']([\w./-]+\.(?:jpg|png))[\"']", text):
        write_image(Path(file), tiny_part("good", 900, 0)[0])


def _shorten(monkeypatch: pytest.MonkeyPatch) -> None:
    def tiny(path: Path | str | None = None, overrides: Mapping[str, Any] | None = None) -> Recipe:
        return load_recipe(path, {**(overrides or {}), **TINY})

    monkeypatch.setattr("vision_ft.training.api.load_recipe", tiny)
