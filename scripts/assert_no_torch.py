"""Fail unless this interpreter is a serving machine's: no training library can be imported."""

from __future__ import annotations

import importlib.util
import sys

TRAINING = ("torch", "torchvision", "lightning", "timm", "albumentations")

found = [name for name in TRAINING if importlib.util.find_spec(name) is not None]
if found:
    sys.exit(f"{sys.prefix} has {', '.join(found)}: a serving environment must do without.")
print(f"{sys.prefix}: no {', '.join(TRAINING)} here")
