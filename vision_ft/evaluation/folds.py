"""Folds of whole groups, placed by hash: the same group lands in the same place every time."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def strata_folds(groups: NDArray[np.str_], k: int, strata: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """Fold of each row [N] such that a group lies in one fold, folds being alike in size and strata.

    A group belongs to the stratum (True) if any of its rows does. At most `k` folds, and no
    more than there are groups.
    """
    names, of_row = np.unique(groups, return_inverse=True)
    k = max(1, min(k, len(names)))
    marked = np.zeros(len(names), dtype=np.bool_)
    if strata is not None:
        np.logical_or.at(marked, of_row, strata)
    keys = [(not marked[i], hashlib.sha256(str(name).encode()).digest()) for i, name in enumerate(names)]
    order = sorted(range(len(names)), key=keys.__getitem__)
    fold = np.empty(len(names), dtype=np.int64)
    fold[order] = np.arange(len(names)) % k
    return fold[of_row]
