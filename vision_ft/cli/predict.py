"""`vision-ft predict`: answer on files or folders with a bundle."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision_ft.cli.console import console, table
from vision_ft.cli.images import add_device_flag, image_files
from vision_ft.cli.parsing import Parser
from vision_ft.errors import ImageError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vision_ft.bundle.predictor import Predictor
    from vision_ft.bundle.results import Prediction

_COLUMNS = ("file", "label", "probability", "decision", "reasons")


@dataclass(frozen=True, slots=True)
class _Row:
    """What is shown of one image: of a long folder nothing larger is kept."""

    answer: dict[str, Any]
    """Its JSON: the file, and the answer or the error."""
    found: str = "-"
    probabilities: dict[str, float] | None = None
    """By class id; None where the image could not be used."""


def run(argv: Sequence[str]) -> int:
    """Answer on each image; exit code 1 where an image could not be used."""
    parser = Parser(prog="vision-ft predict", description=__doc__)
    parser.add_argument("bundle", type=Path, help="folder of the bundle")
    parser.add_argument("images", type=Path, nargs="+", help="files, or folders of images")
    parser.add_argument("--format", choices=("table", "csv", "json"), default="table", help="what is printed (table)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write there instead of printing")
    parser.add_argument(
        "--overlay",
        type=Path,
        metavar="DIR",
        help="write each image with the answer drawn on it: a heatmap, boxes or outlines",
    )
    parser.add_argument(
        "--mask",
        type=Path,
        metavar="DIR",
        help="write the class of each pixel as a grey PNG: 0 background, k the k-th class that is not background",
    )
    add_device_flag(parser)
    found = parser.parse(argv)
    from vision_ft.bundle.predictor import load

    files = image_files(found.images)
    predictor = load(found.bundle, device=found.device)
    for flag, folder, reason in (
        ("--overlay", found.overlay, predictor.no_overlay),
        ("--mask", found.mask, predictor.no_mask),
    ):
        if folder is not None and reason:
            raise UsageError(f"{flag}: {found.bundle} gives no such pictures: {reason}", remedy=f"Leave {flag} out.")
    if found.overlay is not None and found.overlay == found.mask:
        raise UsageError("--overlay and --mask", expected="two folders", got=f"{found.mask} for both")
    rows: list[_Row] = []
    failed = 0
    for number, file in enumerate(files):
        try:
            data = file.read_bytes()
            prediction = predictor(data)
        except (ImageError, OSError) as error:
            failed += 1
            problem = str(error) if isinstance(error, ImageError) else f"it cannot be read: {error.strerror}."
            print(f"vision-ft predict: {file}: {problem}", file=sys.stderr)
            rows.append(_Row({"file": str(file), "error": problem}))
            continue
        answer = {"file": str(file), **prediction.to_json()}
        rows.append(_Row(answer, prediction.summary(), prediction.probabilities))
        for folder, picture in _pictures(predictor, data, prediction, overlay=found.overlay, mask=found.mask):
            _write_png(folder / f"{number:05d}_{file.stem}.png", picture)
    text = _as_json(rows) if found.format == "json" else _FORMS[found.format](rows, found_too=predictor.summarises)
    if found.out is not None:
        found.out.parent.mkdir(parents=True, exist_ok=True)
        found.out.write_text(text, encoding="utf-8")
        console().print(f"written: {found.out}")
    else:
        print(text, end="")
    return 1 if failed else 0


def _pictures(
    predictor: Predictor, data: bytes, prediction: Prediction, *, overlay: Path | None, mask: Path | None
) -> Iterator[tuple[Path, NDArray[np.uint8]]]:
    """The pictures of one answer that are asked for, and the folders that they belong into."""
    from vision_ft.bundle.decode import decode
    from vision_ft.bundle.results import PixelLabels

    if overlay is not None:
        yield overlay, prediction.result.overlay(decode(data, window=predictor.stage.input.window))[:, :, ::-1]
    if mask is not None:
        assert isinstance(prediction.result, PixelLabels), "the predictor has said so"
        yield mask, prediction.result.label_map()


def _write_png(path: Path, picture: NDArray[np.uint8]) -> None:
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())


def _cells(row: _Row, found_too: bool) -> tuple[str, ...]:
    answer, found = row.answer, (row.found,) if found_too else ()
    if "error" in answer:
        return (answer["file"], "-", "-", *found, "-", answer["error"])
    share = f"{answer['probability']:.3f}"
    return (answer["file"], answer["label"], share, *found, answer["decision"], "; ".join(answer["reasons"]))


def _columns(found_too: bool) -> tuple[str, ...]:
    return (*_COLUMNS[:3], "found", *_COLUMNS[3:]) if found_too else _COLUMNS


def _as_table(rows: list[_Row], *, found_too: bool) -> str:
    shown = table("", *_columns(found_too))
    shown.title = None
    for row in rows:
        shown.add_row(*_cells(row, found_too))
    out = console(whole_lines=True)
    with out.capture() as captured:
        out.print(shown)
    return captured.get()


def _as_csv(rows: list[_Row], *, found_too: bool) -> str:
    text = io.StringIO()
    classes = next((list(row.probabilities) for row in rows if row.probabilities is not None), [])
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_columns(found_too), *(f"p_{name}" for name in classes)])
    for row in rows:
        shares = ["" if row.probabilities is None else f"{row.probabilities[name]:.6f}" for name in classes]
        writer.writerow([*_cells(row, found_too), *shares])
    return text.getvalue()


def _as_json(rows: list[_Row]) -> str:
    return json.dumps([row.answer for row in rows], indent=2, ensure_ascii=False) + "\n"


_FORMS = {"table": _as_table, "csv": _as_csv}
