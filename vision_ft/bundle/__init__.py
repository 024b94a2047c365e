"""The contract between training and serving, free of torch.

A bundle is a folder that a person can read; this package is all that is needed to check
one, load it and answer with it.
"""

from __future__ import annotations

from vision_ft.bundle.classes import ClassInfo
from vision_ft.bundle.decision import Decision, DecisionRule, worst
from vision_ft.bundle.folder import Bundle, open_bundle
from vision_ft.bundle.manifest import InputSpec, Manifest
from vision_ft.bundle.predictor import Predictor, load
from vision_ft.bundle.results import Prediction

__all__ = [
    "Bundle",
    "ClassInfo",
    "Decision",
    "DecisionRule",
    "InputSpec",
    "Manifest",
    "Prediction",
    "Predictor",
    "load",
    "open_bundle",
    "worst",
]
