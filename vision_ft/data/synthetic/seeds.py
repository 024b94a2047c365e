"""Random streams that depend on a name, not on the order in which they are asked for.

Every part, shot, scene and track draws from a stream of its own, seeded from the
SHA-256 digest of (seed, name). Adding parts therefore moves no other part, and the
same name gives the same numbers on every machine (PCG64 is specified bit by bit).
"""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the random stream that belongs to `seed` and the path of `names`."""
    text = "\x1f".join(str(item) for item in (seed, *names))
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))
