"""The command line: a table of verbs; each parses, calls and prints.

Nothing but the standard library is imported before a verb is chosen.
"""

from __future__ import annotations

import difflib
import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import entry_points
from typing import Protocol, cast

from vision_ft import __version__
from vision_ft.errors import MissingExtraError, UsageError, VisionFTError

PROG = "vision-ft"

VERBS = {
    "data": "look at labelled images: inspect, preview, split",
    "train": "fine-tune a backbone by a recipe; leaves a bundle and a report",
    "evaluate": "judge a bundle on labelled images; writes figures and a report",
    "export": "write the bundle of a run from its checkpoint",
    "join": "make one bundle of a detector and a classifier",
    "predict": "answer on files or folders with a bundle",
    "demo": "the whole loop on generated images, or on your own",
    "doctor": "what this machine has, and what is missing",
}
_SERVE = {"serve": "answer over HTTP with a bundle"}


class Verb(Protocol):
    """What a verb's module offers."""

    def run(self, argv: Sequence[str]) -> int:
        """Do it, and give the exit code."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb; user errors are one sentence on standard error and an exit code (2 usage, 1 failed)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(arguments)
    except VisionFTError as error:
        _complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _complain("interrupted.")
        return 130
    except BrokenPipeError:
        # The reader (head, say) has seen enough; Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # A file that was named and cannot be written, or a full disk. Others are faults of ours.
        if error.filename is None and error.errno != errno.ENOSPC:
            raise
        _complain(f"{error.filename or 'writing'}: {error.strerror}.")
        return 1


def _complain(sentence: str) -> None:
    print(sentence if sentence.startswith(f"{PROG} ") else f"{PROG}: {sentence}", file=sys.stderr)


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help())
        return 0 if arguments else 2
    name, *rest = arguments
    if name in ("--version", "-V"):
        print(f"{PROG} {__version__}")
        return 0
    if name in VERBS:
        return _load(f"vision_ft.cli.{name}").run(rest)
    found = {entry.name: entry.value for entry in entry_points(group="vision_ft.verbs")}
    if name in found:
        return _load(found[name]).run(rest)
    if name in _SERVE:
        # A part of the same distribution, so only a checkout that nobody installed lacks it.
        raise MissingExtraError(
            f"`{PROG} {name}` is not registered here",
            remedy="Install the package (`make setup`), or use `python -m serving`.",
        )
    known = list(dict.fromkeys([*VERBS, *_SERVE, *found]))
    near = difflib.get_close_matches(name, known, 1)
    raise UsageError(
        f"unknown command {name!r}",
        remedy=f"Did you mean {near[0]}?" if near else f"Commands: {', '.join(known)}.",
    )


def _load(module: str) -> Verb:
    try:
        return cast(Verb, import_module(module))
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("vision_ft", "serving"):
            raise
        # No registry has this package: a checkout sets up what an extra needs.
        extra, target = ("serve-cpu", "serve-env") if module.startswith("serving") else ("train", "setup")
        raise MissingExtraError(
            f"`{PROG} {module.rsplit('.', 1)[-1]}` needs {error.name}, which is not installed",
            remedy=f"Build an environment with the extra {extra} by `make {target}` in a checkout.",
        ) from None


def _help() -> str:
    rows = "\n".join(f"  {name:<10} {summary}" for name, summary in {**VERBS, **_SERVE}.items())
    return f"""usage: {PROG} COMMAND [options]

Fine-tune vision backbones on factory images, and serve them with per-class monitoring.

commands:
{rows}

`{PROG} COMMAND --help` tells more. Exit codes: 0 done, 1 failed, 2 wrong usage."""
