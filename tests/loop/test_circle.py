"""The circle on generated pictures, through the command line: inspect, train, evaluate, predict, serve."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.settings import Settings
from tests.support.one_thread import one_thread
from vision_ft.cli import main
from vision_ft.data.synthetic import generate_surfaces

_SIZE = (72, 96)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def test_from_pictures_to_a_watched_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = {"good": 8, "stain": 6, "scratch": 6}
    root = generate_surfaces(tmp_path / "line", parts_per_class=parts, shots=2, size=_SIZE, surfaces=("brushed",))
    csv, run = str(root / "samples.csv"), tmp_path / "run"

    assert main(["data", "inspect", "--data.csv", csv, "--json", str(tmp_path / "health.json")]) == 0
    assert "stain" in capsys.readouterr().out
    assert json.loads((tmp_path / "health.json").read_text())

    flags = {
        "data.csv": csv, "objective.good": "[good]", "objective.max_escape_rate": "0.2",
        "model.backbone": "test_efficientnet", "model.pretrained": "false", "input.height": "64", "input.width": "80",
        "trainer.max_epochs": "1", "trainer.batch_size": "8", "split.folds": "0", "split.test": "0.3",
        "split.val": "0.3", "export.parity_images": "12", "export.name": "line-3",
    }  # fmt: skip
    arguments = [text for name, value in flags.items() for text in (f"--{name}", value)]
    assert main(["train", "--run", str(run), *arguments]) == 0
    out = capsys.readouterr().out
    assert f"bundle  {run / 'bundle'}" in out
    assert f"report  {run / 'report' / 'report.html'}" in out

    evaluate = ["evaluate", str(run / "bundle"), "--data.csv", csv, "--split", "test"]
    evaluate += ["--split-file", str(run / "split.json"), "--json", str(tmp_path / "figures.json")]
    assert main([*evaluate, "--report", str(tmp_path / "judged")]) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    reported = json.loads((run / "report" / "metrics.json").read_text())
    assert figures["seen_images"] == 0
    for name in ("images", "parts", "accuracy", "escape_rate", "overkill_rate", "bundle_version"):
        assert figures[name] == reported[name], name
    assert (tmp_path / "judged" / "report.html").exists()
    assert str(figures["parts"]) in capsys.readouterr().out

    pictures = sorted((root / "images").rglob("*.jpg"))
    chosen = [pictures[0], pictures[-1]]
    answers_file = tmp_path / "answers.json"
    predict = ["predict", str(run / "bundle"), *map(str, chosen), "--format", "json", "--out", str(answers_file)]
    assert main([*predict, "--overlay", str(tmp_path / "overlays")]) == 0
    answers = json.loads(answers_file.read_text())
    assert len(list((tmp_path / "overlays").glob("*.png"))) == 2

    with TestClient(create_app(Settings(bundle=run / "bundle", device="cpu"))) as client:
        for picture, answer in zip(chosen, answers, strict=True):
            served = client.post("/v1/predict", content=picture.read_bytes()).json()
            assert (served["label"], served["decision"]) == (answer["label"], answer["decision"])
            assert served["probability"] == pytest.approx(answer["probability"], abs=1e-6)
        text = client.get("/metrics").text
    counted = [line for line in text.splitlines() if line.startswith("vision_ft") and 'label="' in line]
    assert sum(float(line.rsplit(" ", 1)[1]) for line in counted if "predictions_total" in line) == 2
    assert "line-3" in text
