"""Keeping freed memory, so that large tensors on a CPU are not paid for anew at every use."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
"""Parameters of glibc's `mallopt` (malloc.h)."""
_MOST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let the C library keep what tensors give back, in the whole process; False where it cannot be told to.

    glibc asks the system for each block above 32 MiB and gives it back at once (mallopt(3),
    M_MMAP_THRESHOLD), so that every activation of a batch is made of fresh pages, each of which
    the system clears on first touch: for a depthwise convolution that takes five times as long
    as its arithmetic. The process stays as large as it has ever been, and aligned blocks leave gaps at first;
    other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    mallopt.argtypes, mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _MOST))
