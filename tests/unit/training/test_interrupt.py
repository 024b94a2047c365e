"""Ctrl-C at a terminal: the best weights are kept, and the person is told where."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import BASE, ONE_SPLIT


@pytest.mark.slow
def test_ctrl_c_keeps_the_best_weights_and_says_where(table: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings = {**BASE, **ONE_SPLIT, "trainer.max_epochs": 100_000, "data.csv": table, "objective.good": "[good]"}
    flags = [text for key, value in settings.items() for text in (f"--{key}", str(value))]
    command = [sys.executable, "-u", "-m", "vision_ft.cli", "train", "--run", str(run), *flags]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "VISION_FT_THREADS": "1"},
    ) as process:
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if "epoch 2 of 100000" in line:
                process.send_signal(signal.SIGINT)
        code = process.wait(timeout=60)
    text = "".join(said)
    assert code == 130, text
    checkpoint = run / "fits" / "final" / "best.ckpt"
    assert checkpoint.exists()
    assert f"the best weights so far are kept in {checkpoint}" in text.replace("\n", " ")
    assert "--resume" in said[-1]
    assert "Traceback" not in text
    assert not (run / "bundle").exists()
