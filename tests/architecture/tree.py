"""The project's own files, as the tests of this folder see them."""

from __future__ import annotations

import ast
import shutil
import subprocess
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("vision_ft", "serving")
_OUTPUTS = {"runs", "build", "dist", "lightning_logs", "__pycache__"}


@cache
def project_files() -> tuple[Path, ...]:
    """Every file that is committed or would be by `git add`; relative to the repository."""
    git = shutil.which("git")
    if git and (REPOSITORY / ".git").exists():
        command = [git, "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True)
        names = [Path(name) for name in answer.stdout.decode().split("\0") if name]
    else:
        # An unpacked source archive has no history to ask.
        names = [path.relative_to(REPOSITORY) for path in REPOSITORY.rglob("*") if not _is_output(path)]
    return tuple(sorted(name for name in names if (REPOSITORY / name).is_file()))


def python_files(*folders: str) -> list[Path]:
    """The Python files below these folders (all of them without any), relative to the repository."""
    return [
        path
        for path in project_files()
        if path.suffix == ".py" and (not folders or any(path.is_relative_to(folder) for folder in folders))
    ]


def parse(path: Path) -> ast.Module:
    """The syntax tree of a file given relative to the repository."""
    return ast.parse((REPOSITORY / path).read_text(encoding="utf-8"), filename=str(path))


def _is_output(path: Path) -> bool:
    relative = path.relative_to(REPOSITORY)
    if relative.parts[0] == "datasets" and relative.suffix != ".yaml" and relative.name != "README.md":
        return True
    hidden = any(part.startswith(".") and part not in {".ci", ".gitignore"} for part in relative.parts)
    return hidden or not _OUTPUTS.isdisjoint(relative.parts)
