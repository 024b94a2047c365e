"""`vision-ft predict`: answer on files or folders with a bundle."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vision_ft.cli.console import console, table
from vision_ft.cli.images import add_device_flag, image_files
from vision_ft.cli.parsing import Parser
from vision_ft.errors import ImageError, UsageError

_COLUMNS = ("file", "label", "probability", "decision", "reasons")


def run(argv: Sequence[str]) -> int:
    """Answer on each image; exit code 1 where an image could not be used."""
    parser = Parser(prog="vision-ft predict", description=__doc__)
    parser.add_argument("bundle", type=Path, help="folder of the bundle")
    parser.add_argument("images", type=Path, nargs="+", help="files, or folders of images")
    parser.add_argument("--format", choices=("table", "csv", "json"), default="table", help="what is printed (table)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write there instead of printing")
    parser.add_argument("--overlay", type=Path, metavar="DIR", help="write each image with its heatmap drawn on")
    add_device_flag(parser)
    found = parser.parse(argv)
    import cv2

    from vision_ft.bundle.decode import decode
    from vision_ft.bundle.predictor import load

    files = image_files(found.images)
    predictor = load(found.bundle, device=found.device)
    if found.overlay is not None and predictor.stage.heatmap:
        raise UsageError(
            f"--overlay: {found.bundle} gives no heatmap",
            got=predictor.stage.heatmap,
            remedy="Leave --overlay out.",
        )
    rows: list[dict[str, Any]] = []
    failed = 0
    for number, file in enumerate(files):
        try:
            data = file.read_bytes()
            prediction = predictor(data)
        except (ImageError, OSError) as error:
            failed += 1
            reason = str(error) if isinstance(error, ImageError) else f"it cannot be read: {error.strerror}."
            print(f"vision-ft predict: {file}: {reason}", file=sys.stderr)
            rows.append({"file": str(file), "error": reason})
            continue
        rows.append({"file": str(file), **prediction.to_json()})
        if found.overlay is not None:
            found.overlay.mkdir(parents=True, exist_ok=True)
            drawn = prediction.result.overlay(decode(data, window=predictor.stage.input.window))
            picture = found.overlay / f"{number:05d}_{file.stem}.png"
            picture.write_bytes(cv2.imencode(".png", drawn[:, :, ::-1])[1].tobytes())
    text = {"table": _as_table, "csv": _as_csv, "json": _as_json}[found.format](rows)
    if found.out is not None:
        found.out.parent.mkdir(parents=True, exist_ok=True)
        found.out.write_text(text, encoding="utf-8")
        console().print(f"written: {found.out}")
    else:
        print(text, end="")
    return 1 if failed else 0


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    if "error" in row:
        return (row["file"], "-", "-", "-", row["error"])
    return (row["file"], row["label"], f"{row['probability']:.3f}", row["decision"], "; ".join(row["reasons"]))


def _as_table(rows: list[dict[str, Any]]) -> str:
    shown = table("", *_COLUMNS)
    shown.title = None
    for row in rows:
        shown.add_row(*_cells(row))
    out = console(whole_lines=True)
    with out.capture() as captured:
        out.print(shown)
    return captured.get()


def _as_csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    classes = next((list(row["probabilities"]) for row in rows if "probabilities" in row), [])
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_COLUMNS, *(f"p_{name}" for name in classes)])
    for row in rows:
        shares = ["" if "error" in row else f"{row['probabilities'][name]:.6f}" for name in classes]
        writer.writerow([*_cells(row), *shares])
    return text.getvalue()


def _as_json(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
