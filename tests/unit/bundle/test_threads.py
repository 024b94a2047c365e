"""The thread budget follows affinity, control groups and the environment."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import pytest

from vision_ft.bundle.threads import cgroup_quota, cpu_budget, limit_cv2, share
from vision_ft.errors import UsageError


def groups(folder: Path, files: dict[str, str], membership: str) -> tuple[Path, Path]:
    root = folder / "cgroup"
    root.mkdir()
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (folder / "membership").write_text(membership)
    return root, folder / "membership"


@pytest.mark.parametrize(
    ("files", "membership", "expected"),
    [
        ({}, "", None),
        ({"cpu.max": "max 100000\n"}, "0::/\n", None),
        ({"cpu.max": "150000 100000\n"}, "0::/\n", 2),
        ({"cpu.max": "50000 100000\n"}, "0::/\n", 1),
        ({"a/b/cpu.max": "max 100000", "a/cpu.max": "300000 100000", "cpu.max": "max 100000"}, "0::/a/b\n", 3),
        ({"a/cpu.max": "800000 100000", "cpu.max": "400000 100000"}, "0::/a\n", 4),
        ({"cpu.max": "400000 100000"}, "0::/../elsewhere\n", 4),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, "2:cpu:/\n", None),
        ({"cpu/cpu.cfs_quota_us": "250000", "cpu/cpu.cfs_period_us": "100000"}, "2:cpu,cpuacct:/\n", 3),
        ({"cpu/x/cpu.cfs_quota_us": "100000", "cpu/x/cpu.cfs_period_us": "100000"}, "9:memory:/m\n2:cpuacct,cpu:/x", 1),
        ({"cpu.max": "nonsense"}, "0::/\n", None),
        ({"cpu.max": "100 0"}, "0::/\n", None),
    ],
)
def test_quota(tmp_path: Path, files: dict[str, str], membership: str, expected: int | None) -> None:
    assert cgroup_quota(*groups(tmp_path, files, membership)) == expected


def test_budget_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISION_FT_THREADS", raising=False)
    assert 1 <= cpu_budget() <= (os.cpu_count() or 1)


def test_affinity_limits_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISION_FT_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert cpu_budget() == 1


def test_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISION_FT_THREADS", " 7 ")
    assert cpu_budget() == 7


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "²"])
def test_a_bad_environment_is_one_sentence(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("VISION_FT_THREADS", text)
    with pytest.raises(UsageError, match="VISION_FT_THREADS: expected a whole number"):
        cpu_budget()


@pytest.mark.parametrize(("budget", "workers", "each"), [(8, 2, 4), (8, 3, 2), (2, 5, 1), (4, 0, 4)])
def test_share(budget: int, workers: int, each: int) -> None:
    assert share(budget, workers) == each


def test_limit_cv2() -> None:
    before = cv2.getNumThreads()
    try:
        limit_cv2(1)
        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(before)
