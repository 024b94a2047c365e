"""The fenced blocks of the project's documents, and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = tuple(
    sorted(
        path.relative_to(REPOSITORY).as_posix()
        for pattern in ("*.md", "docs/*.md", "datasets/*.md")
        for path in REPOSITORY.glob(pattern)
    )
)
PYTHON_MARK = "<!-- test: python -->"
"""Stands on the line before a Python block that is run."""

_SHELL = {"", "sh", "bash", "shell", "console"}
_OPERATORS = {"&&", "||", "|", ";", "&", ">", ">>", "<", "2>&1"}


@dataclass(frozen=True)
class Block:
    """A fenced block: where it starts, in which language, what stands before it and inside."""

    document: str
    line: int
    language: str
    before: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


@dataclass(frozen=True)
class Command:
    """One command of a shell block, as words."""

    place: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.place} {' '.join(self.words)[:60]}"


def blocks(document: str) -> Iterator[Block]:
    """Every fenced block of a document given relative to the repository."""
    lines = (REPOSITORY / document).read_text(encoding="utf-8").splitlines()
    start: int | None = None
    for number, line in enumerate(lines):
        fence = re.fullmatch(r"\s*```\s*(\w*).*", line)
        if fence is None:
            continue
        if start is None:
            start = number
            continue
        opened = re.fullmatch(r"\s*```\s*(\w*).*", lines[start])
        assert opened is not None
        before = lines[start - 1].strip() if start else ""
        yield Block(document, start + 1, opened[1], before, "\n".join(lines[start + 1 : number]))
        start = None
    assert start is None, f"{document}:{start}: the block is never closed"


def commands(block: Block) -> Iterator[Command]:
    """The commands of a shell block; of a `console` block the lines behind `$`."""
    if block.language not in _SHELL:
        return
    for line in re.sub(r"\\\n\s*", " ", block.text).splitlines():
        text = line.strip()
        if block.language == "console":
            if not text.startswith("$ "):
                continue
            text = text[2:]
        try:
            words = shlex.split(text, comments=True)
        except ValueError:
            continue  # no shell: a tree, a query
        yield from _split(f"{block.document}:{block.line}", words)


def programme(command: Command) -> str:
    """The programme that a command starts: its file's name."""
    return command.words[0].rsplit("/", 1)[-1]


def _split(place: str, words: list[str]) -> Iterator[Command]:
    part: list[str] = []
    for word in [*words, ";"]:
        if word in _OPERATORS:
            if part:
                yield Command(place, tuple(part))
            # What follows > or < is a file.
            part = ["<file>"] if word in {">", ">>", "<"} else []
        elif part or not re.fullmatch(r"[A-Z_]+=.*", word):
            part.append(word)
