"""`vision-ft evaluate`: judge a bundle on labelled images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vision_ft.cli.console import at_terminal, console
from vision_ft.cli.images import add_data_flags, add_device_flag, read_index
from vision_ft.cli.parsing import Parser
from vision_ft.cli.progress import progress_bar
from vision_ft.cli.tables import print_summary


def run(argv: Sequence[str]) -> int:
    """Judge, print the tables, and write what was asked for."""
    parser = Parser(prog="vision-ft evaluate", description=__doc__)
    parser.add_argument("bundle", type=Path, help="folder of the bundle")
    add_data_flags(parser)
    parser.add_argument(
        "--split",
        default="all",
        metavar="NAME",
        help="judge the images of this split alone: train, val or test, as --split-file says, or else the data's own "
        "folders or column; all judges every image (all)",
    )
    parser.add_argument("--split-file", type=Path, metavar="FILE", help="saved split, such as a run's split.json")
    parser.add_argument("--leave-out-seen", action="store_true", help="leave out images that the model was trained on")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write the report and metrics.json")
    add_device_flag(parser)
    found = parser.parse(argv)
    from vision_ft.bundle.folder import open_bundle
    from vision_ft.evaluation.judge import judge_bundle
    from vision_ft.tasks.registry import task_judge

    open_bundle(found.bundle)  # before minutes are spent on reading images
    with progress_bar("evaluate", enabled=at_terminal()) as step:
        summary = judge_bundle(
            found.bundle,
            read_index(found),
            judge_of=task_judge,
            split=found.split,
            split_file=found.split_file,
            leave_out_seen=found.leave_out_seen,
            json_file=found.json,
            report=found.report,
            device=found.device,
            progress=step,
        )
    print_summary(summary)
    for file in (found.json, found.report / "report.html" if found.report else None):
        if file is not None:
            console().print(f"written: {file}")
    return 0
