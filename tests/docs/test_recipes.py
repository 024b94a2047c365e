"""Every shipped recipe loads, under the name that the documents use, and names its own verb rightly."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.blocks import DOCUMENTS, REPOSITORY
from vision_ft.recipe import Recipe, load_recipe

CONFIGS = REPOSITORY / "configs"
RECIPES = sorted(path.stem for path in CONFIGS.glob("*.yaml") if path.stem != "serve")


@pytest.mark.parametrize("name", RECIPES)
def test_it_loads_by_path_and_by_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_path = load_recipe(CONFIGS / f"{name}.yaml")
    monkeypatch.chdir(tmp_path)
    assert load_recipe(name) == by_path
    assert by_path != Recipe(), "a recipe that changes nothing says nothing"


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_commented_out_loads_too(name: str, tmp_path: Path) -> None:
    lines = (CONFIGS / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    # `# objective:` and the keys below it, two blanks in, are a section that a person may switch on.
    switched = [re.sub(r"^# (?=[a-z_]+:$|  [a-z_]+: )", "", line) for line in lines]
    path = tmp_path / "switched_on.yaml"
    path.write_text("\n".join(switched), encoding="utf-8")
    load_recipe(path)


def test_the_recipes_that_documents_name_exist() -> None:
    for document in DOCUMENTS:
        text = (REPOSITORY / document).read_text(encoding="utf-8")
        for name in re.findall(r"configs/([\w.]+\.(?:yaml|json))", text):
            assert (CONFIGS / name).is_file(), f"{document}: configs/{name}"


def test_the_services_settings_load() -> None:
    from serving.settings import Settings
    from serving.sources import read_settings

    assert read_settings(["bundle", "--config", str(CONFIGS / "serve.yaml")]).port == Settings(bundle=Path("b")).port
