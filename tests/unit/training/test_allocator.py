"""Memory that is freed is used again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_SCRIPT = """
import resource, sys
import torch
from vision_ft.training.allocator import keep_freed_memory

print(keep_freed_memory() if KEEP else "as it is")
for _ in range(20):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(25_000_000)
    pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(pages)
"""


def _pages(keep: bool) -> tuple[str, int]:
    """What the call says, and the fresh pages of the last of some large tensors."""
    script = _SCRIPT.replace("KEEP", str(keep))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    said, pages = done.stdout.split("\n")[:2]
    return said, int(pages)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library is left as it is")
def test_a_large_tensor_is_made_of_the_pages_of_the_one_before() -> None:
    _, without = _pages(keep=False)
    said, pages = _pages(keep=True)
    assert said == "True"
    # 100 MB are 24,000 pages of 4 KiB, or 48 of 2 MiB.
    assert without >= 48
    assert pages < without / 10


def test_another_c_library_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes

    from vision_ft.training.allocator import keep_freed_memory

    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert keep_freed_memory() is False
