"""A serving machine has no torch: nothing of the service asks for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
FORBIDDEN = ("torch", "lightning", "timm", "torchvision", "albumentations", "sklearn", "pyarrow")

SERVE = """
import asyncio, sys
import httpx
from serving.app import create_app
from serving.settings import Settings
from tests.serving.conftest import png

async def main():
    app = create_app(Settings(bundle=sys.argv[1]))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            for path in ("/v1/predict?heatmap=overlay", "/v1/predict"):
                answer = await client.post(path, content=png(200), headers={"Content-Type": "image/png"})
                assert answer.json()["label"] == "red", answer.text
            for path in ("/", "/docs", "/metrics", "/v1/model", "/openapi.json"):
                assert (await client.get(path)).status_code == 200, path

asyncio.run(main())
print(sorted(set(sys.modules) & set(sys.argv[2:])))
"""

LIST = """
import sys
import serving.cli
print(sorted(set(sys.modules) & set(sys.argv[1:])))
"""


def answer_of(code: str, *argv: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *argv], cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_whole_answer_needs_no_training_library(bundle: Path) -> None:
    assert answer_of(SERVE, str(bundle), *FORBIDDEN) == "[]"


def test_naming_the_verb_loads_nothing_heavy() -> None:
    assert answer_of(LIST, *FORBIDDEN, "numpy", "cv2", "onnxruntime", "fastapi", "uvicorn", "pydantic") == "[]"
