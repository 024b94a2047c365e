"""From predictions to honest figures, an operating point and a report.

A bundle is run over labelled images (`collect`), or out-of-fold probabilities are put beside
their labels (`table_from_index`); everything else is computed from that one table. Rates
are counted by part, intervals are resampled by group.
"""

from __future__ import annotations

from vision_ft.evaluation.calibration import apply_temperature, calibrate, fit_temperature
from vision_ft.evaluation.card import model_card
from vision_ft.evaluation.collect import collect
from vision_ft.evaluation.decide import decided, table_from_index
from vision_ft.evaluation.escape import Escapes, escapes
from vision_ft.evaluation.figures import Figure
from vision_ft.evaluation.flattery import Flattery, flattery
from vision_ft.evaluation.intervals import bootstrap
from vision_ft.evaluation.operating_point import OperatingPoint, choose
from vision_ft.evaluation.pictures import Pictures
from vision_ft.evaluation.report import write_report
from vision_ft.evaluation.summary import summarise, write_summary
from vision_ft.evaluation.table import PredictionTable, concat, read_table
from vision_ft.evaluation.verdicts import judge_decisions

__all__ = [
    "Escapes",
    "Figure",
    "Flattery",
    "OperatingPoint",
    "Pictures",
    "PredictionTable",
    "apply_temperature",
    "bootstrap",
    "calibrate",
    "choose",
    "collect",
    "concat",
    "decided",
    "escapes",
    "fit_temperature",
    "flattery",
    "judge_decisions",
    "model_card",
    "read_table",
    "summarise",
    "table_from_index",
    "write_report",
    "write_summary",
]
