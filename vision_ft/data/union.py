"""Union-find: what is linked, directly or through others, becomes one group."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Union:
    """Joins numbers 0 to `size` - 1 into sets; a set is named by its smallest member."""

    def __init__(self, size: int) -> None:
        self._above = list(range(size))

    def find(self, one: int) -> int:
        """Give the smallest number in the set of `one`."""
        root = one
        while self._above[root] != root:
            root = self._above[root]
        while self._above[one] != root:
            self._above[one], one = root, self._above[one]
        return root

    def join(self, left: int, right: int) -> None:
        """Make the sets of two numbers one."""
        low, high = sorted((self.find(left), self.find(right)))
        self._above[high] = low

    def join_pairs(self, pairs: NDArray[np.integer[Any]]) -> None:
        """Join each of the pairs [P, 2]; of a million pairs only the sets that they make are walked through."""
        least = np.arange(len(self._above))
        while len(pairs):
            # Every set hands its name to the sets that it is linked to, where theirs is greater.
            ends = least[pairs]
            for side in (0, 1):
                np.minimum.at(least, ends[:, side], ends.min(axis=1))
            while (least[least] != least).any():
                least = least[least]
            pairs = pairs[least[pairs[:, 0]] != least[pairs[:, 1]]]
        for at in np.flatnonzero(least != np.arange(len(least))).tolist():
            self.join(int(least[at]), at)

    def join_equal(self, values: Sequence[Hashable]) -> None:
        """Join all numbers that have the same value."""
        first: dict[Hashable, int] = {}
        for at, value in enumerate(values):
            self.join(first.setdefault(value, at), at)

    def labels(self) -> NDArray[np.int64]:
        """Give each number the smallest number in its set, int64 [size]."""
        return np.array([self.find(at) for at in range(len(self._above))], dtype=np.int64)

    def keys(self, names: Sequence[str]) -> tuple[str, ...]:
        """Give each number the smallest of the names in its set."""
        least: dict[int, str] = {}
        roots = [self.find(at) for at in range(len(self._above))]
        for root, name in zip(roots, names, strict=True):
            least[root] = min(name, least.get(root, name))
        return tuple(least[root] for root in roots)
