"""What the page says where the parts that chose are the parts that judge."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vision_ft.bundle.decision import DecisionRule
from vision_ft.bundle.manifest import Calibration, Manifest
from vision_ft.evaluation.report.unknowns import unknowns
from vision_ft.evaluation.summary import summarise
from vision_ft.evaluation.table import PredictionTable

MakeTable = Callable[..., PredictionTable]
SET = DecisionRule(pass_below=0.4, reject_from=0.6)
CROSSED = Calibration(fitted_on="validation", parts=40, nll_before=0.9, nll_after=0.7)
BOTH, ALONE = "the epoch, the temperature and the thresholds.", "the epoch and the temperature."
ON_ALL = Calibration(fitted_on="validation", parts=40)


@pytest.mark.parametrize(
    ("rule", "calibration", "judged", "chosen", "rest"),
    [
        (SET, CROSSED, "cross-fitted", BOTH, "Temperature and thresholds are cross-fitted"),
        (SET, CROSSED, "observed", BOTH, "The thresholds are not"),
        (SET, ON_ALL, "cross-fitted", BOTH, "The verdicts on parts are cross-fitted here."),
        (SET, ON_ALL, "observed", BOTH, "Nothing of this is cross-fitted"),
        (DecisionRule(), CROSSED, "observed", ALONE, "The temperature is cross-fitted here,"),
        (DecisionRule(), ON_ALL, "observed", ALONE, "Nothing of this is cross-fitted"),
    ],
)
def test_of_validation_parts_only_that_is_called_cross_fitted_which_is(
    random_table: MakeTable,
    manifest: Manifest,
    rule: DecisionRule,
    calibration: Calibration,
    judged: str,
    chosen: str,
    rest: str,
) -> None:
    table = random_table(origin="validation")
    stage = manifest.stage.model_copy(update={"calibration": calibration})
    made = manifest.model_copy(update={"decision": rule, "stages": (stage,)})
    summary = {**summarise(table, made, replicates=20), "operating_point": {"judged": judged}}
    (said,) = (one for one in unknowns(made, table, summary) if one.startswith("No part was held back for a test"))
    assert chosen in said
    assert rest in said


def test_parts_that_were_held_back_have_chosen_nothing(random_table: MakeTable, manifest: Manifest) -> None:
    table = random_table()
    assert not any("No part was held back" in one for one in unknowns(manifest, table, summarise(table, manifest)))
