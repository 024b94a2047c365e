"""A task is known to its own folder and file, and to the places that list tasks; to nobody else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import grimp
import pytest

from tests.architecture.fresh import loaded
from tests.architecture.tree import PACKAGES, REPOSITORY, parse, python_files
from vision_ft.bundle import tasks as bundle_tasks
from vision_ft.recipe.model import Recipe
from vision_ft.tasks import registry

TASK_FOLDERS = REPOSITORY / "vision_ft" / "tasks"
PLANNED = {"classify", "detect", "segment", "anomaly"}
BUILT = sorted(path.name for path in TASK_FOLDERS.iterdir() if (path / "__init__.py").is_file())
NAMES = PLANNED | set(BUILT)

# One line a task stands in each of these, and nowhere else.
REGISTRIES = {
    "vision_ft.bundle.tasks",  # the torch-free half
    "vision_ft.tasks.registry",  # the torch half and the judge, by module path
    "vision_ft.recipe.model",  # the typed section `task`
}


def _own(path: Path) -> bool:
    """Whether the file belongs to a task, or is a table of tasks."""
    return (
        path.is_relative_to("vision_ft/bundle/tasks")
        or path == Path("vision_ft/tasks/registry.py")
        or any(path.is_relative_to(f"vision_ft/tasks/{name}") for name in NAMES)
    )


def questions(tree: ast.AST) -> Iterator[int]:
    """Lines that ask which task it is: a comparison, a `case`, a table by task or a prefix test."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            asked: list[ast.expr] = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            asked = [node.value]
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            asked = [node.slice] if isinstance(node.slice, ast.Constant) else []
        elif isinstance(node, ast.Dict):
            asked = [key for key in node.keys if key is not None]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "startswith":
            asked = list(node.args)
        else:
            continue
        for one in asked:
            parts = one.elts if isinstance(one, ast.Tuple | ast.List | ast.Set) else [one]
            named = [part for part in parts if isinstance(part, ast.Constant) and part.value in NAMES]
            if named:
                yield named[0].lineno
                break


def test_nobody_asks_which_task_it_is() -> None:
    asking = [f"{path}:{line}" for path in python_files(*PACKAGES) if not _own(path) for line in questions(parse(path))]
    assert asking == []


@pytest.mark.parametrize(
    "source",
    [
        "task == 'classify'",
        "'detect' != recipe.task.name",
        "task in ('segment', 'other')",
        "match task:\n    case 'anomaly': pass",
        "losses = {'classify': 1}",
        "LOSSES['classify']",
        "task.startswith('detect')",
    ],
)
def test_the_rule_sees_each_way_to_ask(source: str) -> None:
    assert list(questions(ast.parse(source)))


@pytest.mark.parametrize("source", ["task: Literal['classify', 'detect']", "f('classify')", "x = 'classify'"])
def test_the_rule_lets_a_task_be_named(source: str) -> None:
    assert not list(questions(ast.parse(source)))


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, cache_dir=None, exclude_type_checking_imports=True)


def test_every_task_has_both_halves() -> None:
    halves = sorted(path.stem for path in (REPOSITORY / "vision_ft/bundle/tasks").glob("*.py") if path.stem in NAMES)
    assert halves == BUILT
    assert BUILT
    for task in BUILT:
        assert {"task.py", "judge.py"} <= {path.name for path in (TASK_FOLDERS / task).glob("*.py")}, task


def test_every_list_of_tasks_has_all_of_them() -> None:
    options = get_args(Recipe.model_fields["task"].annotation)
    assert sorted(bundle_tasks.TASKS) == BUILT
    assert sorted(registry.TASKS) == BUILT
    assert sorted(kind.model_fields["name"].default for kind in options) == BUILT
    for name in BUILT:
        assert bundle_tasks.TASKS[name] == f"vision_ft.bundle.tasks.{name}"
        assert registry.TASKS[name] == f"vision_ft.tasks.{name}"


def test_tasks_are_judged_without_torch() -> None:
    code = f"from vision_ft.tasks.registry import task_judge\nassert all(task_judge(one).headline for one in {BUILT})"
    assert loaded(code, ("torch", "lightning", "timm", "torchvision", "albumentations")) == []


@pytest.mark.parametrize("task", BUILT)
def test_a_task_imports_no_sibling(graph: grimp.ImportGraph, task: str) -> None:
    for package in ("vision_ft.tasks", "vision_ft.bundle.tasks"):
        for sibling in set(BUILT) - {task}:
            assert not graph.direct_import_exists(
                importer=f"{package}.{task}", imported=f"{package}.{sibling}", as_packages=True
            )


@pytest.mark.parametrize("task", BUILT)
def test_only_a_registry_and_the_task_import_it(graph: grimp.ImportGraph, task: str) -> None:
    for half in (f"vision_ft.tasks.{task}", f"vision_ft.bundle.tasks.{task}"):
        own = {half, *graph.find_descendants(half)}
        importers = {name for module in own for name in graph.find_modules_that_directly_import(module)}
        torch_half = f"vision_ft.tasks.{task}"
        strangers = {name for name in importers - own - REGISTRIES if not f"{name}.".startswith(torch_half + ".")}
        assert strangers == set(), half
