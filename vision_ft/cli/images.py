"""Which labelled images a verb works on: the flags `--data.*`, and files or folders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vision_ft.cli.parsing import Parser
from vision_ft.data.index import Index
from vision_ft.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")


DEVICES = ("auto", "cpu", "cuda")


def add_device_flag(parser: Parser) -> None:
    """Add `--device`, which the verbs that run a bundle share."""
    parser.add_argument(
        "--device",
        default="auto",
        choices=DEVICES,
        help="where the bundle runs; auto takes a GPU that ONNX Runtime can use, else the CPU (auto)",
    )


def add_data_flags(parser: Parser, *, on_error: Literal["raise", "skip"] = "raise") -> None:
    """Add the recipe's data flags, spelled as in `train`; `on_error` is what happens where nothing is said."""
    parser.add_argument("--data.root", dest="root", type=Path, metavar="DIR", help="folder of the images")
    parser.add_argument("--data.card", dest="card", metavar="CARD", help="data card: a name, or a YAML file")
    parser.add_argument("--data.csv", dest="csv", type=Path, metavar="FILE", help="table with path, target, part...")
    parser.add_argument(
        "--data.on_error",
        dest="on_error",
        choices=("raise", "skip"),
        default=on_error,
        help=f"an image that cannot be read: stop, or leave it out and list it ({on_error})",
    )
    parser.add_argument(
        "--data.limit_per_class", dest="limit", type=int, metavar="K", help="at most K images a class, by the seed"
    )
    parser.add_argument(
        "--data.one_class", dest="one_class", metavar="ID", help="read every labelled object as of one class of this id"
    )
    parser.add_argument("--seed", type=int, default=0, help="of drawing and splitting")


def _embed(paths: Sequence[Path]) -> NDArray[np.float32]:
    from vision_ft.training.embedding import embed_images  # torch: only where nothing else says what belongs together

    return embed_images(paths)


def read_index(found: Any, *, good: tuple[str, ...] | None = None) -> Index:
    """The index that the data flags name, grouped as in training; raises `UsageError` where they name none."""
    from vision_ft.data.load import load_index

    if found.limit is not None and found.limit < 1:
        raise UsageError("--data.limit_per_class", expected="at least 1", got=str(found.limit))
    if found.root is None and found.csv is None:
        raise UsageError("No images are named", remedy="Give their folder with --data.root DIR.")
    root = found.root if found.root is not None else found.csv.parent
    if not root.is_dir():
        raise UsageError(f"--data.root {root}", expected="a folder of images", got="no such folder")
    return load_index(
        root=root,
        card=found.card,
        csv=found.csv,
        good=good,
        on_error=found.on_error,
        limit_per_class=found.limit,
        seed=found.seed,
        one_class=found.one_class,
        embed=_embed if find_spec("torch") else None,
    )


def image_files(paths: Iterable[Path]) -> list[Path]:
    """Files as given, and all images below folders, sorted; raises `UsageError` for what is not there."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
            if not inside:
                raise UsageError(f"{path} holds no image", expected=f"files ending in {', '.join(SUFFIXES)}")
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise UsageError(f"{path} does not exist")
    return files
