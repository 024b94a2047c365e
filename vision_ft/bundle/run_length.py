"""COCO's run lengths: a mask as the lengths of its runs of zeros and ones, column by column.

The first run is of zeros (and may be of length 0). Compressed, each length from the fourth on is
written as its difference to the one two before it, in groups of five bits from the lowest on,
each as the character 48 + bits; bit 32 says that another group follows, bit 16 of the last
group is the sign.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_BITS, _MORE, _SIGN, _FIRST = 5, 0x20, 0x10, 48
_LONGEST = 7
"""Groups of five bits that the largest length of any image here needs."""


def encode(
    mask: NDArray[np.uint8] | NDArray[np.bool_], *, left: int = 0, top: int = 0, size: tuple[int, int] | None = None
) -> str:
    """Compressed run lengths of a mask [H, W]; what is not zero is the object.

    The mask may be a part of a larger one of `size` (height, width), its first pixel at `left`
    and `top`: the rest is zeros, and is never made. Raises ValueError for an array that is not
    of two dimensions, and for one that does not lie in `size`.
    """
    if mask.ndim != 2:
        raise ValueError(f"a mask has two dimensions, and this has {mask.ndim}")
    height, width = mask.shape if size is None else size
    if left < 0 or top < 0 or top + mask.shape[0] > height or left + mask.shape[1] > width:
        raise ValueError(f"a mask of {mask.shape} at {left}, {top} does not lie in {height} x {width}")
    padded = np.zeros((mask.shape[1], mask.shape[0] + 2), np.int8)
    padded[:, 1:-1] = (mask != 0).T
    turns = np.diff(padded, axis=1)
    starts, ends = (np.argwhere(turns == one) @ np.array([height, 1]) + left * height + top for one in (1, -1))
    # A run that reaches the last row goes on in the first one of the next column.
    apart = starts[1:] != ends[:-1]
    edges = np.stack([starts[np.r_[True, apart][: len(starts)]], ends[np.r_[apart, True][: len(ends)]]], axis=1).ravel()
    counts = np.diff(edges, prepend=0, append=height * width).tolist()
    return _compress(counts if counts[-1] or len(counts) == 1 else counts[:-1]) if height * width else ""


def decode(counts: str | Sequence[int], height: int, width: int) -> NDArray[np.uint8]:
    """The mask of compressed or plain run lengths, uint8 [height, width] of zeros and ones.

    Raises ValueError for a text that is none, and for lengths that do not fill the mask.
    """
    lengths = np.array(_lengths(counts), np.int64)
    if lengths.size and (lengths.min() < 0 or lengths.max() > height * width):
        raise ValueError("a run is shorter than 0 or longer than the mask")
    if int(lengths.sum()) != height * width:
        raise ValueError(f"the runs are of {int(lengths.sum())} pixels, and {width} x {height} has {height * width}")
    values = np.arange(lengths.size, dtype=np.int64) % 2
    return np.ascontiguousarray(np.repeat(values, lengths).astype(np.uint8).reshape(width, height).T)


def _lengths(counts: str | Sequence[int]) -> list[int]:
    if isinstance(counts, str):
        return _decompress(counts)
    if any(isinstance(one, bool) or not isinstance(one, int) or not -(2**40) < one < 2**40 for one in counts):
        raise ValueError("a run is no whole number of pixels")
    return list(counts)


def _compress(counts: Sequence[int]) -> str:
    text = []
    for at, count in enumerate(counts):
        rest = count - counts[at - 2] if at > 2 else count
        while True:
            bits = rest & 0x1F
            rest >>= _BITS
            # The sign is that of the last group's highest bit; -1 and 0 are what is left of numbers of that sign.
            last = rest == (-1 if bits & _SIGN else 0)
            text.append(chr(_FIRST + (bits if last else bits | _MORE)))
            if last:
                break
    return "".join(text)


def _decompress(text: str) -> list[int]:
    counts: list[int] = []
    value, groups = 0, 0
    for character in text:
        bits = ord(character) - _FIRST
        if not 0 <= bits < 2 * _MORE or groups >= _LONGEST:
            raise ValueError(f"no compressed run lengths ({character!r} at run {len(counts) + 1})")
        value |= (bits & 0x1F) << (_BITS * groups)
        groups += 1
        if bits & _MORE:
            continue
        if bits & _SIGN:
            value -= 1 << (_BITS * groups)
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value, groups = 0, 0
    if groups:
        raise ValueError("the compressed run lengths end early")
    return counts
