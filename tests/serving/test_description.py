"""The model's card, health, pages, and the API's description."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.app import create_app
from serving.complete import answers_of
from serving.errors import ALL_PROBLEMS
from serving.schemas import Health, ModelAnswer, Problem, Readiness
from serving.settings import Settings
from tests.serving.conftest import Running, running
from vision_ft.bundle.tasks import TASKS

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_models_card(shared: Running, bundle: Path) -> None:
    body = shared.client.get("/v1/model").json()
    card = ModelAnswer.model_validate(body)
    assert [c.id for c in card.classes] == ["red", "green", "blue"]
    assert [c.id for c in card.classes if c.good] == ["green"]
    assert (card.input.height, card.input.width) == (32, 32)
    assert (card.decision.pass_below, card.decision.reject_from) == (0.2, 0.6)
    assert card.weights.licence == "Apache-2.0"
    assert (card.task, card.device, card.heatmap, card.overlay) == ("classify", "cpu", "", "")
    assert "no classes" in card.mask
    assert "stages" not in body
    assert card.digest == json.loads((bundle / "manifest.json").read_text())["digest"]


def test_the_whole_manifest(shared: Running, bundle: Path) -> None:
    assert shared.client.get("/v1/model/manifest").json() == json.loads((bundle / "manifest.json").read_text())


def test_health(shared: Running) -> None:
    assert Health.model_validate(shared.client.get("/healthz").json()).status == "ok"
    assert Readiness.model_validate(shared.client.get("/readyz").json()).status == "ready"


def test_a_dead_inference_thread_is_a_reason_to_restart(shared: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    monkeypatch.setattr(shared.service.engine, "_thread", threading.Thread())
    answer = shared.client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "failed")


def test_a_path_prefix_is_known_whether_or_not_the_proxy_takes_it_off(bundle: Path) -> None:
    with running(Settings(bundle=bundle, root_path="/line/vision")) as service:
        for prefix in ("", "/line/vision"):
            assert service.client.get(f"{prefix}/v1/model").status_code == 200
        assert service.client.get("/openapi.json").json()["servers"] == [{"url": "/line/vision"}]
        assert '"/line/vision/docs/assets/' in service.client.get("/docs").text


@pytest.mark.parametrize("path", ["/", "/problems", "/static/home.css", "/static/home.js"])
def test_pages_load_nothing_from_elsewhere(shared: Running, path: str) -> None:
    answer = shared.client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    outside = re.sub(r"xmlns='http://www.w3.org/2000/svg'", "", answer.text)
    assert "http://" not in outside
    assert "https://" not in outside


def test_every_address_of_the_home_page_exists(shared: Running) -> None:
    page = shared.client.get("/").text
    links = re.findall(r'(?:href|src)="([^"#:]+)"', page)
    assert {"docs", "metrics", "v1/model", "problems", "static/home.js", "static/home.css"} <= set(links)
    assert [shared.client.get(f"/{link}").status_code for link in links] == [200] * len(links)


def test_the_docs_page_works_without_internet(shared: Running) -> None:
    page = shared.client.get("/docs").text
    files = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert len(files) == 3
    for file in files:
        assert file.startswith("/docs/assets/")
        assert shared.client.get(file).status_code == 200


def test_the_problems_page_describes_each_type(shared: Running) -> None:
    page = shared.client.get("/problems").text
    for problem in ALL_PROBLEMS:
        assert f'id="{problem.slug}"' in page
    assert len({p.slug for p in ALL_PROBLEMS}) == len(ALL_PROBLEMS)


def test_the_document_lists_each_problem() -> None:
    text = (REPOSITORY / "docs" / "service.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| (\d{3}) \| `([a-z-]+)` \|", text, re.MULTILINE))
    assert rows == {(str(p.status), p.slug) for p in ALL_PROBLEMS}


@pytest.fixture(scope="module")
def description(shared: Running) -> dict[str, Any]:
    body: dict[str, Any] = shared.client.get("/openapi.json").json()
    return body


def walk(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from walk(child)
    elif isinstance(node, list):
        for child in node:
            yield from walk(child)


def test_every_reference_of_the_description_leads_somewhere(description: dict[str, Any]) -> None:
    references = {node["$ref"] for node in walk(description) if isinstance(node.get("$ref"), str)}
    assert "#/components/schemas/Problem" in references
    for reference in references:
        assert reference.removeprefix("#/components/schemas/") in description["components"]["schemas"]


def test_the_description_covers_the_api(description: dict[str, Any]) -> None:
    assert set(description["paths"]) == {
        "/v1/predict", "/v1/predict/batch", "/v1/model", "/v1/model/manifest", "/healthz", "/readyz", "/metrics",
    }  # fmt: skip
    predict = description["paths"]["/v1/predict"]["post"]
    assert set(predict["requestBody"]["content"]) == {"image/*", "application/octet-stream", "multipart/form-data"}
    assert {p["name"] for p in predict["parameters"]} == {"heatmap", "part", "slice", "X-Request-ID"}
    for status, answer in predict["responses"].items():
        if status != "200":
            assert list(answer["content"]) == ["application/problem+json"], status
    for operation in (o for path in description["paths"].values() for o in path.values()):
        assert operation["summary"]
        assert operation["description"]
        assert operation["tags"]


def shown(description: dict[str, Any], path: str = "/v1/predict") -> list[str]:
    """Names of the schemas that an address may answer with."""
    schema = description["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    return [one["$ref"].rsplit("/", 1)[1] for one in schema.get("anyOf", [schema])]


def test_the_problems_example_is_valid() -> None:
    for example in Problem.model_json_schema()["examples"]:
        Problem.model_validate(example)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_an_answer_with_a_valid_example(task: str) -> None:
    answers = answers_of(task)
    answers.one.model_validate(answers.example)
    entry = {"index": 0, "file": "a.png", **answers.example}
    answers.batch.model_validate({"request_id": "1", "part": None, "results": [entry]})


def test_the_served_task_is_described(description: dict[str, Any]) -> None:
    assert shown(description) == ["ClassifyAnswer"]
    assert shown(description, "/v1/predict/batch") == ["ClassifyBatchAnswer"]
    assert description["components"]["schemas"]["ClassifyAnswer"]["examples"] == [answers_of("classify").example]


def test_without_a_bundle_every_task_is_described() -> None:
    description = create_app(Settings()).openapi()
    assert shown(description) == [f"{task.capitalize()}Answer" for task in TASKS]
    assert {node["$ref"].rsplit("/", 1)[1] for node in walk(description) if "$ref" in node} <= set(
        description["components"]["schemas"]
    )


def test_every_property_is_described_or_speaks_for_itself(description: dict[str, Any]) -> None:
    answer = description["components"]["schemas"]["ClassifyAnswer"]["properties"]
    assert {name for name, p in answer.items() if "description" not in p} <= {"model_version", "timings_ms"}
