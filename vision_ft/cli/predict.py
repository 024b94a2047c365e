"""`vision-ft predict`: answer on files or folders with a bundle."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vision_ft.cli.console import console
from vision_ft.cli.images import add_device_flag, image_files
from vision_ft.cli.parsing import Parser
from vision_ft.cli.rows import FORMS, Row, Rows
from vision_ft.errors import ImageError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vision_ft.bundle.predictor import Predictor
    from vision_ft.bundle.results import Prediction


def run(argv: Sequence[str]) -> int:
    """Answer on each image; exit code 1 where an image could not be used, or a picture not be written."""
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
    for folder in (found.overlay, found.mask):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        out = sys.stdout
        if found.out is not None:
            found.out.parent.mkdir(parents=True, exist_ok=True)
            out = stack.enter_context(found.out.open("w", encoding="utf-8", newline=""))
        classes = [one.id for one in predictor.stage.classes]
        rows: Rows = FORMS[found.format](out, classes, found_too=predictor.summarises)
        stack.callback(rows.end)
        failed = _answer(predictor, files, rows, overlay=found.overlay, mask=found.mask)
    if found.out is not None:
        console().print(f"written: {found.out}")
    return 1 if failed else 0


def _answer(predictor: Predictor, files: Sequence[Path], rows: Rows, *, overlay: Path | None, mask: Path | None) -> int:
    """Answer each file, one by one; how many could not be used, or their pictures not be written."""
    failed = 0
    for number, file in enumerate(files):
        try:
            data = file.read_bytes()
            prediction = predictor(data)
        except (ImageError, OSError) as error:
            failed += 1
            problem = str(error) if isinstance(error, ImageError) else f"it cannot be read: {error.strerror}."
            _complain(file, problem)
            rows.add(Row({"file": str(file), "error": problem}))
            continue
        answer = {"file": str(file), **prediction.to_json()}
        rows.add(Row(answer, prediction.summary(), prediction.probabilities))
        for folder, picture in _pictures(predictor, data, prediction, overlay=overlay, mask=mask):
            path = folder / f"{number:05d}_{file.stem}.png"
            try:
                _write_png(path, picture)
            except OSError as error:
                failed += 1
                _complain(path, f"it cannot be written: {error.strerror}.")
    return failed


def _complain(file: Path, problem: str) -> None:
    print(f"vision-ft predict: {file}: {problem}", file=sys.stderr)


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

    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
