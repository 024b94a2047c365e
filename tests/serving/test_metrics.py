"""GET /metrics: what was asked shows in the figures, by class, stage and reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving.settings import Settings
from tests.serving.conftest import png, running, wait_for


@pytest.fixture(scope="module")
def scraped(bundle: Path) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every series of a service that answered four images and refused two."""
    with running(Settings(bundle=bundle)) as service:
        for image in (png(200), png(200), png(0, 200), png(0, 70, 60), b"no image"):
            service.predict(image)
        service.client.post("/v1/predict", json={})
        files = [("images", png(0, 0, 200)), ("images", b"no image")]
        service.client.post("/v1/predict/batch", files=files)
        wait_for(lambda: service.metric("vision_ft_requests_in_flight") == 0)
        answer = service.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def value(series: Series, name: str, **labels: str) -> float:
    return series[f"vision_ft_{name}", tuple(sorted(labels.items()))]


@pytest.mark.parametrize(
    ("label", "decision", "count"),
    [("red", "reject", 2), ("green", "pass", 1), ("green", "review", 1), ("blue", "reject", 1), ("blue", "pass", 0)],
)
def test_predictions_by_class_and_decision(scraped: Series, label: str, decision: str, count: int) -> None:
    assert value(scraped, "predictions_total", label=label, decision=decision) == count


def test_confidence_by_class(scraped: Series) -> None:
    assert value(scraped, "confidence_count", label="red") == 2
    assert value(scraped, "confidence_sum", label="red") == pytest.approx(2 * 0.9962, abs=1e-3)
    assert value(scraped, "confidence_bucket", label="red", le="0.99") == 0
    assert value(scraped, "confidence_bucket", label="green", le="0.6") == 1
    assert value(scraped, "confidence_bucket", label="green", le="1.0") == 2


@pytest.mark.parametrize("stage", ["read", "decode", "queue", "infer", "assemble", "total"])
def test_latency_by_stage(scraped: Series, stage: str) -> None:
    assert value(scraped, "stage_seconds_count", stage=stage) == 5
    assert 0 < value(scraped, "stage_seconds_sum", stage=stage) < 50


def test_a_stage_that_was_not_passed_is_not_counted(scraped: Series) -> None:
    assert value(scraped, "stage_seconds_count", stage="heatmap") == 0


def test_batches(scraped: Series) -> None:
    assert value(scraped, "batch_size_sum") == 5
    assert value(scraped, "batch_size_count") == 5


def test_refusals_by_reason(scraped: Series) -> None:
    assert value(scraped, "rejected_total", reason="not-an-image") == 2
    assert value(scraped, "rejected_total", reason="unsupported-media-type") == 1
    assert value(scraped, "rejected_total", reason="internal-error") == 0


def test_requests_by_address_and_status(scraped: Series) -> None:
    assert value(scraped, "requests_total", route="/v1/predict", status="200") == 4
    assert value(scraped, "requests_total", route="/v1/predict", status="422") == 1
    assert value(scraped, "requests_total", route="/v1/predict", status="415") == 1
    assert value(scraped, "requests_total", route="/v1/predict/batch", status="200") == 1


def test_gauges_come_back_to_rest(scraped: Series) -> None:
    assert value(scraped, "queue_depth") == 0
    assert value(scraped, "pending_body_bytes") == 0
    assert value(scraped, "requests_in_flight") == 1  # the scrape itself


def test_the_model_is_named(scraped: Series) -> None:
    named = [dict(labels) for (name, labels), one in scraped.items() if name == "vision_ft_model_info" and one == 1]
    assert len(named) == 1
    assert (named[0]["name"], named[0]["version"], named[0]["device"]) == ("tiny", "20260101-tiny", "cpu")


def test_two_services_count_apart(bundle: Path) -> None:
    settings = Settings(bundle=bundle)
    with running(settings) as one, running(settings) as other:
        one.predict(png(200))
        assert one.metric("vision_ft_predictions_total", label="red", decision="reject") == 1
        assert other.metric("vision_ft_predictions_total", label="red", decision="reject") == 0
        unknown = [one.client.get(f"/scan/{number}").status_code for number in range(5)]
        assert unknown == [404] * 5
        # Addresses that nobody foresaw share one series; a scanner cannot fill the registry.
        assert one.metric("vision_ft_requests_total", route="unmatched", status="404") == 5
