"""Run code in an interpreter that has imported nothing yet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable

from tests.architecture.tree import REPOSITORY


def modules_after(code: str, *arguments: str) -> set[str]:
    """Names of the top-level packages in `sys.modules` after `code` ran in a fresh interpreter.

    The code's own output is discarded; a failure of it fails the test with its traceback.
    """
    program = "\n".join(
        [
            "import sys",
            "_real, sys.stdout = sys.stdout, open(__import__('os').devnull, 'w')",
            code,
            "import json",
            "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=_real)",
        ]
    )
    answer = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return set(json.loads(answer.stdout))


def loaded(code: str, packages: Iterable[str], *arguments: str) -> list[str]:
    """Which of `packages` the code made a fresh interpreter import."""
    return sorted(modules_after(code, *arguments) & set(packages))
