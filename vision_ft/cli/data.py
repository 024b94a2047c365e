"""`vision-ft data inspect|preview|split`: look at labelled images before training."""

from __future__ import annotations

import argparse
import difflib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vision_ft.cli.console import console, table
from vision_ft.cli.images import add_data_flags, read_index
from vision_ft.cli.parsing import Parser, RecipeFlags
from vision_ft.errors import UsageError

if TYPE_CHECKING:
    from vision_ft.data.health import HealthReport
    from vision_ft.data.index import Index

_ACTIONS = ("inspect", "preview", "split")
_HELP = """look at labelled images before training

  inspect   counts, objects, masks, sizes, unreadable files, duplicates, doubtful labels, light;
            with --draw also a picture of images with their labels
  preview   a picture of labelled originals, each beside what training makes of it
  split     place groups into train, val and test, and save it

`vision-ft data ACTION --help` tells more."""


def run(argv: Sequence[str]) -> int:
    """Choose the action."""
    if not argv or argv[0] in ("-h", "--help"):
        print(f"usage: vision-ft data {{{','.join(_ACTIONS)}}} [options]\n\n{_HELP}")
        return 0 if argv else 2
    action, *rest = argv
    if action == "inspect":
        return _inspect(rest)
    if action == "preview":
        return _preview(rest)
    if action == "split":
        return _split(rest)
    near = difflib.get_close_matches(action, _ACTIONS, 1)
    raise UsageError(
        f"vision-ft data: unknown action {action!r}",
        expected=", ".join(_ACTIONS),
        remedy=f"Did you mean {near[0]}?" if near else "",
    )


def _inspect(argv: Sequence[str]) -> int:
    parser = Parser(prog="vision-ft data inspect", description="Is this data fit to train on?")
    add_data_flags(parser, on_error="skip")  # looking is for finding what cannot be read
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the findings as JSON")
    parser.add_argument("--draw", type=Path, metavar="FILE", help="also draw images with their labels, as PNG")
    found = parser.parse(argv)
    if found.draw is not None:
        _check_png("--draw", found.draw)
    from vision_ft.data.health import inspect

    index = read_index(found)
    report = inspect(index)
    masks = _masks(index, report)
    out = console()
    for section in report.sections():
        more = masks if section.title == "Classes" else ()
        shown = table(section.title, *section.columns, *(("masks",) if more else ()))
        for number, row in enumerate(section.rows):
            shown.add_row(*row, *more[number : number + 1])
        out.print(shown, "")
    for warning in report.warnings:
        out.print(f"! {warning}")
    if found.json is not None:
        found.json.parent.mkdir(parents=True, exist_ok=True)
        found.json.write_text(report.to_json() + "\n", encoding="utf-8")
        out.print(f"written: {found.json}")
    if found.draw is not None:
        from vision_ft.data.sheet import write_sheet

        found.draw.parent.mkdir(parents=True, exist_ok=True)
        write_sheet(index, found.draw, seed=found.seed)
        out.print(f"written: {found.draw}")
    return 0


def _check_png(flag: str, file: Path) -> None:
    """Raises UsageError for another suffix: OpenCV chooses the format by it, and raises its own error."""
    if file.suffix.lower() != ".png":
        raise UsageError(f"{flag} {file}", expected="a name that ends in .png")


def _masks(index: Index, report: HealthReport) -> tuple[str, ...]:
    """How many images of each of the report's classes have a mask; empty where none has."""
    counts = Counter(
        one
        for targets, mask in zip(index.column("targets"), index.column("mask"), strict=True)
        if mask
        for one in targets
    )
    return tuple(str(counts[one.id]) for one in report.classes) if counts else ()


def _preview(argv: Sequence[str]) -> int:
    parser = Parser(
        prog="vision-ft data preview",
        description="A picture of originals (left) beside augmented ones, as in training; "
        "of tasks other than classification, originals with their labelled objects.",
    )
    parser.add_argument("recipe", nargs="?", help="recipe whose data, input and augmentation are shown")
    parser.add_argument("--out", type=Path, default=Path("preview.png"), help="PNG to write (preview.png)")
    parser.add_argument("--rows", type=int, default=6, help="originals to show (6)")
    parser.add_argument("--columns", type=int, default=5, help="augmented ones beside each (5)")
    flags = RecipeFlags(parser)
    found = parser.parse(argv)
    if min(found.rows, found.columns) < 1:
        raise UsageError(
            "The preview", expected="at least one row and one column", got=f"{found.rows} by {found.columns}"
        )
    _check_png("--out", found.out)
    from vision_ft.recipe.load import load_recipe

    recipe = load_recipe(found.recipe, flags.given(found))
    from vision_ft.training.preview import write_preview

    write_preview(recipe, found.out, rows=found.rows, columns=found.columns)
    console().print(f"written: {found.out}")
    return 0


def _split(argv: Sequence[str]) -> int:
    parser = Parser(
        prog="vision-ft data split",
        description="Place groups into train, val and test. A saved split is obeyed: only new groups are placed.",
    )
    add_data_flags(parser)
    parser.add_argument("--test", type=_share, default=0.15, metavar="SHARE", help="share of groups held back (0.15)")
    parser.add_argument("--val", type=_share, default=0.15, metavar="SHARE", help="share for validation (0.15)")
    parser.add_argument(
        "--given",
        choices=("keep", "ignore"),
        default="keep",
        help="a split that the data have already (folders, a column): keep it, or place every group anew (keep)",
    )
    parser.add_argument("--out", type=Path, default=Path("split.json"), help="the saved split (split.json)")
    found = parser.parse(argv)
    from vision_ft.data.folds import suggest
    from vision_ft.data.split import SavedSplit, assign, check

    saved = SavedSplit.read(found.out) if found.out.exists() else None
    index = assign(read_index(found), test=found.test, val=found.val, seed=found.seed, saved=saved, given=found.given)
    check(index)
    SavedSplit.of(index, test=found.test, val=found.val, seed=found.seed, before=saved).write(found.out)
    out = console()
    shown = table("Split by group", "class", "split", "images", "parts", "groups")
    for count in index.counts():
        shown.add_row(count.target, count.split or "-", str(count.images), str(count.parts), str(count.groups))
    out.print(shown)
    for note in index.notes:
        out.print(f"note: {note}")
    for rejected in index.rejected:
        out.print(f"left out: {rejected.path}: {rejected.reason}")
    out.print(suggest(index).reason)
    out.print(f"written: {found.out}")
    return 0


def _share(text: str) -> float:
    """A share of the groups; raises what argparse turns into one sentence."""
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share < 1.0:  # also false of nan, which float() takes and every comparison lets through
        raise argparse.ArgumentTypeError(f"expected a share of at least 0 and below 1, got {text}")
    return share
