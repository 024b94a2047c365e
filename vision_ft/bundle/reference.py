"""`reference.npz`: what monitoring and the novelty check compare with."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, fields
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from vision_ft.errors import BundleError

REFERENCE = "reference.npz"


@dataclass(frozen=True, slots=True)
class Reference:
    """The training (and out-of-fold) images as the shipped graph sees them.

    M images, D embedding width, C classes in the manifest's order.
    """

    embeddings: NDArray[np.float16]
    """Unit vectors [M, D]."""
    targets: NDArray[np.int32]
    """Index of the labelled class [M]."""
    scores: NDArray[np.float32]
    """Probabilities on images that the scoring model was not trained on [K, C]."""
    score_targets: NDArray[np.int32]
    """Labelled class of each row of `scores` [K]."""
    confusion: NDArray[np.int64]
    """Counts [C, C] of those scores, row: labelled, column: most probable."""
    quality: NDArray[np.float32]
    """Brightness, contrast and sharpness (see `quality`) [M, 3]."""
    slices: NDArray[np.str_]
    """Slice of each of the M images as `name=value` joined by `;` [M]."""

    def write(self, folder: Path) -> None:
        """Write into a bundle's folder."""
        np.savez_compressed(folder / REFERENCE, **{f.name: getattr(self, f.name) for f in fields(self)})


def read_reference(folder: Path) -> Reference | None:
    """Read a bundle's reference, or None where it has none. No pickle is ever loaded.

    Raises `BundleError` when the file is damaged.
    """
    path = folder / REFERENCE
    if not path.exists():
        return None
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as content:
            return Reference(**{f.name: content[f.name] for f in fields(Reference)})
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise BundleError(f"{path} cannot be read", got=str(error), remedy="Copy the bundle again.") from error
