"""`vision-ft export`: write the bundle and the report of a run from its checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vision_ft.cli.console import console, speak
from vision_ft.cli.parsing import Parser
from vision_ft.cli.tables import print_summary
from vision_ft.errors import UsageError


def run(argv: Sequence[str]) -> int:
    """Export, and print the per-class table."""
    parser = Parser(prog="vision-ft export", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of the run")
    parser.add_argument("--data.root", dest="root", type=Path, metavar="DIR", help="where its images are now, if moved")
    parser.add_argument("--flattery", action="store_true", help="also show what a split by image would have claimed")
    found = parser.parse(argv)
    if not (found.run / "recipe.yaml").is_file():
        raise UsageError(f"{found.run} is no run", expected="a folder that `vision-ft train` has written")
    speak()
    from vision_ft.training import export

    result = export(found.run, root=found.root, flattery=found.flattery)
    print_summary(result.metrics)
    console().print(f"\nbundle  {result.bundle}\nreport  {result.report}")
    return 0
