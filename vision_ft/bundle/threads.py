"""How many CPU cores this process may use, and how they are divided."""

from __future__ import annotations

import math
import os
from pathlib import Path

import cv2

from vision_ft.errors import UsageError

VARIABLE = "VISION_FT_THREADS"
"""Environment variable that overrides what the machine says."""
_ROOT = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def cpu_budget() -> int:
    """Cores that this process may use, at least 1.

    The smaller of the scheduler's affinity and the control group's quota (rounded up), or
    what `VISION_FT_THREADS` says. Raises `UsageError` where that is no positive number.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if text:
        if not text.isdecimal() or int(text) < 1:
            raise UsageError(f"environment variable {VARIABLE}", expected="a whole number from 1 on", got=repr(text))
        return int(text)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, cgroup_quota(_ROOT, _MEMBERSHIP) or cores))


def cgroup_quota(root: Path, membership: Path) -> int | None:
    """Cores that the control group grants, rounded up; None where it sets no limit.

    `root` is where the control groups are mounted, `membership` the process's own list of
    them. Versions 1 and 2; of nested groups the tightest limit counts.
    """
    own = {"": "/", "cpu": "/"}
    for line in _read(membership).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for name in controllers.split(","):
            own[name] = path
    limits = []
    for group in _upwards(own[""]):
        words = _read(root / group / "cpu.max").split()
        if len(words) == 2:
            limits.append(_cores(words[0], words[1]))
    for group in _upwards(own["cpu"]):
        folder = root / "cpu" / group
        limits.append(_cores(_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")))
    return min((limit for limit in limits if limit is not None), default=None)


def share(budget: int, workers: int) -> int:
    """Cores for each of `workers` equal workers, at least 1."""
    return max(1, budget // max(1, workers))


def limit_cv2(threads: int) -> None:
    """Let OpenCV use so many threads for one call (1: none but the caller's), in the whole process."""
    cv2.setNumThreads(threads)


def _upwards(path: str) -> list[str]:
    """The group and all above it, relative to the mount, the root last."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    return ["/".join(parts[:depth]) for depth in range(len(parts), -1, -1)]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:  # no control groups here, or not for this process to see
        return ""


def _cores(quota: str, period: str) -> int | None:
    if not quota.isdecimal() or not period.isdecimal() or int(quota) == 0 or int(period) == 0:
        return None
    return math.ceil(int(quota) / int(period))
