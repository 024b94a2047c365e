"""Torch and ONNX Runtime on one thread: tests that train run beside each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one thread until the block ends, in what reads the thread budget too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISION_FT_THREADS", "1")
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(threads)
