"""What every verb prints with."""

from __future__ import annotations

import logging
import sys
import warnings

from rich.console import Console
from rich.table import Table


def console(*, whole_lines: bool = False) -> Console:
    """Standard output: coloured at a terminal, plain in a pipe.

    With `whole_lines` a table in a pipe or a file is as wide as its content: what reads it there
    wants each row in one line.
    """
    width = 100_000 if whole_lines and not at_terminal() else None
    # Names of files and classes may have brackets, which rich would take for its own marks.
    return Console(highlight=False, soft_wrap=True, width=width, markup=False, emoji=False)


def table(title: str, *columns: str) -> Table:
    """A table in the house style: first column to the left, figures to the right."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        made.add_column(column, justify="left" if number == 0 else "right")
    return made


def speak() -> None:
    """Let the library's notes through to standard output, and keep other libraries' chatter back."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    ours = logging.getLogger("vision_ft")
    ours.handlers[:] = [handler]
    ours.setLevel(logging.INFO)
    ours.propagate = False
    for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"(lightning|torch|timm|albumentations).*")


def at_terminal() -> bool:
    """Whether a person is watching, so that progress bars make sense."""
    return sys.stdout.isatty()


def percent(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """A share with its interval, `62.1 % (55.0 to 70.2)`; a dash where there is none."""
    if value is None:
        return "-"
    text = f"{100 * value:.1f} %"
    return text if low is None or high is None else f"{text} ({100 * low:.1f} to {100 * high:.1f})"
