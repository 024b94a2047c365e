"""Every name that a package announces is there, and the short Python API is what it was."""

from __future__ import annotations

import ast
from importlib import import_module

import pytest

import vision_ft
from tests.architecture.tree import PACKAGES, parse, project_files, python_files


def _announcing() -> list[str]:
    found = []
    for path in python_files(*PACKAGES):
        assigned = [node for node in parse(path).body if isinstance(node, ast.Assign)]
        if any(isinstance(name, ast.Name) and name.id == "__all__" for node in assigned for name in node.targets):
            found.append(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
    return found


@pytest.mark.parametrize("module", _announcing())
def test_what_a_module_announces_can_be_had(module: str) -> None:
    loaded = import_module(module)
    assert sorted(set(loaded.__all__)) == sorted(loaded.__all__)
    for name in loaded.__all__:
        assert getattr(loaded, name) is not None, f"{module}.{name}"


def test_the_short_api() -> None:
    assert set(vision_ft.__all__) == {"Recipe", "__version__", "load", "train"}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        vision_ft.nonsense  # noqa: B018 (the access is the test)


def test_the_package_says_that_it_is_typed() -> None:
    assert any(str(path) == "vision_ft/py.typed" for path in project_files())
