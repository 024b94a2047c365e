"""`vision-ft join`: make one bundle of a detector and a classifier of what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vision_ft.cli.console import console
from vision_ft.cli.parsing import Parser
from vision_ft.errors import UsageError


def run(argv: Sequence[str]) -> int:
    """Join, and say where the bundle is."""
    parser = Parser(prog="vision-ft join", description=__doc__)
    parser.add_argument("detector", type=Path, help="bundle that finds boxes")
    parser.add_argument("classifier", type=Path, help="bundle that names what is in a box")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the new bundle")
    parser.add_argument("--name", help="name of the model (default: the folder's)")
    parser.add_argument(
        "--margin", type=float, default=0.1, help="share of a box's longer side that is added around it (0.1)"
    )
    parser.add_argument(
        "--score-from", type=float, default=0.1, metavar="SCORE", help="boxes below this score are dropped (0.1)"
    )
    found = parser.parse(argv)
    if not 0.0 <= found.margin <= 2.0 or not 0.0 <= found.score_from <= 1.0:
        raise UsageError("vision-ft join", expected="--margin from 0 to 2, --score-from from 0 to 1")
    from vision_ft.bundle.manifest import CropSpec
    from vision_ft.export.join import join_bundles

    crop = CropSpec(margin=found.margin, score_from=found.score_from)
    target = join_bundles(found.detector, found.classifier, found.out, name=found.name, crop=crop)
    console().print(f"bundle: {target}")
    return 0
