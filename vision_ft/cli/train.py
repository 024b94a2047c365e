"""`vision-ft train`: from labelled images to a bundle and a report.

Every key of a recipe is a flag. Defaults shown are those before a recipe; --print-config shows
what would run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vision_ft.cli.console import at_terminal, console, speak
from vision_ft.cli.parsing import Parser, RecipeFlags
from vision_ft.cli.tables import print_summary
from vision_ft.errors import UsageError
from vision_ft.recipe.load import json_schema, load_recipe, to_yaml


def run(argv: Sequence[str]) -> int:
    """Train, and print the per-class table."""
    parser = Parser(prog="vision-ft train", description=__doc__)
    parser.add_argument(
        "recipe",
        nargs="?",
        help="a YAML file, or the name of a shipped recipe: classify_defects (which defect does a part have, if any?), "
        "classify_signs (which sign, mark or code does a crop show?), detect_defects and detect_signs (where are "
        "they?), segment_defects (which pixels, and how large?), find_anomalies (what is unlike good parts?)",
    )
    parser.add_argument("--run", type=Path, help="folder of the run (default: runs/DATE-TIME)")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the interrupted run in --run; --data.root says where its images are now, if they have moved",
    )
    parser.add_argument("--from-scratch", action="store_true", help="no pretrained weights, to show what they gain")
    parser.add_argument("--flattery", action="store_true", help="also show what a split by image would have claimed")
    parser.add_argument("--print-config", action="store_true", help="print the resolved recipe and stop")
    parser.add_argument("--print-schema", action="store_true", help="print the recipe's JSON schema and stop")
    flags = RecipeFlags(parser)
    found = parser.parse(argv)
    if found.print_schema:
        print(json_schema(), end="")
        return 0
    if found.resume and found.run is None:
        raise UsageError("--resume", expected="--run DIR, the folder of the interrupted run")
    if found.resume and not found.run.is_dir():
        raise UsageError(f"--run {found.run}", expected="the folder of the interrupted run", got="no such folder")
    overrides = dict(flags.given(found))
    if found.from_scratch:
        overrides["model.pretrained"] = False
    # Images may have moved since; what else the recipe says holds.
    root = None
    if found.resume and set(overrides.get("data", {})) == {"root"}:
        root = overrides.pop("data")["root"]
    if found.resume and (overrides or found.recipe is not None):
        given = "another recipe" if found.recipe is not None else "recipe flags"
        raise UsageError("--resume goes on with the run's own recipe", got=given, remedy="Leave them out.")
    recipe = load_recipe(found.recipe, overrides)
    if found.print_config:
        print(to_yaml(recipe), end="")
        return 0
    if not found.resume:
        # Said at once: what trains takes seconds to load.
        from vision_ft.training.prepare import image_source

        image_source(recipe)
    speak()
    from vision_ft.training import Interrupted, train

    try:
        result = train(
            None if found.resume else recipe,
            root=root,
            run=found.run,
            resume=found.resume,
            flattery=found.flattery,
            progress=at_terminal(),
        )
    except Interrupted as stop:
        kept = f"the best weights so far are kept in {stop.checkpoint}" if stop.checkpoint else "no epoch was finished"
        again = f"vision-ft train --run {found.run or 'DIR'} --resume"
        console().print(f"\nInterrupted: {kept}. Go on with `{again}`, or start anew.")
        return 130
    print_summary(result.metrics)
    console().print(f"\nrun     {result.run}\nbundle  {result.bundle}\nreport  {result.report}")
    return 0
