"""The same pixels on every machine: whatever instructions its processor has."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np

from vision_ft.data.synthetic import SIGNS, SURFACES, render_part, render_scene, render_track

# Changes only together with `files.REVISION`: sets made before must not be added to.
DIGEST = "625306e8a04862ce6c3a50947d942d574d350f9d905db7cd4ada468889ff1030"

SCRIPT = """
import cv2, sys
cv2.setUseOptimized(False)
cv2.setNumThreads(1)
sys.path.insert(0, sys.argv[1])
from test_portable import digest
print(digest())
"""


def digest() -> str:
    """SHA-256 of the pixels of a few parts, a scene and a track."""
    total = hashlib.sha256()
    for surface, target in zip(SURFACES, ("dent", "stain", "missing_part"), strict=True):
        for shot in render_part("p", target, surface=surface, shots=2, size=(96, 128), seed=5):
            total.update(shot.image.tobytes() + shot.mask.tobytes())
    for frame in render_scene("s", size=(120, 160), seed=5):
        total.update(frame.image.tobytes() + repr([sign.box for sign in frame.signs]).encode())
    for crop in render_track("t", SIGNS[0], frames=2, seed=5):
        total.update(crop.image.tobytes())
    return total.hexdigest()


def test_the_pictures_of_a_seed_have_not_changed() -> None:
    assert digest() == DIGEST


def test_slower_instructions_give_the_same_pixels() -> None:
    features = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(features)}
    here = os.path.dirname(__file__)
    root = os.path.abspath(os.path.join(here, *[".."] * 4))
    environment["PYTHONPATH"] = root
    plain = subprocess.run(
        [sys.executable, "-c", SCRIPT, here], env=environment, capture_output=True, text=True, check=False
    )
    assert plain.returncode == 0, plain.stderr
    assert plain.stdout.strip() == digest()
