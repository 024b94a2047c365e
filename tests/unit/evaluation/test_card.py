"""The model card, in Markdown."""

from __future__ import annotations

from collections.abc import Callable

from vision_ft.bundle.decision import DecisionRule
from vision_ft.bundle.manifest import Manifest
from vision_ft.evaluation.card import decision_lines, model_card
from vision_ft.evaluation.objective_words import objective_of, objective_words
from vision_ft.evaluation.summary import summarise
from vision_ft.evaluation.table import PredictionTable
from vision_ft.recipe.objective import Objective

MakeTable = Callable[..., PredictionTable]


def test_the_card_says_what_the_model_is(manifest: Manifest, random_table: MakeTable) -> None:
    card = model_card(manifest.model_copy(update={"metrics": summarise(random_table())}))
    assert card.startswith("# tiles v7\n")
    for expected in (
        "| Backbone | test_backbone |", "licence Apache-2.0", "96 x 64 px, stretch", "80 images of 16 parts",
        "| c0 | c0 | yes | 20 | 4 | 0.250 |", "No objective was stated.", "| Balanced accuracy | 0.", "## Limits",
        "| class | images | parts | Precision | Recall | F1 |",
    ):  # fmt: skip
        assert expected in card


def test_figures_that_are_missing_are_said_to_be(manifest: Manifest, random_table: MakeTable) -> None:
    assert "None were measured." in model_card(manifest)
    undefined = model_card(manifest.model_copy(update={"metrics": {"held-out": summarise(random_table(good=()))}}))
    assert "## Figures: held-out" in undefined
    assert "| Escape rate | - | no class is declared good |" in undefined


def test_a_bar_in_a_name_does_not_break_the_tables(manifest: Manifest) -> None:
    card = model_card(manifest.model_copy(update={"name": "a|b", "libraries": {"x": "1|2"}}))
    assert "a\\|b, version" in card
    assert "1\\|2" in card


def test_the_rule_in_words(manifest: Manifest) -> None:
    rule = DecisionRule(pass_below=0.25, reject_from=0.75, distance_limit=0.4, basis="Set by hand.")
    lines = decision_lines(manifest.model_copy(update={"decision": rule}))
    assert lines[0] == "The defect score is below 0.25: pass. From 0.75 on: reject."
    assert lines[1] == "Between the two: review."
    assert "distance above 0.400" in lines[2]
    assert lines[-1] == "Set by hand."
    plain = decision_lines(manifest.model_copy(update={"decision": DecisionRule(abstain_below=0.5)}))
    assert plain[1] == "Its probability is below 0.50: review."


def test_objectives_in_words() -> None:
    stated = Objective(max_escape_rate=0.01, max_overkill_rate=0.1, max_review_share=0.05)
    assert objective_words(objective_of(stated.model_dump(mode="json"))) == (
        "At most 1 % of the defective parts may pass; at most 10 % of the good parts may be rejected; "
        "a person may be asked to look at 5 % of the parts."
    )
    costs = Objective(cost_escape=200, cost_overkill=4, cost_review=1, defect_rate=0.02)
    assert "an escape costs 200, a rejected good part 4, a review 1, and 2 % of the parts are" in objective_words(costs)
    assert objective_words(objective_of(None)) == "No objective was stated."
