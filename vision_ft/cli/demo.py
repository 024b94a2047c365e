"""`vision-ft demo`: the whole loop, on generated images or on your own.

It generates factory parts or road scenes (or takes --data.root), fine-tunes, judges the bundle on
what was held back, starts the service, sends it that over HTTP, and says where to look.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision_ft.cli import demos
from vision_ft.cli.console import at_terminal, console, speak, table
from vision_ft.cli.parsing import Parser, RecipeFlags
from vision_ft.cli.progress import progress_bar
from vision_ft.cli.tables import print_summary
from vision_ft.recipe.load import load_recipe

if TYPE_CHECKING:
    from vision_ft.data.index import Sample
    from vision_ft.training import RunResult


def run(argv: Sequence[str]) -> int:
    """Go round once."""
    parser = Parser(prog="vision-ft demo", description=__doc__)
    parser.add_argument(
        "--task", default="classify", metavar="NAME", help=f"what to show: {', '.join(demos.names())} (classify)"
    )
    parser.add_argument("--data.root", dest="root", type=Path, metavar="DIR", help="your images, in class folders")
    parser.add_argument("--data.card", dest="card", metavar="CARD", help="data card of your images")
    parser.add_argument(
        "--objective.good",
        dest="good",
        action="append",
        default=[],
        metavar="ID",
        help="classes of good parts (their folders' names), as in `train`; "
        "where neither this nor a card names any, nothing is rejected",
    )
    parser.add_argument("--recipe", help="recipe to train by (that of the task)")
    parser.add_argument("--run", type=Path, help="folder of the run (default: runs/demo-DATE-TIME)")
    parser.add_argument("--max-time", help="time for training (2 to 5 minutes, by task)")
    parser.add_argument("--seed", type=int, default=0, help="of splitting and training (0)")
    parser.add_argument("--no-wait", action="store_true", help="stop the service at the end, also at a terminal")
    found = parser.parse(argv)
    demo = demos.find(found.task)
    root, card = (found.root, found.card) if found.root is not None else (demo.root, demo.card)
    recipe = load_recipe(
        found.recipe or demo.recipe,
        {
            **demo.changes,
            "data.root": str(root),
            "data.card": card,
            "seed": found.seed,
            "trainer.max_time": found.max_time or demo.max_time,
            "export.name": "demo",
            **_good(found.good),
        },
    )
    out = console()
    speak()
    from vision_ft.cli.service import serving
    from vision_ft.training import train

    if found.root is None:
        _generate(demo)
    out.rule("1  Fine-tune and judge on parts held back")
    folder = found.run if found.run is not None else Path("runs") / time.strftime("demo-%Y%m%d-%H%M%S")
    result = train(recipe, run=folder, flattery=True, progress=at_terminal())
    print_summary(result.metrics)
    bundle = demo.finish(result.bundle, folder, found.seed, out.print) if found.root is None else result.bundle
    out.rule("2  Serve the bundle and send it the same images over HTTP")
    with serving(bundle) as url:
        _send(url, result)
        out.print(
            f"\n  report    {result.report.resolve().as_uri()}\n  bundle    {bundle}\n"
            f"  try it    {url}/\n  API docs  {url}/docs\n  metrics   {url}/metrics"
        )
        if at_terminal() and not found.no_wait:
            out.print("\nThe service runs until Ctrl-C.")
            try:
                while True:
                    time.sleep(1)
            except KeyboardInterrupt:
                pass
    # As it was called: in a fresh checkout the program is in no search path.
    program = sys.argv[0] if Path(sys.argv[0]).name == "vision-ft" else "vision-ft"
    out.print(f"\nServe it again: {program} serve {bundle}")
    return 0


def _good(words: Sequence[str]) -> Mapping[str, Any]:
    """What `--objective.good` lays over the recipe, read as `train` reads it: repeated, or with commas."""
    parser = Parser(prog="vision-ft demo")
    flags = RecipeFlags(parser)
    return flags.given(parser.parse([f"--objective.good={word}" for word in words]))


def _generate(demo: demos.Demo) -> None:
    console().rule(f"0  Generate {demo.what}")
    with progress_bar(demo.what, enabled=at_terminal()) as step:
        demo.generate(demo.root, step)
    console().print(f"{demo.what} with known labels are in {demo.root}")


def _send(url: str, result: RunResult) -> None:
    """Send each image that was held back, and print what the service answered by class.

    Where a task says where things are, an image has no one class that could be right.
    """
    from vision_ft.cli.service import ask
    from vision_ft.data.index import Index
    from vision_ft.tasks.registry import task_judge

    samples: list[Sample] = list(Index.read(result.run / "index.parquet").in_split("test").samples())
    decisions: dict[str, Counter[str]] = {}
    right: Counter[str] = Counter()
    started = time.perf_counter()
    with progress_bar("over HTTP", enabled=at_terminal()) as step:
        for number, sample in enumerate(samples, start=1):
            answer = ask(url, sample.path.read_bytes())
            label = sample.targets[0]
            decisions.setdefault(label, Counter())[str(answer["decision"])] += 1
            right[label] += answer["label"] == label
            step(number, len(samples))
    seconds = time.perf_counter() - started
    named = task_judge(result.load().stage.task).image_level
    columns = ("class", "right" if named else "images", "pass", "review", "reject")
    shown = table(f"{len(samples)} images over HTTP in {seconds:.1f} s", *columns)
    for label, counts in decisions.items():
        every = sum(counts.values())
        first = f"{right[label]} of {every}" if named else str(every)
        shown.add_row(label, first, *(str(counts[d]) for d in ("pass", "review", "reject")))
    console().print(shown)
