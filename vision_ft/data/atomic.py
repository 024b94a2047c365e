"""Files that are replaced whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; it takes the place of `path` in the end.

    A reader, or a process that is stopped half-way, so finds the old content or the new one.
    Where the block raises, `path` is left as it was and the temporary is removed. Missing
    folders are made. A link is followed, a file keeps its mode, and what is no file (a pipe,
    `/dev/null`) is written to as it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        yield path
        return
    goal = Path(os.path.realpath(path))
    temporary = goal.with_name(f".{goal.name[:40]}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        if goal.exists():
            shutil.copymode(goal, temporary)
        os.replace(temporary, goal)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename == str(temporary):
            # The user knows the file that was asked for, and not the one beside it.
            error.filename, error.filename2 = str(path), None
        raise
